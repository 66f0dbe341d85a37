"""Beginning and end of the movement in an episode."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from groot_ros.data.signals import Signal
from groot_ros.geometry import rotation_angle

# A robot that stands still moves less than this: m, rad, and closure of the gripper.
STILL_M = 0.002
STILL_RAD = 0.01
STILL_GRIP = 0.02
# Kept before and behind the movement.
MARGIN_NS = 300_000_000


def moving_range(signals: Mapping[str, Signal]) -> tuple[int, int] | None:
    """First and last time in ns of movement, a margin around it; None when nothing moves.

    Until the first one every signal stays near its first value, and from the last one on near
    its last value.
    """
    begins, ends = [], []
    for name, signal in signals.items():
        from_first, from_last = _moved(name, signal, 0), _moved(name, signal, -1)
        if np.any(from_first):
            begins.append(signal.times_ns[np.argmax(from_first)])
            ends.append(signal.times_ns[len(signal) - 1 - np.argmax(from_last[::-1])])
    if not begins:
        return None
    return int(min(begins)) - MARGIN_NS, int(max(ends)) + MARGIN_NS


def _moved(name: str, signal: Signal, index: int) -> np.ndarray:
    """Whether each sample (T,) differs from the one at an index."""
    values, reference = signal.values, signal.values[index]
    if name == "ee_pose":
        distance = np.linalg.norm(values[:, :3] - reference[:3], axis=1)
        return (distance > STILL_M) | (rotation_angle(values[:, 3:], reference[3:]) > STILL_RAD)
    limit = STILL_GRIP if name == "grip" else STILL_RAD
    difference = np.abs(values - reference).reshape(len(values), -1)
    return np.max(difference, axis=1) > limit
