"""Recorded signals as functions of time."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from groot_ros.signals.kinds import VECTOR, Kind

Array = NDArray[np.float64]
Times = NDArray[np.int64]

# Farther apart than this, two commands are not a movement from one to the other.
COMMAND_GAP_NS = 200_000_000
# Of what is known at all times.
NO_GAP_NS = 2**62


@dataclass
class SignalSamples:
    """Samples as they come, without the weight of an object for each."""

    _times_ns: array[int] = field(default_factory=lambda: array("q"))
    _values: array[float] = field(default_factory=lambda: array("d"))
    _left_out_ns: list[int] = field(default_factory=list)

    def leave_out(self, time_ns: int) -> None:
        """A sample that says nothing, at a time."""
        insort(self._left_out_ns, time_ns)

    def is_doubtful(self, time_ns: int, is_held: bool) -> bool:
        """Whether a sample that says nothing is what a time would depend on.

        That is the newest one, and unless the signal is held the next one too.
        """
        after = bisect_right(self._left_out_ns, time_ns)
        if after and not self._has_between(self._left_out_ns[after - 1], time_ns):
            return True
        if is_held or after == len(self._left_out_ns):
            return False
        next_ns = self._left_out_ns[after]
        return next_ns - time_ns <= COMMAND_GAP_NS and not self._has_between(time_ns, next_ns)

    def _has_between(self, low_ns: int, high_ns: int) -> bool:
        index = bisect_left(self._times_ns, low_ns)
        return index < len(self._times_ns) and self._times_ns[index] <= high_ns

    def add(self, time_ns: int, value: float | Array) -> None:
        """Append a number or numbers, always as many."""
        self._times_ns.append(time_ns)
        if isinstance(value, float):
            self._values.append(value)
        else:
            self._values.extend(value.ravel().tolist())

    def signal(self, kind: Kind = VECTOR, gap_ns: int = COMMAND_GAP_NS) -> Signal:
        """The samples in the order of their times; of equal times the last one counts."""
        times = np.array(self._times_ns, dtype=np.int64)
        values = np.array(self._values, dtype=np.float64)
        if len(values) > len(times):
            values = values.reshape(len(times), -1)
        order = np.argsort(times, kind="stable")
        times, values = times[order], values[order]
        last = np.append(np.diff(times) > 0, True)[: len(times)]
        return Signal(times[last], values[last], kind, gap_ns)


@dataclass(frozen=True)
class Signal:
    """Samples (T, ...) of a kind at strictly increasing times (T,) in ns.

    Those farther apart than `gap_ns` are not a movement from one to the other.
    """

    times_ns: Times
    values: Array
    kind: Kind = VECTOR
    gap_ns: int = COMMAND_GAP_NS

    def __len__(self) -> int:
        return len(self.times_ns)

    def held(self, times_ns: Times) -> Array:
        """The newest sample at each time; the first one before it."""
        index = np.searchsorted(self.times_ns, times_ns, side="right") - 1
        return self.values[np.maximum(index, 0)]

    def interpolated(self, times_ns: Times, gap_ns: int | None = None) -> Array:
        """As the kind is interpolated; the ends hold, and so does a gap above `gap_ns`."""
        gap_ns = self.gap_ns if gap_ns is None else gap_ns
        end = np.searchsorted(self.times_ns, times_ns, side="left")
        upper = np.clip(end, 0, len(self) - 1)
        lower = np.clip(end - 1, 0, len(self) - 1)
        span = self.times_ns[upper] - self.times_ns[lower]
        fraction = (times_ns - self.times_ns[lower]) / np.where(span == 0, 1, span)
        fraction = np.where((span > gap_ns) & (fraction < 1.0), 0.0, np.clip(fraction, 0.0, 1.0))
        return self.kind.interpolate(self.values[lower], self.values[upper], fraction)
