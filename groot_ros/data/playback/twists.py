"""Poses that twists lead to, as MoveIt Servo and velocity controllers follow them."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from groot_ros.data.playback.signals import COMMAND_GAP_NS, NO_GAP_NS, Signal, SignalSamples
from groot_ros.geometry import led_by_twist
from groot_ros.signals.kinds import POSE

Array = NDArray[np.float64]

# A twist holds until the next one, and no longer than this: then its sender is gone.
HOLD_NS = COMMAND_GAP_NS
# A motion that begins after such a rest begins where the hand is measured.
REST_NS = 500_000_000


class Twists:
    """Twists in m/s and rad/s, one by one in any order."""

    def __init__(self) -> None:
        self._times_ns = array("q")
        self._values = array("d")

    def add(self, time_ns: int, value: Array, is_of_tool: bool) -> None:
        """A twist (6,), linear and angular, along the tool's axes or else the base frame's."""
        self._times_ns.append(time_ns)
        self._values.extend([*value, float(is_of_tool)])

    def _segments(self) -> Iterator[tuple[int, int, Array, bool]]:
        """Beginning and end in ns of each twist, the twist, whether it is the tool's."""
        times = np.array(self._times_ns, dtype=np.int64)
        values = np.array(self._values).reshape(-1, 7)
        order = np.argsort(times, kind="stable")
        times, values = times[order], values[order]
        ends = np.minimum(np.append(times[1:], times[-1:] + HOLD_NS), times + HOLD_NS)
        for begin, end, value in zip(times, ends, values, strict=True):
            if end > begin:
                yield int(begin), int(end), value[:6], bool(value[6])

    def poses(self, measured: Signal) -> Signal:
        """Poses over time; a motion after a rest begins at the pose `measured` then."""
        samples = SignalSamples()
        pose: Array | None = None
        moved_ns = 0
        for begin_ns, end_ns, twist, is_of_tool in self._segments():
            is_moving = bool(np.any(twist != 0))
            if pose is None or (is_moving and begin_ns - moved_ns > REST_NS):
                if pose is not None:
                    samples.add(begin_ns - 1, pose)
                pose = measured.interpolated(np.array([begin_ns]))[0]
                moved_ns = begin_ns
            samples.add(begin_ns, pose)
            pose = led_by_twist(pose, twist, is_of_tool, (end_ns - begin_ns) / 1e9)
            samples.add(end_ns, pose)
            moved_ns = end_ns if is_moving else moved_ns
        return samples.signal(POSE, NO_GAP_NS)
