"""Rotations and rigid poses as arrays, vectorised over leading axes.

Quaternions are wxyz. A pose is 7 numbers, xyz then quaternion; a pose9 is xyz then rot6d, the
first two rows of the rotation matrix flattened (the convention of GR00T's datasets; Zhou et al.
2019, "On the Continuity of Rotation Representations in Neural Networks", use columns).
"""

from __future__ import annotations

import numpy as np

# Loads its parts as they are used: that of rotations takes half a second, and most processes
# never need it.
import scipy
from numpy.typing import ArrayLike, NDArray

from groot_ros.errors import UserError

Array = NDArray[np.float64]

# Shorter vectors than this do not tell a direction: rot6d rows, quaternions.
DEGENERATE_NORM = 1e-3


def _array(values: ArrayLike, size: int, name: str) -> Array:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim == 0 or array.shape[-1] != size:
        raise ValueError(f"{name} has shape {array.shape}, expected (..., {size})")
    return array


def cross(a: Array, b: Array) -> Array:
    """Cross products (..., 3); np.cross is slower for few vectors."""
    return a[..., [1, 2, 0]] * b[..., [2, 0, 1]] - a[..., [2, 0, 1]] * b[..., [1, 2, 0]]


def normalize_quat(quat: ArrayLike) -> Array:
    """Unit quaternions (..., 4) wxyz; UserError for a quaternion of length near zero."""
    quat = _array(quat, 4, "quaternion")
    # As np.linalg.norm, which costs three times as much for a single one.
    norm: Array = np.sqrt((quat * quat).sum(axis=-1, keepdims=True))
    if not (norm > DEGENERATE_NORM).all():
        raise UserError(
            f"quaternion of length {np.min(norm):.2g} found, expected a unit quaternion wxyz: "
            "check the publisher of the pose"
        )
    return quat / norm


