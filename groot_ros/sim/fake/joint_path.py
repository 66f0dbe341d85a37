"""Joint positions over time, as a trajectory message gives them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicHermiteSpline, make_interp_spline

from groot_ros.errors import UserError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class JointPath:
    """Positions (T, J) rad, and velocities (T, J) rad/s if known, at times (T,) s from now."""

    times_s: Array
    positions: Array
    velocities: Array | None


def joint_curve(
    times_s: ArrayLike, positions: Array, velocities: Array | None
) -> Callable[[float], Array]:
    """Positions (J,) as a function of time in s, between the first and the last of the times.

    Cubic where velocities are given, linear otherwise; UserError for times that do not increase.
    """
    times_s = np.asarray(times_s, dtype=np.float64)
    if np.any(np.diff(times_s) <= 0):
        raise UserError(
            f"times {times_s.tolist()} s of a joint trajectory do not increase: sort them"
        )
    curve = (
        make_interp_spline(times_s, positions, k=1)
        if velocities is None
        else CubicHermiteSpline(times_s, positions, velocities)
    )
    return lambda time_s: np.asarray(curve(time_s), dtype=np.float64)
