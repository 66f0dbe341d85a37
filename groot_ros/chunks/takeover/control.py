"""Arbitration between policy and operator, and the operator's chunks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.chunk import Chunk, gripper
from groot_ros.chunks.takeover.device import Device, device_type
from groot_ros.chunks.takeover.homing import Homing
from groot_ros.chunks.takeover.leading import STEP_S, STEPS, LedArm
from groot_ros.chunks.takeover.targets import MET, Target, make_target
from groot_ros.chunks.takeover.turn import Control
from groot_ros.observation.label_messages import Trajectory
from groot_ros.robot.config import RobotConfig
from groot_ros.robot.operator import Operator
from groot_ros.signals.signals import GRIP, Signals, SignalSpec, of_arm

Array = NDArray[np.float64]

# A device that says nothing for so long is silent; its last chunk lasts longer.
SILENT_S = 0.3
# Before every stamp, also those of a clock that is wrong.
LONG_AGO_NS = -(1 << 63)


class ArmByHand:
    """One arm and the operator's devices for it; belongs to the callbacks."""

    def __init__(self, arm: RobotConfig, operator: Operator, name: str) -> None:
        self.operator = operator
        self.led = LedArm(arm, name)
        self.grip = of_arm(name, GRIP.name)
        kind = device_type(operator.motion)[1].name
        self.target: Target = make_target(operator, kind, self.led.velocity)
        self.motion = Device(operator.motion, arm.base_frame, self.target.take)
        self.devices = [self.motion]
        self.closure: float | None = None
        if operator.grip:
            self.devices.append(Device(operator.grip, arm.base_frame, self._take_grip))

    def _take_grip(self, found: Array | Trajectory) -> None:
        closure = found.positions[-1] if isinstance(found, Trajectory) else found
        self.closure = float(np.clip(closure, 0.0, 1.0))

    def is_silent(self, now_ns: int) -> bool:
        """Whether nothing was received lately from the device that leads the arm."""
        heard_ns = self.motion.heard_ns
        return heard_ns is None or not -SILENT_S * 1e9 <= now_ns - heard_ns <= SILENT_S * 1e9

    @property
    def is_moved(self) -> bool:
        """Whether the device was moved far enough to take over."""
        return 0.0 < self.operator.moved < self.target.moved

    def apart(self, here: Array, now_ns: int) -> str:
        """How far the device is from the arm at value `here` (V,) where they have to match, in
        words; empty once they match."""
        away = self.target.away(here, now_ns)
        worst = int(np.argmax(np.abs(away)))
        if abs(away[worst]) <= MET:
            return ""
        joint = getattr(self.operator.motion, "joints", ("",) * len(away))[worst]
        return f"leader {joint} is {away[worst]:+.2f} from the arm"

    def begin(self, here: Array, now_ns: int) -> None:
        """Begin the operator's control of the arm at value `here` (V,)."""
        self.target.begin(here, now_ns)
        self.led.begin(here, now_ns)

    def steps(self, here: Array, now_ns: int, is_joining: bool) -> Array | None:
        """Steps (T, V) towards the operator's target, within the range and the velocity limits;
        None while the arm waits."""
        led, operator = self.led, self.operator
        velocity = led.share(now_ns) * led.velocity
        if is_joining and np.any(np.abs(self.target.away(here, now_ns)) > MET):
            if operator.join_speed == 0.0:
                return None
            velocity = np.minimum(velocity, led.share(now_ns) * operator.join_speed)
        start = led.start(here, now_ns)
        target = self.target.at(start, now_ns)
        return None if target is None else led.steps(start, target, velocity, now_ns)


