"""The course that a motion took: recorded, made again, or made in another way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.chunk import Chunk, Setpoint
from groot_ros.signals.signals import SignalSpec
from groot_ros.sim.rehearsal.result import ChunkOutcome, Stop

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Mark:
    """A chunk at the time in ns of its arrival: executed, slowed, graded or refused, and why."""

    time_ns: int
    kind: str
    reason: str = ""


@dataclass
class Course:
    """Commands and states with their times in ns, the chunks that were taken, what became of all
    that came, and stops."""

    signal: SignalSpec
    commands: list[tuple[int, Setpoint]] = field(default_factory=list)
    measured: list[tuple[int, Array]] = field(default_factory=list)
    chunks: list[Chunk] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)

    def tell_chunks(self, outcomes: Sequence[ChunkOutcome]) -> None:
        """Record the results of chunks whose values are known."""
        self.chunks += [outcome.chunk for outcome in outcomes]
        self.marks += [
            Mark(o.due_ns, o.kind, o.refused or o.chunk.verdict.reason or o.limited_by)
            for o in outcomes
        ]
        self.marks.sort(key=lambda mark: mark.time_ns)

    @property
    def refused(self) -> list[Mark]:
        return [mark for mark in self.marks if mark.kind == "refused"]

    @property
    def seconds(self) -> float:
        """From the first command to the last."""
        return (self.commands[-1][0] - self.commands[0][0]) / 1e9 if self.commands else 0.0

    def farthest_from(self, other: Course) -> Array | None:
        """The longest way between commands of the same time, by the part that differs most: m and
        rad, or rad per joint; None without common times."""
        theirs = dict(other.commands)
        pairs = [(own, theirs[ns]) for ns, own in self.commands if ns in theirs]
        if not pairs:
            return None
        ours, others = (np.array([s.value for s in row]) for row in zip(*pairs, strict=True))
        lengths = self.signal.kind.distances(ours, others)
        return np.asarray(lengths[np.argmax(lengths.max(axis=1))])
