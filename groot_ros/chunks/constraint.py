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
        """How far beyond each face, in m, each piece (max(N - 1, 1), F) of the way through values
        (N, V) leads at most; 0 or less inside."""


def depth_of(constraint: Constraint, value: Array) -> Array:
    """How far beyond each face (F,) a value (V,) is, 0 where it is inside."""
    return np.maximum(constraint.depth(value[None])[0], 0.0)


def passes(constraint: Constraint, values: Array, allowed: Array) -> bool:
    """Whether a way through values leads further beyond a face than is allowed (F,)."""
    return bool(np.any(constraint.depth(values) > allowed + ROUNDING))
