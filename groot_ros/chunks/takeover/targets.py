"""Targets of an operator's device: a hand's pose, a twist, or the joints of a leader arm."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from groot_ros.geometry import led_by_twist, multiply_quats
from groot_ros.observation.label_messages import Trajectory, Twist
from groot_ros.robot.labels import TWIST, JointLabel
from groot_ros.robot.operator import Operator
from groot_ros.signals.space import PoseSpace

Array = NDArray[np.float64]

# A hand is not that fast: a pose so far (m, rad) from the last one is joined anew.
JUMP = np.array([0.1, 0.5])
# A leader has met the arm when every joint is so near (rad or m); the arm may be a little behind.
MET = 0.05
# A twist leads no farther ahead of the arm than this, and counts for no longer between two calls.
AHEAD_S, LONGEST_TICK_S = 0.3, 0.1
CONJUGATE = np.array([1.0, -1.0, -1.0, -1.0])


class Target(Protocol):
    """The target of one arm; values are of the signal that its chunks hold."""

    def take(self, found: Any) -> None:
        """Take a finite value of a message, as `LabelType.read` returns it: a pose (7,), joints
        (J,) and so on."""

    def begin(self, here: Array, now_ns: int) -> None:
        """Begin the operator's control of the arm at value `here` (V,)."""

    def at(self, here: Array, now_ns: int) -> Array | None:
        """The target (V,); None while it is not known."""

    def away(self, here: Array, now_ns: int) -> Array:
        """Displacement (D,) of the device from the arm where they have to match; zeros for devices
        that lead from any position."""

    @property
    def moved(self) -> float:
        """How far or how fast the device was moved while it did not lead (m, m/s or rad)."""

    def rest(self) -> None:
        """Restart the measurement of `moved`, while the policy leads."""


class HandPose:
    """The hand follows the relative motion of the operator's hand since the beginning."""

    def __init__(self) -> None:
        self._space = PoseSpace()
        self._newest: Array | None = None
        self._rested: Array | None = None
        self._offset: tuple[Array, Array] | None = None
        self._pending = False

    def take(self, found: Array) -> None:
        pose = np.concatenate([found[:3], found[3:] / np.linalg.norm(found[3:])])
        if self._newest is not None:
            way = self._space.lengths(self._space.difference(pose, self._newest))
            self._pending |= bool(np.any(way > JUMP))
        self._newest = pose
        if self._rested is None:
            self._rested = pose

    def begin(self, here: Array, now_ns: int) -> None:
        pose = self._newest
        if pose is not None:
            self._pending = False
            turn = multiply_quats(pose[3:] * CONJUGATE, here[3:])
            self._offset = here[:3] - pose[:3], turn

    def at(self, here: Array, now_ns: int) -> Array | None:
        if self._pending:
            self.begin(here, now_ns)
        if self._newest is None or self._offset is None:
            return None
        # p = p0 + (q - q0) and R = Q Q0' R0, of arm and operator, both in the base frame.
        way, turn = self._offset
        rotation = multiply_quats(self._newest[3:], turn)
        return np.concatenate([self._newest[:3] + way, rotation / np.linalg.norm(rotation)])

    def away(self, here: Array, now_ns: int) -> Array:
        return np.zeros(6)

    @property
    def moved(self) -> float:
        if self._newest is None or self._rested is None:
            return 0.0
        return float(np.linalg.norm(self._newest[:3] - self._rested[:3]))

    def rest(self) -> None:
        self._rested = self._newest


class HandTwist:
    """The hand follows a twist, which moves a target ahead of it."""

    def __init__(self, velocity: Array) -> None:
        """`velocity` (2,) is the largest that the limits allow, linear and angular."""
        self._space = PoseSpace()
        self._most = velocity
        self._twist: Twist | None = None
        self._target: Array | None = None
        self._at_ns = 0

    def take(self, found: Twist) -> None:
        with np.errstate(over="ignore"):
            lengths = self._space.lengths(found.value)
        scale = max(1.0, float((lengths / self._most).max()))
        self._twist = Twist(found.value / scale, found.is_of_tool)

    def begin(self, here: Array, now_ns: int) -> None:
        self._target, self._at_ns = here, now_ns

    def at(self, here: Array, now_ns: int) -> Array | None:
        if self._twist is None or self._target is None:
            return None
        passed_s = min(max(0.0, (now_ns - self._at_ns) / 1e9), LONGEST_TICK_S)
        self._at_ns = now_ns
        target = led_by_twist(self._target, self._twist.value, self._twist.is_of_tool, passed_s)
        way = self._space.difference(target, here)
        ahead = float((self._space.lengths(way) / (AHEAD_S * self._most)).max())
        self._target = self._space.displace(here, way / max(1.0, ahead))
        return self._target

    def away(self, here: Array, now_ns: int) -> Array:
        return np.zeros(6)

    @property
    def moved(self) -> float:
        return float(np.linalg.norm(self._twist.value[:3])) if self._twist else 0.0

    def rest(self) -> None:
        self._twist = None


class LeaderJoints:
    """The joints follow those of a leader arm, or the present point of its trajectory."""

    def __init__(self, count: int) -> None:
        self._newest: Array = np.full(count, np.nan)
        self._rested: Array | None = None
        self._trajectory: Trajectory | None = None
        self._since_ns: int | None = None

    def take(self, found: Array | Trajectory) -> None:
        self._trajectory = found if isinstance(found, Trajectory) else None
        self._since_ns = None
        newest = found.positions[-1] if isinstance(found, Trajectory) else found
        self._newest = np.where(np.isfinite(newest), newest, self._newest)
        if self._rested is None and np.all(np.isfinite(self._newest)):
            self._rested = self._newest

    def begin(self, here: Array, now_ns: int) -> None:
        """Begin with the leader's present joints and the arm's (J,)."""

    def at(self, here: Array, now_ns: int) -> Array | None:
        return self._known(here, now_ns)

    def _known(self, here: Array, now_ns: int) -> Array | None:
        found = self._trajectory
        if found is None:
            return self._newest if np.all(np.isfinite(self._newest)) else None
        if self._since_ns is None:
            self._since_ns = now_ns
        times_s, passed_s = found.times_ns / 1e9, (now_ns - self._since_ns) / 1e9
        columns = found.positions.T
        due = np.array([np.interp(passed_s, times_s, column) for column in columns])
        return np.where(np.isfinite(due), due, here)

    def away(self, here: Array, now_ns: int) -> Array:
        known = self._known(here, now_ns)
        return np.full(here.shape, np.inf) if known is None else known - here

    @property
    def moved(self) -> float:
        if self._rested is None:
            return 0.0
        with np.errstate(over="ignore", invalid="ignore"):
            return float(np.nan_to_num(np.abs(self._newest - self._rested)).max())

    def rest(self) -> None:
        self._rested = self._newest if np.all(np.isfinite(self._newest)) else None


def make_target(operator: Operator, device_type: str, velocity: Array) -> Target:
    """The target of a device by its type (`LabelType.name`); `velocity` (G,) is the largest."""
    motion = operator.motion
    if isinstance(motion, JointLabel):
        return LeaderJoints(len(motion.joints))
    return HandTwist(velocity) if device_type == TWIST else HandPose()
