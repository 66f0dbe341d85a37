"""Whether the robot is where it was sent."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from groot_ros.robot_limits import Following
from groot_ros.signals.space import space_of

Array = NDArray[np.float64]


class TrackingMonitor:
    """Compares what is measured of a signal with what was commanded a while ago."""

    def __init__(self, signal: str, allowed: Following) -> None:
        self._space = space_of(signal)
        self._is_pose = signal == "ee_pose"
        self._allowed = allowed
        lengths = [allowed.position_m, allowed.rotation_rad]
        self._lengths = np.array(lengths if self._is_pose else [allowed.joints_rad])
        self._commands: deque[tuple[int, Array]] = deque()
        self._astray_since_ns: int | None = None

    def clear(self) -> None:
        """A motion begins where the robot is."""
        self._commands.clear()
        self._astray_since_ns = None

    def commanded(self, value: Array, now_ns: int) -> None:
        """This was sent."""
        self._commands.append((now_ns, value))
        since_ns = now_ns - self._allowed.lag_s * 1e9
        while len(self._commands) > 1 and self._commands[1][0] <= since_ns:
            self._commands.popleft()

    def measured(self, value: Array, now_ns: int) -> str | None:
        """The robot is there: how far astray it is, in words, once it has been so for too long."""
        if not self._commands:
            return None
        command = self._commands[0][1]
        if self.is_near(value, command):
            self._astray_since_ns = None
            return None
        if self._astray_since_ns is None:
            self._astray_since_ns = now_ns
        patient = now_ns - self._astray_since_ns < self._allowed.patience_s * 1e9
        return None if patient else self._sentence(self._away(value, command))

    def is_near(self, value: Array, command: Array) -> bool:
        """Whether a robot at a value may have been sent to another one."""
        return bool(np.all(self._away(value, command) <= self._lengths))

    def _away(self, value: Array, command: Array) -> Array:
        return self._space.lengths(self._space.difference(value, command))

    def _sentence(self, away: Array) -> str:
        if self._is_pose:
            return f"it is {away[0] * 1e3:.0f} mm and {away[1]:.2f} rad from where it was sent"
        joint = int(np.argmax(away))
        return f"joint {joint + 1} is {away[joint]:.2f} rad from where it was sent"
