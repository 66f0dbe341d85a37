"""Joint positions as they are."""

from __future__ import annotations

import numpy as np

from groot_ros.codecs.representations.base import ANGLES, Array, Representation
from groot_ros.signals.kinds import JOINTS


class Joints(Representation):
    """Positions in rad or m, in the robot file's order."""

    kinds = (JOINTS,)
    is_default = True
    units = {**ANGLES, "percent": 100.0}

    def columns(self, values: Array) -> Array:
        return np.asarray(values, dtype=np.float64)

    def values(self, columns: Array) -> Array:
        return np.asarray(columns, dtype=np.float64)
