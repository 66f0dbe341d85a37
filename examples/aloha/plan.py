"""How the cube of gym-aloha is handed over: where both leader arms are at each time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from dm_control import mujoco
from dm_control.utils.inverse_kinematics import qpos_from_site_pose
from gym_aloha.constants import ASSETS_DIR, START_ARM_POSE
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Array = NDArray[np.float64]

ARMS = ("left", "right")
JOINTS = ("waist", "shoulder", "elbow", "forearm_roll", "wrist_angle", "wrist_rotate")
START = np.array(START_ARM_POSE[:6])
RATE_HZ = 50.0
OPEN, CLOSED = 0.0, 1.0
SITE_M, FINGERTIP_M = 0.15, 0.1537
"""How far along the hand's x axis the site cali_ARM_site1 is, and the fingertips are."""
SHORT_M = 0.002
"""Fingertips of both arms end so far before the cube's centre, so that they do not meet."""
MEETING_M = np.array([0.05, 0.5, 0.28])


@dataclass(frozen=True, kw_only=True)
class Grasp:
    """Which way a hand's fingers point, and joints (6,) near which the arm does that."""

    rotation: Rotation
    seed: Array


_ACROSS = Rotation.from_euler("z", np.pi)
RIGHT_ACROSS = Grasp(rotation=_ACROSS, seed=START)
RIGHT_DOWN = Grasp(
    rotation=_ACROSS * Rotation.from_euler("y", np.pi / 2), seed=START + [0, 0, 0, 0, 1.5, 0]
)
LEFT_ACROSS = Grasp(
    rotation=Rotation.from_euler("x", np.pi / 2), seed=START + [0, 0, 0, 0, 0, np.pi / 2]
)


@dataclass(frozen=True, kw_only=True)
class Waypoint:
    """Where an arm rests for a moment: joints (6,) in rad, closure, and when in s."""

    time_s: float
    joints: Array
    grip: float


def leaders(cube: Array) -> tuple[Array, Array]:
    """Joints (T, 2, 6) in rad and closures (T, 2) of the left and the right leader, 50 a second.

    `cube` (3,) is its centre on the table in m. RuntimeError where an arm does not get to it.
    """
    ways = [_left(), _right(cube)]
    times_s = np.arange(0.0, ways[1][-1].time_s, 1.0 / RATE_HZ)
    return (
        np.stack([_joints(way, times_s) for way in ways], axis=1),
        np.stack([_grips(way, times_s) for way in ways], axis=1),
    )


def _right(cube: Array) -> list[Waypoint]:
    """Takes the cube, holds it out, lets go and draws back."""
    above = _reach("right", cube + [0.0, 0.0, 0.08], RIGHT_DOWN)
    there = _reach("right", cube, RIGHT_DOWN)
    meeting = _reach("right", MEETING_M, RIGHT_ACROSS)
    aside = _reach("right", MEETING_M + [0.12, 0.0, 0.0], RIGHT_ACROSS)
    return [
        Waypoint(time_s=0.0, joints=START, grip=OPEN),
        Waypoint(time_s=1.6, joints=above, grip=OPEN),
        Waypoint(time_s=2.3, joints=there, grip=OPEN),
        Waypoint(time_s=2.5, joints=there, grip=CLOSED),
        Waypoint(time_s=3.0, joints=there, grip=CLOSED),
        Waypoint(time_s=3.6, joints=above, grip=CLOSED),
        Waypoint(time_s=4.9, joints=meeting, grip=CLOSED),
        Waypoint(time_s=6.0, joints=meeting, grip=CLOSED),
        Waypoint(time_s=6.2, joints=meeting, grip=OPEN),
        Waypoint(time_s=6.5, joints=meeting, grip=OPEN),
        Waypoint(time_s=7.2, joints=aside, grip=OPEN),
    ]


def _left() -> list[Waypoint]:
    """Comes to where the cube is held out, and takes it."""
    before = _reach("left", MEETING_M - [0.12, 0.0, 0.0], LEFT_ACROSS)
    meeting = _reach("left", MEETING_M, LEFT_ACROSS)
    return [
        Waypoint(time_s=0.0, joints=START, grip=OPEN),
        Waypoint(time_s=3.0, joints=START, grip=OPEN),
        Waypoint(time_s=4.5, joints=before, grip=OPEN),
        Waypoint(time_s=4.9, joints=before, grip=OPEN),
        Waypoint(time_s=5.5, joints=meeting, grip=OPEN),
        Waypoint(time_s=5.7, joints=meeting, grip=CLOSED),
        Waypoint(time_s=7.2, joints=meeting, grip=CLOSED),
    ]


def _reach(arm: str, point: Array, grasp: Grasp) -> Array:
    """Joints (6,) that hold a cube at a point (3,) in m."""
    physics: Any = mujoco.Physics.from_xml_path(
        str(ASSETS_DIR / "bimanual_viperx_transfer_cube.xml")
    )
    names = [f"vx300s_{arm}/{joint}" for joint in JOINTS]
    with physics.reset_context():
        physics.named.data.qpos[names] = grasp.seed
    back = grasp.rotation.apply([SITE_M - FINGERTIP_M - SHORT_M, 0.0, 0.0])
    result = qpos_from_site_pose(
        physics,
        f"cali_{arm}_site1",
        target_pos=point + back,
        target_quat=np.roll(grasp.rotation.as_quat(), 1),
        joint_names=names,
        tol=1e-6,
        inplace=True,
    )
    if not result.success:
        raise RuntimeError(f"the {arm} arm does not get to {point}")
    joints: Array = np.array(physics.named.data.qpos[names])
    return joints


def _joints(way: list[Waypoint], times_s: Array) -> Array:
    """Joints (T, 6) on the way, with velocity and acceleration 0 in each waypoint."""
    marks_s = np.array([waypoint.time_s for waypoint in way])
    after = np.clip(np.searchsorted(marks_s, times_s, side="right"), 1, len(way) - 1)
    share = (times_s - marks_s[after - 1]) / (marks_s[after] - marks_s[after - 1])
    eased = share**3 * (10.0 - 15.0 * share + 6.0 * share**2)
    joints = np.array([waypoint.joints for waypoint in way])
    return joints[after - 1] + eased[:, None] * (joints[after] - joints[after - 1])


def _grips(way: list[Waypoint], times_s: Array) -> Array:
    """Closures (T,)."""
    marks_s = [waypoint.time_s for waypoint in way]
    return np.interp(times_s, marks_s, [waypoint.grip for waypoint in way])
