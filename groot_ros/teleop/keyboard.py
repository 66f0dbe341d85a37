"""Keys that move a hand: each moves it for a moment, held down it goes on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from groot_ros.teleop.control import LEAST, MOST, Array, Speeds

# A terminal repeats a key that is held down after 0.25 to 0.7 s and then every 0.03 to 0.05 s; one
# that is let go of says nothing.
HOLD_S = 0.3
FASTER, SLOWER, GRIP = "+", "-", "g"
SCALE = 1.25
# Key: axis of the twist, and which way along it.
AXES = {
    "w": (0, 1.0), "s": (0, -1.0),
    "a": (1, 1.0), "d": (1, -1.0),
    "r": (2, 1.0), "f": (2, -1.0),
    "u": (3, 1.0), "o": (3, -1.0),
    "i": (4, 1.0), "k": (4, -1.0),
    "j": (5, 1.0), "l": (5, -1.0),
}  # fmt: skip
HELP = """\
w s  forward, back (x)     i k  pitch     g    gripper
a d  left, right (y)       j l  yaw       + -  faster, slower
r f  up, down (z)          u o  roll      any other key: stand still"""


class Keyboard:
    """A HandControl of keys as a terminal gives them; belongs to whoever reads these."""

    def __init__(self, speeds: Speeds) -> None:
        self.speeds = speeds
        self.grip = 0.0
        self._scale = 1.0
        self._until_s = np.full(6, -np.inf)
        self._share = np.zeros(6)

    def press(self, key: str, now_s: float) -> None:
        """Take a key."""
        if key in AXES:
            axis, way = AXES[key]
            self._share[axis], self._until_s[axis] = way, now_s + HOLD_S
        elif key in (FASTER, SLOWER):
            scale = self._scale * (SCALE if key == FASTER else 1.0 / SCALE)
            self._scale = float(np.clip(scale, LEAST, MOST))
        elif key == GRIP:
            self.grip = 1.0 - self.grip
        elif key:
            self._until_s[:] = -np.inf

    @property
    def scaled(self) -> Speeds:
        """The speeds as they were chosen by keys."""
        linear, angular = self.speeds.linear * self._scale, self.speeds.angular * self._scale
        return replace(self.speeds, linear=min(linear, 10.0), angular=min(angular, 10.0))

    def twist(self, now_s: float) -> Array:
        """See HandControl."""
        return self.scaled.twist(np.where(now_s < self._until_s, self._share, 0.0))
