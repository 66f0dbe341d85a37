"""Numbers as they are."""

from __future__ import annotations

import math

import numpy as np

from groot_ros.codecs.representations.base import Array, Representation
from groot_ros.signals.kinds import VECTOR, VELOCITY


class Vector(Representation):
    """Velocities, or numbers of any unit, in the robot file's order."""

    kinds = (VECTOR, VELOCITY)
    is_default = True
    units = {"rad": 1.0, "deg": math.degrees(1.0), "percent": 100.0}

    def columns(self, values: Array) -> Array:
        return np.asarray(values, dtype=np.float64)

    def values(self, columns: Array) -> Array:
        return np.asarray(columns, dtype=np.float64)
