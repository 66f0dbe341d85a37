"""Homing: chunks that lead the arms to the home positions of their robot file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.chunk import Chunk, gripper
from groot_ros.chunks.execution.robot_motion import AnyReach, followed
from groot_ros.chunks.execution.together import places_of
from groot_ros.chunks.takeover.leading import STEP_S, STEPS, LedArm
from groot_ros.robot.config import RobotConfig
from groot_ros.signals.signals import GRIP, Signals, SignalSpec, of_arm

Array = NDArray[np.float64]

# An arm that is so near (m, rad) is home, and one that comes no nearer for so long never will be.
NEAR, PATIENCE_S = 3e-3, 3.0


def home_values(robot: RobotConfig, reach: AnyReach | None, commanded: Array) -> dict[str, Array]:
    """The home of each arm that has one, by the name of the signal that chunks hold, where the
    robot is commanded to a value (V,)."""
    places = places_of(robot)
    commanded = commanded.copy()
    homes = {name: arm.home for name, arm in robot.named_arms.items() if arm.home}
    for name, home in homes.items():
        if home.joints:
            commanded[places[name]] = home.joints
    found = followed(robot, reach, commanded)
    signals = dict(zip(robot.named_arms, robot.followed, strict=True))
    return {
        signals[name]: np.array(home.pose) if home.pose else found[signals[name]]
        for name, home in homes.items()
    }


class Homing:
    """Leads all arms that have a home to it at the same time, each at its `speed` at most.

    Belongs to the callbacks; the caller passes the time.
    """

    def __init__(self, robot: RobotConfig) -> None:
        homes = {name: arm for name, arm in robot.named_arms.items() if arm.home}
        self._robot = robot
        self.arms = {name: LedArm(arm, name) for name, arm in homes.items()}
        """Those that have a home, by name."""
        self._speeds = {name: arm.home.speed for name, arm in homes.items() if arm.home}
        self._grips: dict[SignalSpec, Array] = {
            gripper(of_arm(name, GRIP.name)): np.full(STEPS, arm.home.grip)
            for name, arm in homes.items()
            if arm.home and arm.home.grip is not None
        }

    def begin(self, here: Mapping[str, Array], now_ns: int) -> None:
        """Begin from values (V,) by signal name."""
        self._nearest, self._nearest_ns = np.inf, now_ns
        for arm in self.arms.values():
            arm.begin(here[arm.signal.name], now_ns)

    def chunk(
        self, here: Mapping[str, Array], goal: Mapping[str, Array], now_ns: int, era: int
    ) -> Chunk:
        """The next chunk from the present values (V,) by signal name; arms without a home stay."""
        values: dict[SignalSpec, Array] = {}
        for name, value in here.items():
            signal = replace(self._robot.arm_of(name).output.signal, name=name)
            values[signal] = np.repeat(value[None], STEPS, axis=0)
        for name, arm in self.arms.items():
            value, target = here[arm.signal.name], goal[arm.signal.name]
            share = arm.share(now_ns)
            velocity = share * np.minimum(arm.velocity, self._speeds[name])
            start = arm.start(value, now_ns)
            values[arm.signal] = arm.steps(start, target, velocity, now_ns)
        signals = Signals.of(values | self._grips)
        return Chunk(now_ns, round(STEP_S * 1e9), era, signals=signals)

    def is_home(self, here: Mapping[str, Array], goal: Mapping[str, Array]) -> bool:
        """Whether all arms at `here` (V,) have reached the goal (V,)."""
        return self._away(here, goal) <= NEAR

    def stays_away(self, here: Mapping[str, Array], goal: Mapping[str, Array], now_ns: int) -> str:
        """Why homing is given up, in words: the arms (V,) no longer approach the goal; empty while
        they do."""
        away = self._away(here, goal)
        if away < self._nearest - NEAR / 10:
            self._nearest, self._nearest_ns = away, now_ns
        if now_ns - self._nearest_ns < PATIENCE_S * 1e9:
            return ""
        return f"it stays {away:.3f} m or rad away"

    def _away(self, here: Mapping[str, Array], goal: Mapping[str, Array]) -> float:
        names = {arm.signal.name: arm for arm in self.arms.values()}
        return max(arm.distance(here[name], goal[name]) for name, arm in names.items())
