"""Whether a quantity that was sampled for a while grows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

HOUR_S = 3600.0
WARM_UP = 0.25
"""Share of the beginning of every life that says nothing: caches fill, modules are imported."""


@dataclass(frozen=True, kw_only=True)
class Bound:
    """What counts as growth: a rise beyond `step` and beyond `per_hour` times the hours."""

    unit: str
    step: float
    per_hour: float

    def allowed(self, seconds: float) -> float:
        """The largest allowed rise of the trend over `seconds`."""
        return max(self.step, self.per_hour * seconds / HOUR_S)


@dataclass(frozen=True, kw_only=True)
class Life:
    """One process, or what all share: times (T,) in s and a quantity (T,)."""

    times_s: Array
    values: Array

    def settled(self) -> Life:
        """Without the first quarter of its time."""
        start_s, end_s = self.times_s[0], self.times_s[-1]
        late = self.times_s >= start_s + WARM_UP * (end_s - start_s)
        return Life(times_s=self.times_s[late], values=self.values[late])

    @property
    def seconds(self) -> float:
        """From the first sample to the last one."""
        return float(np.ptp(self.times_s))


@dataclass(frozen=True, kw_only=True)
class Trend:
    """The rise of a quantity over `seconds`, and the allowed rise."""

    first: float
    last: float
    highest: float
    seconds: float
    rise: float
    allowed: float

    @property
    def grows(self) -> bool:
        """Whether it rises by more than is allowed."""
        return self.rise > self.allowed


def trend(lives: Sequence[Life], bound: Bound) -> Trend:
    """The trend of a quantity, from the samples of consecutive processes.

    The slope is the median of the slopes between any two samples of a process (Theil 1950, Sen
    1968): fluctuations and a single step are no growth, repeated steps are.
    """
    settled = [life.settled() for life in lives]
    slopes = np.concatenate([_slopes(life) for life in settled])
    seconds = sum(life.seconds for life in settled)
    slope = float(np.median(slopes)) if len(slopes) else 0.0
    values = np.concatenate([life.values for life in lives])
    return Trend(
        first=float(values[0]),
        last=float(values[-1]),
        highest=float(values.max()),
        seconds=seconds,
        rise=slope * seconds,
        allowed=bound.allowed(seconds),
    )


def _slopes(life: Life) -> Array:
    """Between every two samples, per s."""
    before, after = np.triu_indices(len(life.times_s), 1)
    return np.asarray(
        (life.values[after] - life.values[before]) / (life.times_s[after] - life.times_s[before])
    )
