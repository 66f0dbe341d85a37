"""What was measured: numbers with units, what became of each step, one JSON file."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from groot_ros.files.whole_file import write_whole

FORMAT = 1
OK, FAILED, TIMED_OUT, SKIPPED = "ok", "failed", "timed out", "skipped"


def spread(name: str, numbers: Sequence[float], unit: str) -> dict[str, tuple[float, str]]:
    """Values of a Result: the median under this name and the 95th percentile."""
    p95 = statistics.quantiles(numbers, n=20, method="inclusive")[-1]
    median = statistics.median(numbers)
    return {name: (round(median, 3), unit), f"{name} p95": (round(p95, 3), unit)}


class Skip(Exception):
    """This machine cannot do the step; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """Numbers of one case, such as a version of the model in one number type."""

    case: Mapping[str, Any]
    values: Mapping[str, tuple[float, str]]
    """Number and unit, by name."""

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Result:
        """One that JSON made lists of."""
        values = {name: (value, unit) for name, (value, unit) in content["values"].items()}
        return cls(case=content["case"], values=values)

    def __str__(self) -> str:
        case = " ".join(str(part) for part in self.case.values() if part != "")
        values = ", ".join(f"{name} {v:g} {unit}".strip() for name, (v, unit) in self.shown())
        return f"{case}: {values}"

    def shown(self) -> list[tuple[str, tuple[float, str]]]:
        """The values without their 95th percentiles."""
        return [(name, value) for name, value in self.values.items() if not name.endswith(" p95")]


@dataclass(frozen=True, kw_only=True)
class StepOutcome:
    """The outcome of a step, with the results that it had yielded by its end."""

    step: str
    title: str
    status: str
    reason: str = ""
    seconds: float = 0.0
    results: tuple[Result, ...] = ()


@dataclass(kw_only=True)
class Record:
    """Everything that one run of the check found; owned by the process that runs the steps."""

    dry_run: bool
    started: str
    commit: str
    machine: dict[str, Any] = field(default_factory=dict)
    outcomes: list[StepOutcome] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether all steps ran to their end."""
        return all(outcome.status == OK for outcome in self.outcomes)

    def write(self, path: Path) -> None:
        """Write beside and rename, so that a file is always whole."""
        content = {"format": FORMAT, "complete": self.complete, **asdict(self)}
        write_whole(path, json.dumps(content, indent=1) + "\n")


def read(path: Path) -> Record:
    """A record that was written."""
    content = json.loads(path.read_text())
    outcomes = [
        StepOutcome(**{**outcome, "results": tuple(map(Result.of, outcome["results"]))})
        for outcome in content["outcomes"]
    ]
    own = ("dry_run", "started", "commit", "machine")
    return Record(**{name: content[name] for name in own}, outcomes=outcomes)
