"""Where the robot of a bag was."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from groot_ros.observation.buffer import NotReady, ObservationBuffer
from groot_ros.robot.config import RobotConfig
from groot_ros.sim.fake.arms import AnyState, state_of


class RecordedArm:
    """The newest states of a robot file; `buffer` is fed with the messages of the bag."""

    def __init__(self, robot: RobotConfig) -> None:
        self.buffer = ObservationBuffer(robot, tuple(robot.observations.signals), cameras=())
        self._robot = robot

    def state(self, now_ns: int) -> AnyState | None:
        """The recorded state at a time in ns; None where the bag does not hold the commanded
        signal."""
        values: dict[str, NDArray[np.float64]] = {}
        for name in self.buffer.fields:
            try:
                values[name] = self.buffer.newest_state(name, now_ns)
            except NotReady:
                if name in self._robot.moved:
                    return None
        return state_of(self._robot, values)
