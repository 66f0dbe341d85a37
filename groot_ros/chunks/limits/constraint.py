"""Something that the arm must not pass, beside the limits of its signal."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# In m, so that rounding is no passing.
ROUNDING = 1e-9


class Constraint(Protocol):
    """Faces that the arm must not come beyond: it stops instead."""

    def depth(self, values: Array) -> Array:
        """How far beyond each face, in m or rad, each piece (max(N - 1, 1), F) of the way through
        values (N, V) leads at most; 0 or less inside."""


def farthest_between(start: Array, end: Array, bend: Array) -> Array:
    """The most (...,) that something is between two values (...,), whose second derivative by the
    share of the way is at most `bend` (...,): the peak of the parabola that bends as much."""
    apart = end - start
    inner = np.abs(apart) < bend / 2
    bulge = bend / 8 + apart**2 / (2 * np.where(inner, bend, 1.0)) - np.abs(apart) / 2
    most: Array = np.maximum(start, end) + np.where(inner, bulge, 0.0)
    return most


def depth_of(constraint: Constraint, value: Array) -> Array:
    """How far beyond each face (F,) a value (V,) is, 0 where it is inside."""
    found: Array = np.maximum(constraint.depth(value[None])[0], 0.0)
    return found


def passes(constraint: Constraint, values: Array, allowed: Array) -> bool:
    """Whether a way through values leads further beyond a face than is allowed (F,)."""
    return bool(np.any(constraint.depth(values) > allowed + ROUNDING))
