"""What the numbers of a gripper mean."""

from __future__ import annotations

from groot_ros.robot.section import Section


class Opening:
    """What a gripper's numbers mean: `open` is closure 0, `closed` closure 1."""

    open: float
    closed: float

    def closure(self, raw: float) -> float:
        """Closure in [0, 1] of a raw value; NaN stays NaN."""
        # In this order of arguments min and max hand NaN on.
        return min(max(self.fraction(raw), 0.0), 1.0)

    def fraction(self, raw: float) -> float:
        """The same of a raw value beyond the range: below 0 or above 1."""
        return (raw - self.open) / (self.closed - self.open)

    def raw(self, closure: float) -> float:
        """Raw value of a closure in [0, 1]."""
        return self.open + closure * (self.closed - self.open)


def read_open_closed(section: Section) -> tuple[float, float]:
    opened = section.number("open", "the raw value's unit") if "open" in section else 0.0
    closed = section.number("closed", "the raw value's unit") if "closed" in section else 1.0
    if opened == closed:
        raise section.error("closed", f"is {closed:g} like open, expected two different values")
    return opened, closed
