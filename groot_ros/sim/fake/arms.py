"""Several fake arms that are commanded as one, as the executor of their robot file does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.execution.together import places_of
from groot_ros.robot.config import RobotConfig
from groot_ros.signals.signals import GRIP, JOINT_POSITION, Signals, arm_signals, of_arm
from groot_ros.sim.fake.arm import ArmState, FakeArm

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ArmsState:
    """The states of several arms by their names."""

    arms: Mapping[str, ArmState]
    grip: float = 0.0
    """Of none of them: what is asked of the gripper of a single arm."""

    @property
    def signals(self) -> Signals:
        """The joints of all arms, one behind the other."""
        joints = [state.joints for state in self.arms.values()]
        known = [values for values in joints if values is not None]
        return arm_signals(joint_position=np.concatenate(known))


AnyState = ArmState | ArmsState


def state_of(robot: RobotConfig, values: Mapping[str, Array]) -> AnyState:
    """The state of a robot from the newest values (N,) of its signals by name; of several arms
    also from the joints of all."""
    if not robot.arms:
        return ArmState.of(values)
    together = values.get(JOINT_POSITION.name)
    states = {}
    for name, place in places_of(robot).items():
        prefix = of_arm(name, "")
        own = {key.removeprefix(prefix): v for key, v in values.items() if key.startswith(prefix)}
        if together is not None:
            own[JOINT_POSITION.name] = together[place]
        states[name] = ArmState.of(own)
    return ArmsState(states)


class FakeArms:
    """Moves every arm as `FakeArm` does."""

    def __init__(self, robot: RobotConfig, start: ArmsState, now_ns: int) -> None:
        self._places = places_of(robot)
        self._arms = {
            name: FakeArm(arm, start.arms[name], now_ns) for name, arm in robot.arms.items()
        }
        self.grip = 0.0

    @property
    def state(self) -> ArmsState:
        """The present states of the arms."""
        return ArmsState({name: arm.state for name, arm in self._arms.items()})

    def follow(self, signals: Signals) -> None:
        """Command the joints of all arms, and closures."""
        joints = signals[JOINT_POSITION.name]
        for name, place in self._places.items():
            closure = signals.get(of_arm(name, GRIP.name))
            self._arms[name].follow(arm_signals(joint_position=joints[place], grip=closure))

    def advance(self, now_ns: int) -> None:
        """Let the time until `now_ns` pass."""
        for arm in self._arms.values():
            arm.advance(now_ns)


def fake_of(robot: RobotConfig, start: AnyState, now_ns: int) -> FakeArm | FakeArms:
    """What stands for a robot whose arms begin somewhere."""
    return (
        FakeArms(robot, start, now_ns)
        if isinstance(start, ArmsState)
        else FakeArm(robot, start, now_ns)
    )
