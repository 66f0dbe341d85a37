"""Whose turn it is to move the robot."""

from __future__ import annotations

from enum import Enum


class Control(Enum):
    """Whose chunks move the robot, or that it goes home; the names stand in `executor/state` and
    in datasets."""

    POLICY = "policy"
    HANDOVER = "handover"
    OPERATOR = "operator"
    HOME = "home"

    @property
    def is_of_operator(self) -> bool:
        """Whether somebody has taken over, led by the device already or not yet."""
        return self in (Control.HANDOVER, Control.OPERATOR)
