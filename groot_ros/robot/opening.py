"""What the numbers of a gripper mean."""

from __future__ import annotations

from typing import Annotated

from groot_ros.files.typed import Misfit, number
from groot_ros.robot.stream_time import TimeKeys

Raw = Annotated[float, number("the raw value's unit")]


class Opening:
    """What a gripper's numbers mean: `open` is closure 0, `closed` closure 1."""

    open: float
    closed: float

    def closure(self, raw: float) -> float:
        """Closure in [0, 1] of a raw value; NaN stays NaN."""
        # In this order of arguments min and max hand NaN on.
        return min(max(self.fraction(raw), 0.0), 1.0)

    def fraction(self, raw: float) -> float:
        """`closure` without clipping: below 0 or above 1 for a raw value out of range."""
        return (raw - self.open) / (self.closed - self.open)

    def raw(self, closure: float) -> float:
        """Raw value of a closure in [0, 1]."""
        return self.open + closure * (self.closed - self.open)


class OpeningKeys(TimeKeys, frozen=True, kw_only=True):
    """A stream of a gripper's numbers; see Opening."""

    open: Raw = 0.0
    closed: Raw = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.open == self.closed:
            raise Misfit(f"is {self.closed:g} like open, expected two different values", "closed")
