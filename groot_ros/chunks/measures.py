"""Measures of smoothness of a motion."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groot_ros.signals.kinds import Kind
from groot_ros.signals.space import Space

Array = NDArray[np.float64]

# Balasubramanian et al. 2015, "On the analysis of movement smoothness": cut-off, threshold.
SPARC_HZ = 10.0
SPARC_AMPLITUDE = 0.05
SPARC_PADDING = 4
HALF_CLOSED = 0.5


@dataclass(frozen=True)
class Jump:
    """Distance between two values of a signal: m, rad, and rad or m per joint."""

    position_m: float = 0.0
    rotation_rad: float = 0.0
    joints_rad: tuple[float, ...] = ()

    @classmethod
    def of(cls, displacement: Array, kind: Kind) -> Jump:
        """The distance of a displacement (D,) of a signal of a kind."""
        measures = kind.measures(kind.space.lengths(displacement))
        return cls(**{name: _plain(length) for name, length in measures.items()})


def _plain(length: Array) -> Any:
    return tuple(length.tolist()) if length.ndim else float(length)


class SeamMeter:
    """Measures the jump of a command relative to the linear extrapolation of the previous two."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._commands: deque[tuple[Array, int]] = deque(maxlen=3)

    def clear(self) -> None:
        """Forget previous commands."""
        self._commands.clear()

    def add(self, value: Array, time_ns: int) -> None:
        """Record a command (V,) at a time in ns."""
        if self._commands and time_ns <= self._commands[-1][1]:
            self._commands.clear()
        self._commands.append((value, time_ns))

    @property
    def jump(self) -> Array | None:
        """Displacement (D,) of the last command from the extrapolation, None before the third
        command."""
        if len(self._commands) < 3:
            return None
        (first, first_ns), (last, last_ns), (value, time_ns) = self._commands
        way = self._space.difference(last, first) / (last_ns - first_ns) * (time_ns - last_ns)
        return self._space.difference(value, self._space.displace(last, way))


def flips(closures: Array) -> int:
    """Number of times that gripper closures (T,) cross one half, that is, command opening or
    closing."""
    return int(np.count_nonzero(np.diff(closures > HALF_CLOSED)))


def rms_jerk(positions: Array, step_s: float) -> float:
    """Root mean square of the jerk in m/s^3 of positions (T, 3) in m that are `step_s` apart."""
    jerk = np.diff(positions, n=3, axis=0) / step_s**3
    return float(np.sqrt(np.mean(np.sum(jerk**2, axis=1)))) if len(jerk) else 0.0


def sparc(speeds: Array, step_s: float) -> float:
    """Spectral arc length of a speed profile (T,): dimensionless, negative, nearer to zero for
    smoother motion.

    S. Balasubramanian et al. 2015, "On the analysis of movement smoothness".
    """
    if len(speeds) < 2 or not np.any(speeds > 0):
        return 0.0
    size = 2 ** (int(np.ceil(np.log2(len(speeds)))) + SPARC_PADDING)
    amplitude = np.abs(np.fft.rfft(speeds, size))
    amplitude /= amplitude.max()
    frequency = np.fft.rfftfreq(size, step_s)
    amplitude, frequency = amplitude[frequency <= SPARC_HZ], frequency[frequency <= SPARC_HZ]
    above = np.flatnonzero(amplitude >= SPARC_AMPLITUDE)
    amplitude, frequency = amplitude[: above[-1] + 1], frequency[: above[-1] + 1]
    if len(frequency) < 2:
        return 0.0
    across = np.diff(frequency) / (frequency[-1] - frequency[0])
    return float(-np.sum(np.hypot(across, np.diff(amplitude))))
