"""What is known about the scene without simulating it: sizes, colors, places, cameras.

Everything is in the base frame of the arm, which stands on the table: z = 0 is its surface.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi, radians, tan

import numpy as np
from numpy.typing import ArrayLike, NDArray

from groot_ros.errors import UserError
from groot_ros.geometry import matrix_to_quat, quat_to_matrix

Array = NDArray[np.float64]

BASE_FRAME = "fr3_link0"
EE_FRAME = "fr3_hand_tcp"
ARM_JOINTS = tuple(f"fr3_joint{number}" for number in range(1, 8))
FINGER_JOINTS = ("fr3_finger_joint1", "fr3_finger_joint2")
FINGER_OPEN_M = 0.04
HOME_RAD = (0.0, -pi / 4, 0.0, -3 * pi / 4, 0.0, pi / 2, pi / 4)
# The hand points down, its camera on the side away from the base.
DOWN_WXYZ = (0.0, 1.0, 0.0, 0.0)

CUBE_SIZE_M = 0.04
CUBE_COLORS = {
    "red": (0.86, 0.12, 0.10),
    "green": (0.13, 0.62, 0.20),
    "blue": (0.10, 0.27, 0.80),
}


def check_cubes(colors: Sequence[str]) -> None:
    """UserError unless the colors are known and different."""
    if not colors or not set(colors) <= set(CUBE_COLORS) or len(set(colors)) < len(colors):
        raise UserError(
            f"cubes is {','.join(colors)!r}, expected some of {','.join(CUBE_COLORS)}, each once"
        )


@dataclass(frozen=True)
class Box:
    """An axis-aligned region, corners in m."""

    lower: tuple[float, ...]
    upper: tuple[float, ...]

    def sample(self, rng: np.random.Generator) -> Array:
        """A uniformly drawn point (3,) in m."""
        return rng.uniform(self.lower, self.upper)

    def contains(self, point: ArrayLike, margin: float = 0.0) -> bool:
        """Whether a point (3,) in m lies inside, or at most `margin` m outside."""
        point = np.asarray(point)
        return bool(
            np.all(point >= np.subtract(self.lower, margin))
            and np.all(point <= np.add(self.upper, margin))
        )


CUBE_AREA = Box((0.35, -0.20), (0.65, 0.20))
START_AREA = Box((0.40, -0.12, 0.28), (0.52, 0.12, 0.38))


@dataclass(frozen=True)
class PinholeCamera:
    """A camera without distortion, its axis through the middle of the picture.

    `pose` (7,) is that of the optical frame in the base frame: z forward, x right, y down.
    Pixels are (column, row), counted from the corner of the top left pixel.
    """

    pose: Array
    fovy_rad: float

    @classmethod
    def looking_at(cls, position: ArrayLike, target: ArrayLike, fovy_rad: float) -> PinholeCamera:
        """A camera at a position in m that looks at a point, upright."""
        position, target = np.asarray(position, float), np.asarray(target, float)
        forward = (target - position) / np.linalg.norm(target - position)
        right = np.cross(forward, (0.0, 0.0, 1.0))
        right /= np.linalg.norm(right)
        rotation = np.stack([right, np.cross(forward, right), forward], axis=-1)
        return cls(np.concatenate([position, matrix_to_quat(rotation)]), fovy_rad)

    def intrinsics(self, width: int, height: int) -> Array:
        """Camera matrix (3, 3) in pixels for a picture size."""
        focal = height / 2 / tan(self.fovy_rad / 2)
        return np.array([[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]])

    def project(self, points: ArrayLike, width: int, height: int) -> Array:
        """Pixels (..., 2) of points (..., 3); NaN for points behind the camera."""
        rotation = quat_to_matrix(self.pose[3:])
        local = (np.asarray(points, dtype=np.float64) - self.pose[:3]) @ rotation
        with np.errstate(divide="ignore", invalid="ignore"):
            pixels = (local @ self.intrinsics(width, height).T)[..., :2] / local[..., 2:]
        return np.where(local[..., 2:] > 0, pixels, np.nan)

    def on_plane(self, pixel: ArrayLike, width: int, height: int, plane_z: float) -> Array:
        """Point (3,) where the ray through a pixel meets the horizontal plane at a height."""
        homogeneous = np.append(np.asarray(pixel, dtype=np.float64), 1.0)
        ray = np.linalg.solve(self.intrinsics(width, height), homogeneous)
        direction = quat_to_matrix(self.pose[3:]) @ ray
        return np.asarray(self.pose[:3] + direction * (plane_z - self.pose[2]) / direction[2])


EXTERIOR_CAMERA = PinholeCamera.looking_at((1.20, -0.80, 0.75), (0.29, 0.0, 0.27), radians(47))
WRIST_CAMERA_FRAME = "wrist_camera_optical_frame"
WRIST_CAMERA_FOVY_RAD = radians(84)
CAMERAS = ("exterior", "wrist")
