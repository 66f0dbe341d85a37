"""Whose turn it is to move the robot."""

from __future__ import annotations

from enum import Enum


class Control(Enum):
    """Whose chunks move the robot; the names stand in `executor/state` and in datasets."""

    POLICY = "policy"
    HANDOVER = "handover"
    OPERATOR = "operator"
