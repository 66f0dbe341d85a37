"""How episodes begin: where the cubes lie and where the hand is."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from groot_ros.geometry import matrix_to_quat, quat_to_matrix
from groot_ros.sim.scene import CUBE_AREA, CUBE_SIZE_M, DOWN_WXYZ, START_AREA

Array = NDArray[np.float64]

CUBE_YAW_RAD = 0.4
# A hand around one cube must not touch another.
CUBE_DISTANCE_M = 0.13
START_YAW_RAD = 0.3
START_TILT_RAD = 0.05
MISS_DISTANCE_M = (0.055, 0.08)
MISS_HEIGHT_M = (0.02, 0.05)
ABOVE_DISTANCE_M = (0.0, 0.05)
# Open fingers are clear of the cube.
ABOVE_HEIGHT_M = (0.07, 0.16)


@dataclass(frozen=True)
class StartState:
    """Where the hand begins: pose (7,) in the base frame, gripper closure."""

    ee_pose: Array
    grip: float


def draw_cubes(rng: np.random.Generator, count: int) -> Array:
    """Poses (N, 7) of `count` cubes on the table, apart from each other."""
    positions: list[Array] = []
    while len(positions) < count:
        position = CUBE_AREA.sample(rng)
        if all(np.linalg.norm(position - other) > CUBE_DISTANCE_M for other in positions):
            positions.append(position)
    yaws = rng.uniform(-CUBE_YAW_RAD, CUBE_YAW_RAD, count)
    return np.array(
        [
            [x, y, CUBE_SIZE_M / 2, np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)]
            for (x, y), yaw in zip(positions, yaws, strict=True)
        ]
    )


def random_start(rng: np.random.Generator, cube: Array) -> StartState:
    """The hand open, somewhere above the table, pointing down, a little turned and tilted; `cube`
    (3,) is not used."""
    return StartState(_hand_pose(rng, START_AREA.sample(rng)), grip=0.0)


def after_miss_start(rng: np.random.Generator, cube: Array) -> StartState:
    """The hand closed and low beside the cube at (3,) in m, as after a grasp that missed."""
    return StartState(_pose_near(rng, cube, MISS_DISTANCE_M, MISS_HEIGHT_M), grip=1.0)


def above_start(rng: np.random.Generator, cube: Array) -> StartState:
    """The hand open above the cube at (3,) in m."""
    return StartState(_pose_near(rng, cube, ABOVE_DISTANCE_M, ABOVE_HEIGHT_M), grip=0.0)


STARTS = {"random": random_start, "after_miss": after_miss_start, "above": above_start}


def _pose_near(
    rng: np.random.Generator,
    cube: Array,
    distance_m: tuple[float, float],
    height_m: tuple[float, float],
) -> Array:
    while True:
        distance, angle = rng.uniform(*distance_m), rng.uniform(-np.pi, np.pi)
        x, y = cube[:2] + distance * np.array([np.cos(angle), np.sin(angle)])
        if hypot(x, y) < hypot(CUBE_AREA.upper[0], CUBE_AREA.upper[1]):
            break
    return _hand_pose(rng, np.array([x, y, rng.uniform(*height_m)]))


def _hand_pose(rng: np.random.Generator, position: Array) -> Array:
    yaw = rng.uniform(-START_YAW_RAD, START_YAW_RAD)
    tilt = rng.uniform(-START_TILT_RAD, START_TILT_RAD, 2)
    turn = Rotation.from_euler("zyx", [yaw, *tilt]).as_matrix()
    return np.concatenate([position, matrix_to_quat(turn @ quat_to_matrix(DOWN_WXYZ))])
