"""Jerk limitation by a moving average of commands whose acceleration is limited.

The mean of the last n commands is in every convex range that they are in; its velocity and
acceleration are the means of theirs, hence no larger; and its jerk is (a_k - a_(k-n)) / (n h), at
most 2 A / (n h). So n = 2 A / (J h) commands keep to the jerk J, at the price of a delay of (n -
1) / 2 periods.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.limits.bounds import Bounds
from groot_ros.signals.space import Space

Array = NDArray[np.float64]

# Longer averages would delay too much: then accelerations are lowered instead.
LONGEST_S = 0.1


def window(bounds: Bounds, period_s: float) -> int:
    """Number of commands to average; 1 where no jerk limit requires it."""
    hardest = np.maximum(bounds.acceleration, bounds.deceleration)
    limited = np.isfinite(bounds.jerk)
    if not limited.any():
        return 1
    jerks, hardest = np.broadcast_arrays(bounds.jerk, hardest)
    longest = max(1, math.floor(LONGEST_S / period_s))
    count = 2 * hardest[limited] / (jerks[limited] * period_s)
    return int(min(max(1.0, math.ceil(count.max() - 1e-9)), longest))


def shaped(bounds: Bounds, period_s: float) -> Bounds:
    """Bounds of the commands before averaging, such that the average keeps to the jerk limit
    too."""
    most = bounds.jerk * window(bounds, period_s) * period_s / 2
    return replace(
        bounds,
        acceleration=np.minimum(bounds.acceleration, most),
        deceleration=np.minimum(bounds.deceleration, most),
    )


def means(space: Space, values: Array, size: int) -> Array:
    """Means (N - size + 1, V) of `size` consecutive values of (N, V); of rotations in the tangent
    space of the newest."""
    if size == 1:
        return values
    rows = np.moveaxis(np.lib.stride_tricks.sliding_window_view(values, size, axis=0), -1, 1)
    newest = rows[:, -1]
    return space.displace(newest, space.difference(rows, newest[:, None]).mean(axis=1))


class MovingAverage:
    """The mean of the last values."""

    def __init__(self, space: Space, size: int) -> None:
        self._space = space
        self._values: deque[Array] = deque(maxlen=size)

    def start(self, value: Array) -> None:
        """Rest at a value (V,)."""
        self._values.extend([value] * (self._values.maxlen or 1))

    def add(self, value: Array) -> Array:
        """The mean (V,) after a new value (V,)."""
        self._values.append(value)
        found: Array = means(self._space, np.array(self._values), len(self._values))[0]
        return found

    def ahead(self, values: Array) -> Array:
        """The future means (M, V), where values (N, V) follow and the last of them is repeated."""
        size = len(self._values)
        last = np.repeat(values[-1:], size - 1, axis=0)
        return means(self._space, np.concatenate([np.array(self._values), values, last]), size)

    @property
    def is_still(self) -> bool:
        """Whether all averaged values are equal."""
        return all(np.array_equal(value, self._values[-1]) for value in self._values)
