"""How a verb ends: what it made, where to look, and the next command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Ending:
    """What a verb tells at its end, in sentences or as JSON.

    `made` are the files and folders that are new, `facts` what is known of them, `said` the
    sentences for a person, `next` the commands that go on from here, by what they are for.
    """

    made: Sequence[Path] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    said: Sequence[str] = ()
    next: Mapping[str, str] = field(default_factory=dict)
    exit_code: int = 0

    def lines(self) -> Iterator[str]:
        """For a person."""
        yield from self.said
        for purpose, command in self.next.items():
            yield f"{purpose}: {command}"

    def to_dict(self) -> dict[str, Any]:
        """For a program."""
        return {
            **self.facts,
            "made": [str(path) for path in self.made],
            "next": list(self.next.values()),
            "exit_code": self.exit_code,
        }