class Takeover:
    """Decides who controls the robot, and makes the operator's chunks.

    The policy controls the robot until somebody takes over. Then the arm comes to rest, and once
    the devices of all arms that have one are received, and a leader arm matches its arm, the
    operator controls it. A device that falls silent is matched again. After the hand-back the
    policy continues from rest, with chunks of observations made since; likewise after homing.
    Belongs to the callbacks; the caller passes the time.
    """

    def __init__(self, robot: RobotConfig) -> None:
        self.control = Control.POLICY
        self.hint = ""
        """Why the operator does not lead yet, or why the arm did not get home, in words."""
        self.homing = Homing(robot)
        self._robot = robot
        self._has_begun = False
        self._policy_from_ns: int | None = LONG_AGO_NS
        self.arms = [
            ArmByHand(arm, arm.operator, name)
            for name, arm in robot.named_arms.items()
            if arm.operator
        ]

    @property
    def is_asked_for(self) -> bool:
        """Whether a device was moved far enough to take over."""
        return self.control is Control.POLICY and any(arm.is_moved for arm in self.arms)

    def take_over(self) -> None:
        """Begin the operator's turn, with the transition to rest."""
        self.control, self._has_begun = Control.HANDOVER, False
        self.hint = "the arm comes to rest"

    def go_home(self) -> None:
        """Begin homing, once the arm is at rest."""
        self.control, self._has_begun = Control.HOME, False
        self.hint = "the arm comes to rest"

    def hand_back(self) -> None:
        """Return control to the policy, once the arm is at rest."""
        self.control, self.hint = Control.POLICY, ""
        self._policy_from_ns = None
        for arm in self.arms:
            arm.target.rest()

    def reset(self) -> None:
        """Give control to the policy at once, whatever its observations."""
        self.hand_back()
        self._policy_from_ns = LONG_AGO_NS

    def look(self, is_at_rest: bool, now_ns: int) -> None:
        """Advance the transitions; `is_at_rest` tells whether the arm is at rest."""
        if self._policy_from_ns is None and is_at_rest:
            self._policy_from_ns = now_ns

    def lets(self, stamp_ns: int) -> bool:
        """Whether a policy's chunk of an observation at `stamp_ns` is executed now: not during the
        operator's turn or a transition, nor from an observation made before it ended."""
        from_ns = self._policy_from_ns
        return self.control is Control.POLICY and from_ns is not None and stamp_ns >= from_ns

    def chunk(
        self, here: Mapping[str, Array], is_at_rest: bool, now_ns: int, era: int
    ) -> Chunk | None:
        """The operator's next chunk; None while there is nothing to follow.

        Args:
            here: Value (V,) of each arm by the name of the signal that chunks hold.
            is_at_rest: Whether the arms are at rest.
            now_ns: The present time in ns.
            era: The executor's era, which the chunk gets.
        """
        if not self.control.is_of_operator:
            return None
        if silent := next((arm for arm in self.arms if arm.is_silent(now_ns)), None):
            self.control, self._has_begun = Control.HANDOVER, False
            device = silent.motion
            self.hint = device.problem or f"nothing is heard on {device.topic}"
            return None
        if not self._has_begun:
            if not is_at_rest:
                return None
            self._begin(here, now_ns)
        if self.control is Control.HANDOVER:
            self._join(here, now_ns)
        return self._made(here, now_ns, era)

    def chunk_home(
        self,
        here: Mapping[str, Array],
        goal: Mapping[str, Array],
        is_at_rest: bool,
        now_ns: int,
        era: int,
    ) -> Chunk | None:
        """The next chunk of homing; None before it begins.

        Args:
            here: Value (V,) of each arm by the name of the signal that chunks hold.
            goal: Home of each arm, as from `home_values`.
            is_at_rest: Whether the arms are at rest.
            now_ns: The present time in ns.
            era: The executor's era, which the chunk gets.
        """
        if not self._has_begun:
            if not is_at_rest:
                return None
            self.homing.begin(here, now_ns)
            self._has_begun, self.hint = True, ""
        return self.homing.chunk(here, goal, now_ns, era)

    def _begin(self, here: Mapping[str, Array], now_ns: int) -> None:
        for arm in self.arms:
            arm.begin(here[arm.led.signal.name], now_ns)
        self._has_begun = True

    def _join(self, here: Mapping[str, Array], now_ns: int) -> None:
        apart = [arm.apart(here[arm.led.signal.name], now_ns) for arm in self.arms]
        self.hint = ", ".join(filter(None, apart))
        if not self.hint:
            self.control = Control.OPERATOR

    def _made(self, here: Mapping[str, Array], now_ns: int, era: int) -> Chunk | None:
        """One in which arms without a device stay where they are."""
        led = {arm.led.signal.name: arm for arm in self.arms}
        values: dict[SignalSpec, Array] = {}
        for name, value in here.items():
            arm = led.get(name)
            signal = replace(self._robot.arm_of(name).output.signal, name=name)
            steps: Array | None = np.repeat(value[None], STEPS, axis=0)
            if arm:
                steps = arm.steps(value, now_ns, self.control is Control.HANDOVER)
            if steps is None:
                return None
            values[signal] = steps
        for arm in self.arms:
            if arm.closure is not None and self.control is Control.OPERATOR:
                values[gripper(arm.grip)] = np.full(STEPS, arm.closure)
        return Chunk(now_ns, round(STEP_S * 1e9), era, signals=Signals.of(values))
