"""Grades of chunks by their distance from the policy's training data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

# An arm at this share of its speed can be watched, and stopped by hand.
SLOW_SPEED = 0.3


class Grade(IntEnum):
    """The reaction to an unfamiliar chunk: none, a warning, reduced speed, or a stop."""

    OK = 0
    WARN = 1
    SLOW = 2
    HOLD = 3


@dataclass(frozen=True)
class Verdict:
    """A grade, and what is outside the training data, in words; empty for OK."""

    grade: Grade = Grade.OK
    reason: str = ""

    @property
    def speed(self) -> float:
        """Fraction of the requested speed at which such a chunk is executed."""
        return SLOW_SPEED if self.grade >= Grade.SLOW else 1.0
