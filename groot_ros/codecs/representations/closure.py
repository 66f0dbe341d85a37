"""How far a gripper is closed, as it is or as a decision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from groot_ros.codecs.representations.base import Array, Representation
from groot_ros.files.typed import number
from groot_ros.signals.kinds import CLOSURE

# Between the two answers 0 and 1 of a network.
DECIDED = 0.5


@dataclass(frozen=True)
class Closure(Representation):
    """Closure in [0, 1], 1 closed; with `binary` a decision: 1 where it is beyond that, else 0.

    What is in the hand stops the fingers long before they are shut, so that a closure that was
    reached wants a low threshold.
    """

    kinds = (CLOSURE,)
    is_default = True
    units = {"percent": 100.0}
    binary: Annotated[float, number("closure", 0.0, 1.0)] | None = None

    def columns(self, values: Array) -> Array:
        columns = np.asarray(values, dtype=np.float64)[..., None]
        return columns if self.binary is None else (columns > self.binary).astype(np.float64)

    def values(self, columns: Array) -> Array:
        values = np.clip(columns[..., 0], 0.0, 1.0)
        return values if self.binary is None else (values > DECIDED).astype(np.float64)
