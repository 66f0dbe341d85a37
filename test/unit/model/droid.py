"""The released DROID checkpoint's processor, with statistics made up for it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from networks import DATA

DROID = "oxe_droid_relative_eef_relative_joint"
KWARGS = json.loads((DATA / "gr00t_n17_droid" / "processor_config.json").read_text())[
    "processor_kwargs"
]


def bounds(dim: int, low: float = -2.0, high: float = 3.0) -> dict[str, Any]:
    """Statistics whose percentiles differ from their extremes."""
    one = np.ones(dim)
    return {
        "min": (low * one).tolist(),
        "max": (high * one).tolist(),
        "mean": (0.25 * one).tolist(),
        "std": (0.5 * one).tolist(),
        "q01": (low / 2 * one).tolist(),
        "q99": (high / 2 * one).tolist(),
    }


def per_step(dim: int, steps: int = 40) -> dict[str, Any]:
    growth = np.arange(1, steps + 1)[:, None] * np.ones(dim)
    return {
        "min": (-0.1 * growth).tolist(),
        "max": (0.1 * growth).tolist(),
        "mean": (0 * growth).tolist(),
        "std": growth.tolist(),
        "q01": (-0.05 * growth).tolist(),
        "q99": (0.05 * growth).tolist(),
    }


def near_identity(steps: int = 40) -> dict[str, Any]:
    """Relative statistics of xyz + rot6d that hold a rotation in their middle."""
    rows = np.tile([0.0, 0, 0, 1, 0, 0, 0, 1, 0], (steps, 1))
    return per_step(9, steps) | {"min": (rows - 0.5).tolist(), "max": (rows + 0.5).tolist()}


DIMS = {"eef_9d": 9, "gripper_position": 1, "joint_position": 7}
STATISTICS: dict[str, Any] = {
    DROID: {
        "state": {key: bounds(dim) for key, dim in DIMS.items()},
        "action": {key: bounds(dim) for key, dim in DIMS.items()},
        "relative_action": {"eef_9d": near_identity(), "joint_position": per_step(7)},
    }
}
