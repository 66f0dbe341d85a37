"""A constraint that the arm must not violate, beside the limits of its signal."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# In m, so that rounding is no passing.
ROUNDING = 1e-9


class Constraint(Protocol):
    """Faces that the arm stays inside of; it stops before them."""

    def depth(self, values: Array) -> Array:
        """The largest penetration of each face, in m or rad, on each segment (max(N - 1, 1), F) of
        a path through values (N, V); 0 or less inside."""


def farthest_between(start: Array, end: Array, bend: Array) -> Array:
    """The maximum (...,) between two values (...,) of a function whose second derivative with
    respect to the path parameter is at most `bend` (...,): the peak of the parabola with that
    second derivative."""
    apart = end - start
    inner = np.abs(apart) < bend / 2
    bulge = bend / 8 + apart**2 / (2 * np.where(inner, bend, 1.0)) - np.abs(apart) / 2
    most: Array = np.maximum(start, end) + np.where(inner, bulge, 0.0)
    return most


def depth_of(constraint: Constraint, value: Array) -> Array:
    """Penetration of each face (F,) at a value (V,), 0 inside."""
    found: Array = np.maximum(constraint.depth(value[None])[0], 0.0)
    return found


def passes(constraint: Constraint, values: Array, allowed: Array) -> bool:
    """Whether a path through values (N, V) penetrates a face by more than is allowed (F,)."""
    return bool(np.any(constraint.depth(values) > allowed + ROUNDING))
