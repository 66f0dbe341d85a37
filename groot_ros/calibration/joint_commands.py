"""Commanded joint positions over time, of trajectories and of streams of positions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from groot_ros.data.playback.signals import Samples, Signal
from groot_ros.errors import UserError
from groot_ros.observation.fields import NS, to_ns
from groot_ros.observation.signal_messages import pick_joints
from groot_ros.signals.kinds import JOINTS

Array = NDArray[np.float64]

TRAJECTORY = "trajectory_msgs/msg/JointTrajectory"
POSITIONS = "std_msgs/msg/Float64MultiArray"
# Between the points of a trajectory a controller wants positions so often.
SAMPLE_NS = NS // 100


class JointCommands:
    """What is wanted of `joints`: the newest positions, or the newest trajectory, straight from
    point to point, from where the one before it was then."""

    def __init__(self, joints: tuple[str, ...]) -> None:
        self._joints = joints
        self._samples = Samples()
        self._begun_ns = 0
        self._times_ns = np.zeros(0, np.int64)
        self._wanted = np.zeros((0, len(joints)))

    def take(self, message: Any, arrival_ns: int) -> None:
        """A message of either type; what is not for these joints is left out."""
        times_ns = np.array([arrival_ns])
        try:
            if hasattr(message, "points"):
                start_ns = to_ns(message.header.stamp) or arrival_ns
                rows = [point.positions for point in message.points]
                wanted = np.array(
                    [pick_joints(self._joints, message.joint_names, r) for r in rows]
                )
                times_ns = np.array(
                    [start_ns + to_ns(point.time_from_start) for point in message.points]
                )
            else:
                wanted = np.array([message.data], dtype=np.float64)
        except (KeyError, UserError):
            return
        if wanted.ndim != 2 or wanted.shape[1:] != (len(self._joints),):
            return
        if np.all(np.isfinite(wanted)) and np.all(np.diff(times_ns) > 0):
            self._go_on(arrival_ns, times_ns, wanted)

    def _go_on(self, now_ns: int, times_ns: NDArray[np.int64], wanted: Array) -> None:
        here = self._until(now_ns)
        later = times_ns > now_ns
        if here is not None and np.any(later):
            times_ns = np.concatenate([[now_ns], times_ns[later]])
            wanted = np.concatenate([here[None], wanted[later]])
        self._begun_ns, self._times_ns, self._wanted = now_ns, times_ns, wanted

    def _until(self, stop_ns: int) -> Array | None:
        """Sample what is wanted until a time, and say what is wanted then; None before any."""
        if len(self._times_ns) == 0:
            return None
        end_ns = min(stop_ns, max(int(self._times_ns[-1]), self._begun_ns) + 1)
        for time_ns in range(self._begun_ns, end_ns, SAMPLE_NS):
            # What is held until the next sample is wanted in its middle.
            self._samples.add(time_ns, self._at(min(time_ns + SAMPLE_NS // 2, end_ns)))
        return self._at(stop_ns)

    def _at(self, time_ns: int) -> Array:
        since_s = (self._times_ns - self._begun_ns) / NS
        at_s = (time_ns - self._begun_ns) / NS
        columns = self._wanted.T
        return np.array([np.interp(at_s, since_s, column) for column in columns])

    def signal(self) -> Signal:
        """All that was wanted."""
        if len(self._times_ns):
            self._until(int(self._times_ns[-1]) + 1)
            self._samples.add(int(max(self._times_ns[-1], self._begun_ns)), self._wanted[-1])
        return self._samples.signal(JOINTS)
