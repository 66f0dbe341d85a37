"""Statistics for checkpoints that never saw data: the space above a table.

Ranges in metres and radians, in the arm's base frame, the gripper pointing down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groot_ros.errors import UserError
from groot_ros.model.processing.modality import ActionKey, ActionType
from groot_ros.signals.kinds import CLOSURE, JOINTS, POSE, VECTOR
from groot_ros.signals.signals import ARM

Bounds = NDArray[np.float64]

QUAT_DOWN = np.array([0.0, 1.0, 0.0, 0.0])
ROT6D_DOWN = np.array([1.0, 0.0, 0.0, 0.0, -1.0, 0.0])
ROT6D_NONE = np.array([1.0, 0.0, 0.0, 0.0, 1.0, 0.0])
ROTATION_SPREAD = 0.2
# How far a relative chunk may go by its last step.
REACH_M, REACH_ROTATION = 0.1, 0.1


@dataclass(frozen=True)
class Workspace:
    """Where an arm may be: lowest and highest xyz (2, 3) and joint positions (2, J)."""

    position: Bounds
    joint_position: Bounds | None = None


def tabletop_statistics(
    state: Mapping[str, int], actions: Sequence[ActionKey], horizon: int, workspace: Workspace
) -> dict[str, Any]:
    """One embodiment's entry of statistics.json for keys named as the codecs name them."""
    statistics: dict[str, Any] = {
        "state": {key: _entry(_range(key, dim, workspace)) for key, dim in state.items()},
        "action": {key.key: _entry(_range(key.key, key.dim, workspace)) for key in actions},
    }
    relative = [key for key in actions if key.config.relative]
    if relative:
        statistics["relative_action"] = {
            key.key: _entry(_relative_range(key, horizon)) for key in relative
        }
    return statistics


def _range(key: str, dim: int, workspace: Workspace) -> Bounds:
    kind = next((spec.kind for spec in ARM if spec.name == key), VECTOR)
    if kind == CLOSURE:
        return np.tile([[0.0], [1.0]], dim)
    if kind == JOINTS and workspace.joint_position is not None:
        return workspace.joint_position
    if kind == POSE and dim in (7, 9):
        center = QUAT_DOWN if dim == 7 else ROT6D_DOWN
        spread = np.array([[-ROTATION_SPREAD], [ROTATION_SPREAD]])
        return np.concatenate([workspace.position, center + spread], axis=1)
    if kind == VECTOR:
        # What else is observed: nothing is learned yet, and training measures it.
        return np.tile([[-1.0], [1.0]], dim)
    raise UserError(
        f"no range is known for {key!r} of {dim} numbers: give the robot file its limits"
    )


def _relative_range(key: ActionKey, horizon: int) -> Bounds:
    """(2, horizon, dim): what a motion of constant speed can reach by each step."""
    growth = (np.arange(1, horizon + 1) / horizon)[:, None]
    if key.config.type is ActionType.EEF:
        center = np.concatenate([np.zeros(3), ROT6D_NONE])
        reach = np.concatenate([np.full(3, REACH_M), np.full(6, REACH_ROTATION)])
    else:
        center, reach = np.zeros(key.dim), np.full(key.dim, REACH_M)
    return np.stack([center - growth * reach, center + growth * reach])


def _entry(bounds: Bounds) -> dict[str, Any]:
    low, high = bounds
    values = {
        "min": low,
        "max": high,
        "mean": (low + high) / 2,
        "std": (high - low) / 4,
        "q01": low,
        "q99": high,
    }
    return {name: array.tolist() for name, array in values.items()}
