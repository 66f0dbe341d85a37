"""Tracking error: whether the robot is where it was commanded to."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from groot_ros.robot.limits import Following
from groot_ros.signals.kinds import Kind

Array = NDArray[np.float64]


class TrackingMonitor:
    """Compares the measured value of a signal with its recent commands."""

    def __init__(self, kind: Kind, allowed: Following) -> None:
        self._kind = kind
        self._allowed = allowed
        self._lengths = np.array([allowed.of(part.measure) for part in kind.lengths])
        self._commands: deque[tuple[int, Array]] = deque()
        self._astray_since_ns: int | None = None

    def clear(self) -> None:
        """Forget all commands, at the beginning of a motion."""
        self._commands.clear()
        self._astray_since_ns = None

    def commanded(self, value: Array, now_ns: int) -> None:
        """Record a command (V,) at `now_ns`."""
        self._commands.append((now_ns, value))
        since_ns = now_ns - self._allowed.lag_s * 1e9
        while len(self._commands) > 1 and self._commands[1][0] <= since_ns:
            self._commands.popleft()

    def measured(self, value: Array, now_ns: int) -> str | None:
        """Take a measured value (V,); the tracking error in words once it has been too large for
        too long, else None."""
        if not self._commands:
            return None
        command = self._commands[0][1]
        if self.is_near(value, command):
            self._astray_since_ns = None
            return None
        if self._astray_since_ns is None:
            self._astray_since_ns = now_ns
        patient = now_ns - self._astray_since_ns < self._allowed.patience_s * 1e9
        if patient:
            return None
        return f"{self._kind.away(self._away(value, command))} from where it was sent"

    def is_near(self, value: Array, command: Array) -> bool:
        """Whether a measured value (V,) is within the tracking tolerance of a command (V,)."""
        return bool(np.all(self._away(value, command) <= self._lengths))

    def _away(self, value: Array, command: Array) -> Array:
        return self._kind.distances(value, command)
