"""Joint positions as their sines and cosines."""

from __future__ import annotations

import numpy as np

from groot_ros.codecs.representations.base import Array, Representation
from groot_ros.signals.kinds import JOINTS
from groot_ros.signals.signals import SignalSpec


class SinCos(Representation):
    """The sines of all joints, then their cosines; decoding returns angles within pi."""

    kinds = (JOINTS,)

    def names(self, signal: SignalSpec) -> tuple[str, ...]:
        return tuple(f"{part}_{name}" for part in ("sin", "cos") for name in signal.columns)

    def columns(self, values: Array) -> Array:
        return np.concatenate([np.sin(values), np.cos(values)], axis=-1)

    def values(self, columns: Array) -> Array:
        sines, cosines = np.split(np.asarray(columns, dtype=np.float64), 2, axis=-1)
        return np.arctan2(sines, cosines)
