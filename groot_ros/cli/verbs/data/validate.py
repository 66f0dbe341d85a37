"""`groot-ros validate`: check every rule of a dataset's format."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from groot_ros.cli.command import Command
from groot_ros.cli.common_options import (
    json_option,
)
from groot_ros.options import argument


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of `groot-ros validate`."""

    dataset: Path = argument()
    json: bool = json_option()


def run(options: Options) -> int:
    from groot_ros.data.review.validate import validate

    found = validate(options.dataset)
    if options.json:
        print(json.dumps(asdict(found), indent=2))
        return found.exit_code
    for problem in found.problems:
        print(f"problem: {problem}")
    for warning in found.warnings:
        print(f"warning: {warning}")
    verdict = f"{len(found.problems)} problems" if found.problems else "valid"
    print(f"{found.path}: {found.episodes} episodes, {found.frames} frames, {verdict}")
    return found.exit_code


COMMAND = Command(options=Options, run=run)
