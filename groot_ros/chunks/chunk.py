"""A chunk of actions as a signal in time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.curve import Curve
from groot_ros.chunks.grading import Verdict
from groot_ros.geometry import interpolate_pose

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Setpoint:
    """What the robot should do at one time: ee_pose (7,), joint_position (J,), grip in [0, 1].

    `velocity` is that of the pose, linear then angular (6,), or of the joints (J,).
    """

    ee_pose: Array | None
    joint_position: Array | None
    grip: float | None
    velocity: Array | None = None

    @classmethod
    def of(cls, signal: str, value: Array, grip: float | None, velocity: Array) -> Setpoint:
        """The setpoint of a signal, `ee_pose` or `joint_position`."""
        if signal == "ee_pose":
            return cls(value, None, grip, velocity)
        return cls(None, value, grip, velocity)


@dataclass(frozen=True)
class Samples:
    """Setpoints at N times: ee_pose (N, 7), joint_position (N, J), grip (N,)."""

    ee_pose: Array | None
    joint_position: Array | None
    grip: Array | None


@dataclass(frozen=True)
class RoundTrip:
    """Where the time of a remote prediction went, in s; server_s includes waiting for its turn."""

    network_s: float = 0.0
    server_s: float = 0.0


@dataclass(frozen=True)
class Chunk:
    """The actions of one inference; step i belongs to `stamp_ns + i * step_ns`.

    ee_pose (T, 7) xyz in m + quaternion wxyz in the robot's base frame, joint_position (T, J)
    rad, grip (T,) closure in [0, 1]; at least one of the first two is set. `epoch` counts resets,
    so that a chunk from before one can be told; `verdict` says how familiar it is, `round_trip`
    what it took to fetch it from a server. Where the joints were solved from poses, `curve` is the
    way that they take through the steps, `speed` the share of its own speed that they may have.
    """

    stamp_ns: int
    step_ns: int
    epoch: int = 0
    ee_pose: Array | None = None
    joint_position: Array | None = None
    grip: Array | None = None
    verdict: Verdict = Verdict()
    round_trip: RoundTrip = RoundTrip()
    curve: Curve | None = None
    speed: float = 1.0

    def __post_init__(self) -> None:
        if self.step_ns <= 0:
            raise ValueError(f"step_ns is {self.step_ns}, expected a positive duration")
        if self.ee_pose is None and self.joint_position is None:
            raise ValueError("a chunk needs ee_pose or joint_position")
        lengths = {len(values) for values in self._signals() if values is not None}
        if len(lengths) != 1 or 0 in lengths:
            raise ValueError(f"the signals of a chunk have lengths {sorted(lengths)}")

    def _signals(self) -> tuple[Array | None, ...]:
        return self.ee_pose, self.joint_position, self.grip

    def __len__(self) -> int:
        return next(len(values) for values in self._signals() if values is not None)

    @property
    def end_ns(self) -> int:
        """Time of the last step."""
        return self.stamp_ns + (len(self) - 1) * self.step_ns

    def step_times_ns(self) -> NDArray[np.int64]:
        """Times (T,) of the steps."""
        return self.stamp_ns + np.arange(len(self), dtype=np.int64) * self.step_ns

    def passed_steps(self, time_ns: int) -> int:
        """How many steps lie before `time_ns`."""
        return int(np.clip(-((self.stamp_ns - time_ns) // self.step_ns), 0, len(self)))

    def is_past(self, time_ns: int) -> bool:
        """Whether all steps lie before a time."""
        return time_ns > self.end_ns

    def is_future(self, time_ns: int) -> bool:
        """Whether no step's time has come yet."""
        return time_ns < self.stamp_ns

    def sample(self, time_ns: int) -> Setpoint:
        """Setpoint at a time: linear, SLERP for rotation; the grip of the step that is due.

        Before the first step it is the first one, after the last step the last one.
        """
        samples = self.sample_many(np.array([time_ns], dtype=np.int64))
        return Setpoint(
            ee_pose=None if samples.ee_pose is None else samples.ee_pose[0],
            joint_position=None if samples.joint_position is None else samples.joint_position[0],
            grip=None if samples.grip is None else float(samples.grip[0]),
        )

    def sample_many(self, times_ns: NDArray[np.int64]) -> Samples:
        """`sample` at times (N,)."""
        position = np.clip((times_ns - self.stamp_ns) / self.step_ns, 0.0, len(self) - 1.0)
        lower = position.astype(int)
        upper = np.minimum(lower + 1, len(self) - 1)
        fraction = position - lower
        joints = self.joint_position
        return Samples(
            ee_pose=None
            if self.ee_pose is None
            else interpolate_pose(self.ee_pose[lower], self.ee_pose[upper], fraction),
            joint_position=None
            if joints is None
            else joints[lower] + fraction[:, None] * (joints[upper] - joints[lower]),
            # A gripper command is a decision: blending two decisions is neither of them.
            grip=None if self.grip is None else self.grip[lower],
        )

    def after(self, time_ns: int) -> Chunk | None:
        """The steps at or after `time_ns`, None when all have passed."""
        passed = self.passed_steps(time_ns)
        if passed == len(self):
            return None
        return replace(
            self,
            stamp_ns=self.stamp_ns + passed * self.step_ns,
            ee_pose=None if self.ee_pose is None else self.ee_pose[passed:],
            joint_position=None if self.joint_position is None else self.joint_position[passed:],
            grip=None if self.grip is None else self.grip[passed:],
        )
