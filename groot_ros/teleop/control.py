"""What a device of a person asks of the hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from groot_ros.errors import UserError

Array = NDArray[np.float64]
LEAST, MOST = 0.1, 4.0
"""Of the scale by which a person changes the speeds."""


@dataclass(frozen=True, kw_only=True)
class Speeds:
    """How fast the hand moves at most, in m/s, and turns, in rad/s."""

    linear: float = 0.05
    angular: float = 0.3

    def __post_init__(self) -> None:
        for name in ("linear", "angular"):
            value = getattr(self, name)
            if not 0.0 < value <= 10.0:
                raise UserError(f"{name} speed is {value:g}, expected more than 0, at most 10")

    def twist(self, share: Array) -> Array:
        """Twist (6,), m/s and rad/s about x, y, z, for shares (6,) in [-1, 1] of these speeds."""
        most = np.repeat([self.linear, self.angular], 3)
        return np.asarray(np.clip(share, -1.0, 1.0) * most)


class HandControl(Protocol):
    """A device; time is handed to it, in s of any steady clock."""

    @property
    def grip(self) -> float:
        """Closure that is asked for: 0 open, 1 closed."""

    def twist(self, now_s: float) -> Array:
        """Twist (6,) that is asked for now: m/s, then rad/s."""
