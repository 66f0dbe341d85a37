"""What a robot is commanded, whatever the message."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.chunk import Setpoint
from groot_ros.chunks.execution.gripper import Closures
from groot_ros.chunks.execution.motion import Motion
from groot_ros.signals.signals import GRIP

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Command:
    """What to send now: the setpoint, the whole motion that it belongs to, where the robot is.

    `time_ns` is when that is in the motion's own time, `measured` (7,) the end-effector pose, for
    profiles that need it, `grip_goals` the closures that the grippers go to.
    """

    setpoint: Setpoint
    motion: Motion
    stamp_ns: int
    time_ns: int
    measured: Array | None = None
    grip_goals: Closures = field(default_factory=dict)

    @property
    def grip_goal(self) -> float | None:
        """Where the only gripper goes."""
        return self.grip_goals.get(GRIP.name)
