"""What is to be done in how many rounds, and what was done of it, as a file says it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from groot_ros.errors import UserError
from groot_ros.files.config_file import read_json
from groot_ros.files.whole_file import write_whole
from groot_ros.trials.statistics import Comparison, compare, wilson_interval

FILE = "improve.json"
REMEDY = "choose another --output"
# May change between a run and its continuation.
FREE = ("rounds",)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What every round is made of.

    Args:
        robot: name or path of the robot file.
        checkpoint: folder of the one to begin with.
        datasets: what it was trained on.
        rounds: how many.
        corrections: episodes of each in which somebody corrects the policy.
        steps: of fine-tuning in each.
        learning_rate: the highest one of fine-tuning.
        old_share: of the samples, that the old datasets give.
        site: what else decides what comes of it, by name.
    """

    robot: str
    checkpoint: str
    datasets: tuple[str, ...]
    rounds: int
    corrections: int
    steps: int
    learning_rate: float
    old_share: float
    site: dict[str, Any]

    def __post_init__(self) -> None:
        for name in ("rounds", "corrections", "steps"):
            if (value := getattr(self, name)) < 1:
                raise UserError(f"{name} is {value}, expected 1 or more")
        if not 0 <= self.learning_rate < math.inf:
            raise UserError(f"learning-rate is {self.learning_rate:g}, expected 0 or more")
        if not 0 < self.old_share < 1:
            raise UserError(
                f"old-share is {self.old_share:g}, expected above 0 and below 1: of the samples "
                "that are learned again"
            )


@dataclass(kw_only=True)
class Round:
    """How far a round is; what is empty, 0 or false is still to be done.

    `scenes` were tried, `corrections` of them are to be learned, of which the dataset of
    corrections has `episodes` then. `before` and `after` are whether the checkpoint and the
    `candidate` succeeded, scene by scene.
    """

    checkpoint: str
    scenes: int = 0
    corrections: int = 0
    is_recorded: bool = False
    episodes: int = 0
    candidate: str = ""
    before: list[bool] = field(default_factory=list)
    after: list[bool] = field(default_factory=list)

    @property
    def comparison(self) -> Comparison | None:
        """Of both, once they were tried."""
        return compare(self.before, self.after) if self.after else None

    @property
    def kept(self) -> str:
        """The better one, that of before where neither is; empty before both were tried."""
        if not self.after:
            return ""
        return self.candidate if sum(self.after) > sum(self.before) else self.checkpoint

    def summary(self) -> dict[str, Any]:
        """The result of the round in a sentence."""
        if (comparison := self.comparison) is None:
            return {}
        return {
            "before": rate(self.before),
            "after": rate(self.after),
            "kept": self.kept,
            **comparison.to_dict(),
            "words": comparison.sentence(self.checkpoint, self.candidate),
        }


def rate(outcomes: list[bool]) -> dict[str, Any]:
    """Successes with their 95 % interval (Wilson)."""
    low, high = wilson_interval(sum(outcomes), len(outcomes))
    return {
        "successes": sum(outcomes),
        "episodes": len(outcomes),
        "interval": [round(low, 3), round(high, 3)],
    }


@dataclass
class State:
    """A plan and its rounds, in a folder; belongs to who works there."""

    plan: Plan
    folder: Path
    rounds: list[Round] = field(default_factory=list)

    @classmethod
    def opened(cls, plan: Plan, folder: Path) -> State:
        """A new one, or the one that is in the folder; UserError where that is of another plan."""
        path = folder / FILE
        try:
            found = read_json(path, REMEDY)
        except FileNotFoundError:
            return cls(plan, folder)
        try:
            before = found["plan"]
            rounds = [
                Round(**{name: value for name, value in entry.items() if name != "result"})
                for entry in found["rounds"]
            ]
        except (KeyError, TypeError, AttributeError):
            raise UserError(f"{path} is no file of groot-ros improve: {REMEDY}") from None
        # As JSON, in which tuples are lists.
        for name, new in json.loads(json.dumps(asdict(plan))).items():
            if name not in FREE and before.get(name) != new:
                raise UserError(
                    f"{folder} was begun with {name} {before.get(name)!r}, not {new!r}: go on "
                    f"with the same, or {REMEDY}"
                )
        return cls(plan, folder, rounds)

    @property
    def checkpoint(self) -> str:
        """The best so far."""
        return next((r.kept for r in reversed(self.rounds) if r.kept), self.plan.checkpoint)

    def left(self) -> Iterator[tuple[int, Round]]:
        """Number, from 1 on, and state of every round that is not over."""
        for number in range(1, self.plan.rounds + 1):
            if number > len(self.rounds):
                self.rounds.append(Round(checkpoint=self.checkpoint))
            if not self.rounds[number - 1].kept:
                yield number, self.rounds[number - 1]

    def to_dict(self) -> dict[str, Any]:
        """Plan, best checkpoint, and the rounds with their results."""
        return {
            "plan": asdict(self.plan),
            "checkpoint": self.checkpoint,
            "rounds": [{**asdict(done), "result": done.summary()} for done in self.rounds],
        }

    def write(self) -> None:
        """The file has it all when this returns."""
        write_whole(self.folder / FILE, json.dumps(self.to_dict(), indent=2) + "\n")
