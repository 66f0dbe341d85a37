"""How familiar a chunk is: what the policy's training data says about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

# An arm at this share of its speed can be watched, and stopped by hand.
SLOW_SPEED = 0.3


class Grade(IntEnum):
    """What an unfamiliar chunk asks for: nothing, a word, less speed, a stop."""

    OK = 0
    WARN = 1
    SLOW = 2
    HOLD = 3


@dataclass(frozen=True)
class Verdict:
    """A grade and what is unlike the training data, in words; empty for OK."""

    grade: Grade = Grade.OK
    reason: str = ""

    @property
    def speed(self) -> float:
        """Share of the asked-for speed at which such a chunk is executed."""
        return SLOW_SPEED if self.grade >= Grade.SLOW else 1.0
