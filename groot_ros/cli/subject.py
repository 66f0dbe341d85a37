"""A subject of `groot-ros benchmark`: measured, then printed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from groot_ros.cli.command import Command


class Printed(Protocol):
    """Options of a subject, whatever they are besides."""

    @property
    def json(self) -> bool: ...


P = TypeVar("P", bound=Printed)


def subject(
    summary: str,
    options: type[P],
    measure: Callable[[P], dict[str, Any]],
    report: Callable[[P, dict[str, Any]], None],
    is_bad: Callable[[dict[str, Any]], bool] = lambda _: False,
) -> Command[Any]:
    """Measure and print; exit code 1 where `is_bad` says so of the result."""

    def run(options: P) -> int:
        result = measure(options)
        if options.json:
            print(json.dumps(result, indent=2))
        else:
            report(options, result)
        return int(is_bad(result))

    untyped: Any = options
    return Command(options=untyped, run=run, summary=summary)
