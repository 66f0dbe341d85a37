"""Actions relative to the last observed state, and back to absolute ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy
from numpy.typing import NDArray

from groot_ros import geometry
from groot_ros.codecs.file import CodecFile, Entry
from groot_ros.codecs.representations.xyz_rot6d import XyzRot6d
from groot_ros.model.processing.modality import ActionConfig, ActionFormat, ActionType

Array = NDArray[np.float64]

# How the actions of `_rel` variants are relative: by NVIDIA's rule for poses, or number by number.
RELATIVE = {
    "se3": ActionConfig(True, ActionType.EEF, ActionFormat.XYZ_ROT6D, "ee_pose"),
    "elementwise": ActionConfig(True, ActionType.NON_EEF, ActionFormat.DEFAULT, "ee_pose"),
}


def action_config(file: CodecFile, key: str, how: str) -> ActionConfig:
    """How an action of a codec is meant; `how` is that of relative poses, of `RELATIVE`.

    NVIDIA's rule is for poses with rows of a matrix: others are relative number by number.
    """
    if key not in file.relative_keys:
        return ActionConfig()
    is_pose = any(
        isinstance(entry, Entry) and entry.key == key and isinstance(entry.form, XyzRot6d)
        for entry in file.action
    )
    return replace(RELATIVE[how if is_pose else "elementwise"], state_key=key)


def to_relative(config: ActionConfig, actions: Array, reference: Array) -> Array:
    """Actions (T, D) seen from the state `reference` (D,).

    EEF: reference^-1 * action in SE(3), translation in the end-effector's frame; else the
    difference, number by number.
    """
    if config.type is ActionType.NON_EEF:
        return actions - reference
    frame = _to_matrix(config.format, reference)
    relative = geometry.relative(frame, _to_matrix(config.format, actions))
    return _from_matrix(config.format, relative)


def to_absolute(config: ActionConfig, actions: Array, reference: Array) -> Array:
    """The inverse of `to_relative`: absolute actions (T, D)."""
    if config.type is ActionType.NON_EEF:
        return actions + reference
    frame = _to_matrix(config.format, reference)
    absolute = geometry.compose(frame, _to_matrix(config.format, actions))
    return _from_matrix(config.format, absolute)


def _to_matrix(form: ActionFormat, values: Array) -> Array:
    if form is ActionFormat.XYZ_ROT6D:
        return geometry.pose9_to_matrix(values)
    matrix = np.zeros((*values.shape[:-1], 4, 4))
    matrix[..., :3, :3] = (
        scipy.spatial.transform.Rotation.from_rotvec(values[..., 3:].reshape(-1, 3))
        .as_matrix()
        .reshape(*values.shape[:-1], 3, 3)
    )
    matrix[..., :3, 3] = values[..., :3]
    matrix[..., 3, 3] = 1.0
    return matrix


def _from_matrix(form: ActionFormat, matrix: Array) -> Array:
    if form is ActionFormat.XYZ_ROT6D:
        return geometry.matrix_to_pose9(matrix)
    rotations = scipy.spatial.transform.Rotation.from_matrix(matrix[..., :3, :3].reshape(-1, 3, 3))
    rotvec = rotations.as_rotvec().reshape(*matrix.shape[:-2], 3)
    return np.concatenate([matrix[..., :3, 3], rotvec], axis=-1)