def quat_to_matrix(quat: ArrayLike) -> Array:
    """Rotation matrices (..., 3, 3) of quaternions (..., 4) wxyz."""
    w, x, y, z = np.moveaxis(normalize_quat(quat), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.ascontiguousarray(np.moveaxis(np.array(rows), (0, 1), (-2, -1)))


def matrix_to_quat(matrix: ArrayLike) -> Array:
    """Quaternions (..., 4) wxyz, w >= 0, of rotation matrices (..., 3, 3)."""
    matrix = np.asarray(matrix, dtype=np.float64)
    if matrix.shape[-2:] != (3, 3):
        raise ValueError(f"rotation has shape {matrix.shape}, expected (..., 3, 3)")
    if matrix.size == 0:
        return np.empty((*matrix.shape[:-2], 4))
    xyzw = scipy.spatial.transform.Rotation.from_matrix(matrix.reshape(-1, 3, 3)).as_quat(
        canonical=True
    )
    return xyzw[:, [3, 0, 1, 2]].reshape(*matrix.shape[:-2], 4)


def matrix_to_rot6d(matrix: ArrayLike) -> Array:
    """First two rows (..., 6) of rotation matrices (..., 3, 3)."""
    matrix = np.asarray(matrix, dtype=np.float64)
    return matrix[..., :2, :].reshape(*matrix.shape[:-2], 6)


def rot6d_to_matrix(rot6d: ArrayLike) -> Array:
    """Rotation matrices (..., 3, 3) from rows (..., 6) by Gram-Schmidt.

    Raises UserError when a row is near zero or the two are near parallel.
    """
    rot6d = _array(rot6d, 6, "rot6d")
    first = _unit(rot6d[..., :3], rot6d)
    second = rot6d[..., 3:] - np.sum(first * rot6d[..., 3:], axis=-1, keepdims=True) * first
    second = _unit(second, rot6d)
    return np.stack([first, second, np.cross(first, second)], axis=-2)


def _unit(vector: Array, rot6d: Array) -> Array:
    norm: Array = np.linalg.norm(vector, axis=-1, keepdims=True)
    if not np.all(norm > DEGENERATE_NORM):
        worst = rot6d[np.unravel_index(np.nanargmin(norm[..., 0]), norm.shape[:-1])]
        raise UserError(
            f"rot6d {np.round(worst, 4).tolist()} is not a rotation, expected the first two rows "
            "of a rotation matrix: check the rotation columns of the dataset or model output"
        )
    return vector / norm


def pose_to_matrix(pose: ArrayLike) -> Array:
    """Homogeneous matrices (..., 4, 4) of poses (..., 7)."""
    pose = _array(pose, 7, "pose")
    return _homogeneous(pose[..., :3], quat_to_matrix(pose[..., 3:]))


def matrix_to_pose(matrix: ArrayLike) -> Array:
    """Poses (..., 7) of homogeneous matrices (..., 4, 4)."""
    matrix = np.asarray(matrix, dtype=np.float64)
    return np.concatenate([matrix[..., :3, 3], matrix_to_quat(matrix[..., :3, :3])], axis=-1)


def pose9_to_matrix(pose9: ArrayLike) -> Array:
    """Homogeneous matrices (..., 4, 4) of xyz + rot6d (..., 9)."""
    pose9 = _array(pose9, 9, "pose with rot6d")
    return _homogeneous(pose9[..., :3], rot6d_to_matrix(pose9[..., 3:]))


def matrix_to_pose9(matrix: ArrayLike) -> Array:
    """xyz + rot6d (..., 9) of homogeneous matrices (..., 4, 4)."""
    matrix = np.asarray(matrix, dtype=np.float64)
    return np.concatenate([matrix[..., :3, 3], matrix_to_rot6d(matrix[..., :3, :3])], axis=-1)


def _homogeneous(translation: Array, rotation: Array) -> Array:
    matrix = np.zeros((*translation.shape[:-1], 4, 4))
    matrix[..., :3, :3] = rotation
    matrix[..., :3, 3] = translation
    matrix[..., 3, 3] = 1.0
    return matrix


def pose_to_pose9(pose: ArrayLike) -> Array:
    """xyz + rot6d (..., 9) of poses (..., 7)."""
    return matrix_to_pose9(pose_to_matrix(pose))


def pose9_to_pose(pose9: ArrayLike) -> Array:
    """Poses (..., 7) of xyz + rot6d (..., 9)."""
    return matrix_to_pose(pose9_to_matrix(pose9))


def invert(matrix: ArrayLike) -> Array:
    """Inverse of rigid homogeneous matrices (..., 4, 4)."""
    matrix = np.asarray(matrix, dtype=np.float64)
    rotation = np.swapaxes(matrix[..., :3, :3], -1, -2)
    translation = -(rotation @ matrix[..., :3, 3, None])[..., 0]
    return _homogeneous(translation, rotation)


def relative(reference: ArrayLike, matrix: ArrayLike) -> Array:
    """`matrix` seen from the frame `reference`: reference^-1 @ matrix, (..., 4, 4)."""
    return invert(reference) @ np.asarray(matrix, dtype=np.float64)


def compose(reference: ArrayLike, matrix: ArrayLike) -> Array:
    """The inverse of `relative`: reference @ matrix, (..., 4, 4)."""
    return np.asarray(reference, dtype=np.float64) @ np.asarray(matrix, dtype=np.float64)


def continuous_quats(quats: ArrayLike) -> Array:
    """Quaternions (T, 4) with signs chosen so that neighbours lie in one hemisphere."""
    quats = _array(quats, 4, "quaternion")
    dots = np.sum(quats[1:] * quats[:-1], axis=-1)
    signs = np.cumprod(np.concatenate([[1.0], np.where(dots < 0, -1.0, 1.0)]))
    return quats * signs[: len(quats), None]


def slerp(start: ArrayLike, end: ArrayLike, fraction: ArrayLike) -> Array:
    """Spherical interpolation of quaternions (..., 4), the short way round; fraction in [0, 1]."""
    start, end = normalize_quat(start), normalize_quat(end)
    fraction = np.asarray(fraction, dtype=np.float64)[..., None]
    dot = np.sum(start * end, axis=-1, keepdims=True)
    end = np.where(dot < 0, -end, end)
    angle = np.arccos(np.clip(np.abs(dot), 0.0, 1.0))
    sine = np.sin(angle)
    # Below this angle the sine quotient loses digits and the chord is exact to 1e-14.
    near = angle < 1e-6
    safe = np.where(near, 1.0, sine)
    weight_start = np.where(near, 1.0 - fraction, np.sin((1.0 - fraction) * angle) / safe)
    weight_end = np.where(near, fraction, np.sin(fraction * angle) / safe)
    return normalize_quat(weight_start * start + weight_end * end)


def interpolate_pose(start: ArrayLike, end: ArrayLike, fraction: ArrayLike) -> Array:
    """Poses (..., 7) between two: linear in position, SLERP in rotation; fraction in [0, 1]."""
    start, end = _array(start, 7, "pose"), _array(end, 7, "pose")
    weight = np.asarray(fraction, dtype=np.float64)[..., None]
    position = (1.0 - weight) * start[..., :3] + weight * end[..., :3]
    return np.concatenate([position, slerp(start[..., 3:], end[..., 3:], fraction)], axis=-1)


def rotation_angle(start: ArrayLike, end: ArrayLike) -> Array:
    """Angle in rad (...) of the rotation between quaternions (..., 4)."""
    dot = np.abs(np.sum(normalize_quat(start) * normalize_quat(end), axis=-1))
    found: Array = 2.0 * np.arccos(np.clip(dot, 0.0, 1.0))
    return found


def multiply_quats(left: ArrayLike, right: ArrayLike) -> Array:
    """Products (..., 4) of quaternions wxyz: first `right`, then `left`."""
    left, right = _array(left, 4, "quaternion"), _array(right, 4, "quaternion")
    # Of single quaternions np.moveaxis and np.stack would take most of the time.
    w, x, y, z = (left[..., axis] for axis in range(4))
    a, b, c, d = (right[..., axis] for axis in range(4))
    first = w * a - x * b - y * c - z * d
    product = np.empty((*np.shape(first), 4))
    product[..., 0] = first
    product[..., 1] = w * b + x * a + y * d - z * c
    product[..., 2] = w * c - x * d + y * a + z * b
    product[..., 3] = w * d + x * c - y * b + z * a
    return product


def rotvec_to_quat(rotvec: ArrayLike) -> Array:
    """Quaternions (..., 4) wxyz of rotation vectors (..., 3) in rad."""
    rotvec = _array(rotvec, 3, "rotation vector")
    half = np.linalg.norm(rotvec, axis=-1, keepdims=True) / 2
    # np.sinc(x) is sin(pi x) / (pi x), 1 at 0.
    return np.concatenate([np.cos(half), rotvec * np.sinc(half / np.pi) / 2], axis=-1)


def quat_to_rotvec(quat: ArrayLike) -> Array:
    """Rotation vectors (..., 3) in rad, no longer than pi, of unit quaternions (..., 4) wxyz."""
    quat = _array(quat, 4, "quaternion")
    quat = np.where(quat[..., :1] < 0, -quat, quat)
    sine = np.linalg.norm(quat[..., 1:], axis=-1, keepdims=True)
    angle = 2 * np.arctan2(sine, quat[..., :1])
    near = sine < 1e-12
    return quat[..., 1:] * np.where(near, 2.0, angle / np.where(near, 1.0, sine))


def led_by_twist(pose: Array, twist: Array, is_of_tool: bool, seconds: float) -> Array:
    """The pose (7,) to which a twist leads in some seconds.

    Along the base frame's axes dp = v dt and dR = exp(w dt) R. Along the tool's dR = R exp(w dt)
    and dp = R v dt, with R in the middle of the time: exact to the second order.
    """
    way, turn = twist[:3] * seconds, twist[3:] * seconds
    rotation = rotvec_to_quat(turn)
    if not is_of_tool:
        return np.concatenate([pose[:3] + way, multiply_quats(rotation, pose[3:])])
    middle = quat_to_matrix(multiply_quats(pose[3:], rotvec_to_quat(turn / 2)))
    return np.concatenate([pose[:3] + middle @ way, multiply_quats(pose[3:], rotation)])
