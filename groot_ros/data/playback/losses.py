"""Steps of episodes that are left out: how many, when, and why, a line for each reason."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_NUMBER = re.compile(r"\d+(\.\d+)?(e[+-]?\d+)?")
LEFT_OUT = "left out by an edit"
"""Why steps are dropped that an edit list leaves out."""
Ranges = tuple[tuple[int, int], ...]
"""Times of steps in ns, each from one on and before the other."""
# Topics of the episodes and their times that are written out for one reason.
SHOWN = 3


@dataclass
class Loss:
    """Steps that were dropped for one reason; times in ns, of the first and the last of them."""

    reason: str
    steps: int
    first_ns: int
    last_ns: int
    topic: str = ""

    def report(self, start_ns: int) -> dict[str, Any]:
        """For people and files: times in s since the episode began, below 0 for what was cut off
        before it."""
        return {
            "reason": self.reason,
            "topic": self.topic,
            "steps": self.steps,
            "first_s": round((self.first_ns - start_ns) / 1e9, 3),
            "last_s": round((self.last_ns - start_ns) / 1e9, 3),
        }


@dataclass
class Drops:
    """Dropped steps by reason, and steps that show the same pictures as the one before.

    Reasons that differ in numbers only are one.
    """

    losses: dict[str, Loss] = field(default_factory=dict)
    duplicates: int = 0

    def add(self, reason: str, time_ns: int, steps: int = 1, last_ns: int | None = None) -> None:
        """Count steps from a time on, to `last_ns` where they are several."""
        if steps <= 0:
            return
        end_ns = time_ns if last_ns is None else last_ns
        if loss := self.losses.get(key := _alike(reason)):
            loss.steps += steps
            loss.first_ns, loss.last_ns = min(loss.first_ns, time_ns), max(loss.last_ns, end_ns)
        else:
            self.losses[key] = Loss(reason, steps, time_ns, end_ns)

    def update(self, other: Drops) -> None:
        """Take in what somebody else has counted."""
        for loss in other.losses.values():
            self.add(loss.reason, loss.first_ns, loss.steps, loss.last_ns)
        self.duplicates += other.duplicates

    @property
    def by_reason(self) -> dict[str, int]:
        """Steps by reason."""
        return {loss.reason: loss.steps for loss in self.losses.values()}

    @property
    def steps(self) -> int:
        return sum(loss.steps for loss in self.losses.values())


def dropped(steps: int) -> str:
    """How many steps were dropped, for people."""
    return f"{steps} {'step' if steps == 1 else 'steps'} dropped"


def _tenths(seconds: float) -> str:
    """To one decimal, without a sign at 0."""
    return f"{round(seconds, 1) + 0.0:.1f}"


def _alike(reason: str) -> str:
    return _NUMBER.sub("#", reason)


def summed(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Steps by reason, over episodes; reasons that differ in numbers only are one."""
    total = Drops()
    for by_reason in counts:
        for reason, steps in by_reason.items():
            total.add(reason, 0, steps)
    return total.by_reason


def loss_lines(episodes: Iterable[tuple[str, Iterable[Mapping[str, Any]]]]) -> Iterator[str]:
    """A line for each reason: steps, topic, and in which episodes and when.

    `episodes` are names and the losses of each, as `Loss.report` makes them.
    """
    steps, shown = Drops(), dict[str, list[str]]()
    topics: dict[str, str] = {}
    for name, losses in episodes:
        for loss in losses:
            steps.add(loss["reason"], 0, loss["steps"])
            key = _alike(loss["reason"])
            topics.setdefault(key, loss["topic"])
            shown.setdefault(key, []).append(
                f"{name}: {loss['steps']} from {_tenths(loss['first_s'])} to "
                f"{_tenths(loss['last_s'])} s"
            )
    for key, total in steps.losses.items():
        where = "; ".join(shown[key][:SHOWN])
        more = len(shown[key]) - SHOWN
        where += f"; and in {more} more" if more > 0 else ""
        topic = f" [{topics[key]}]" if topics[key] else ""
        yield f"{dropped(total.steps)}: {total.reason}{topic} ({where})"
