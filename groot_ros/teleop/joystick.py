"""Sticks that move a hand: gamepads and six-axis mice, as sensor_msgs/Joy tells of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from groot_ros.teleop.control import Array, Speeds

DEAD = 0.1
SILENT_S = 0.5
"""A stick that has said nothing for so long asks for nothing."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where a controller has what.

    `axes` of the message for x, y, z, roll, pitch, yaw of the twist (None: not there), the button
    that opens and closes the gripper, and the one that is held while the hand moves (None: none).
    """

    topic: str
    axes: tuple[int | None, ...]
    grip: int
    hold: int | None = None


# Xbox as joy_node of ROS 2 names it: left stick x and y, right stick z and yaw, cross roll and
# pitch; B is the gripper, the left shoulder is held.
# spacenav_node: axes in the order of a twist, already in [-1, 1].
LAYOUTS = {
    "gamepad": Layout(topic="joy", axes=(1, 0, 4, 6, 7, 3), grip=1, hold=4),
    "spacenav": Layout(topic="spacenav/joy", axes=(0, 1, 2, 3, 4, 5), grip=0),
}


class Joystick:
    """A HandControl of the newest message of a controller; belongs to whoever hands it these."""

    def __init__(self, layout: Layout, speeds: Speeds) -> None:
        self.layout, self.speeds = layout, speeds
        self.grip = 0.0
        self._was_pressed = True
        self._share = np.zeros(6)
        self._heard_s = -np.inf

    def hear(self, axes: Sequence[float], buttons: Sequence[int], now_s: float) -> None:
        """Take a message: axes in [-1, 1], buttons 0 or 1; a stick or button that it lacks counts
        as not touched."""
        layout, self._heard_s = self.layout, now_s
        is_held = layout.hold is None or _at(buttons, layout.hold) > 0
        share = np.array([_at(axes, index) for index in layout.axes]) if is_held else np.zeros(6)
        # From the edge of the dead zone on, so that nothing jumps there.
        beyond = np.maximum(np.abs(share) - DEAD, 0.0) / (1.0 - DEAD)
        self._share = np.sign(share) * beyond
        is_pressed = _at(buttons, layout.grip) > 0
        if is_pressed and not self._was_pressed:
            self.grip = 1.0 - self.grip
        self._was_pressed = is_pressed

    def twist(self, now_s: float) -> Array:
        """See HandControl."""
        is_silent = now_s - self._heard_s > SILENT_S
        return self.speeds.twist(np.zeros(6) if is_silent else self._share)


def _at(values: Sequence[float], index: int | None) -> float:
    """The value at an index, 0 where there is none or it is not finite."""
    value = float(values[index]) if index is not None and index < len(values) else 0.0
    return value if np.isfinite(value) else 0.0
