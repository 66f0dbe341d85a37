"""Who controls the robot."""

from __future__ import annotations

from enum import Enum


class Control(Enum):
    """Whose chunks are executed, or homing; the names are those in `executor/state` and in
    datasets."""

    POLICY = "policy"
    HANDOVER = "handover"
    OPERATOR = "operator"
    HOME = "home"

    @property
    def is_of_operator(self) -> bool:
        """Whether the operator has taken over, already leading or not."""
        return self in (Control.HANDOVER, Control.OPERATOR)
