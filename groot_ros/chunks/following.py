"""Whether the robot is where it was sent."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.space import Space

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Tolerance:
    """The parts (G,) of the distance to the command of `lag_s` ago may be so long, and longer for
    at most `patience_s`."""

    lengths: Array
    lag_s: float = 0.1
    patience_s: float = 0.5


class Follower:
    """Compares what is measured with what was commanded a while ago."""

    def __init__(self, space: Space, tolerance: Tolerance) -> None:
        self._space = space
        self._tolerance = tolerance
        self._commands: deque[tuple[int, Array]] = deque()
        self._astray_since_ns: int | None = None

    def clear(self) -> None:
        """A motion begins where the robot is."""
        self._commands.clear()
        self._astray_since_ns = None

    def commanded(self, value: Array, now_ns: int) -> None:
        """This was sent."""
        self._commands.append((now_ns, value))
        since_ns = now_ns - self._tolerance.lag_s * 1e9
        while len(self._commands) > 1 and self._commands[1][0] <= since_ns:
            self._commands.popleft()

    def measured(self, value: Array, now_ns: int) -> Array | None:
        """The robot is there: how far (G,) astray it is, once it has been so for too long."""
        if not self._commands:
            return None
        away = self._space.lengths(self._space.difference(value, self._commands[0][1]))
        if np.all(away <= self._tolerance.lengths):
            self._astray_since_ns = None
            return None
        if self._astray_since_ns is None:
            self._astray_since_ns = now_ns
        patient = now_ns - self._astray_since_ns < self._tolerance.patience_s * 1e9
        return None if patient else away
