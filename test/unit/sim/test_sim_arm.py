"""The arm: its URDF against the published numbers, MuJoCo and the inverse kinematics."""

from __future__ import annotations

from xml.etree import ElementTree

import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groot_ros.errors import UserError
from groot_ros.geometry import matrix_to_pose, rotation_angle
from groot_ros.robot.config import load_robot
from groot_ros.share import share_file
from groot_ros.sim.control import Kinematics
from groot_ros.sim.scene import ARM_JOINTS, DOWN_WXYZ, EE_FRAME, HOME_RAD
from groot_ros.sim.world import URDF, WorldConfig, build_world

# Denavit-Hartenberg parameters after Craig, Franka Control Interface documentation:
# a [m], d [m], alpha [rad] of the joints and the flange.
HALF_TURN = np.pi / 2
DH = [
    (0.0, 0.333, 0.0),
    (0.0, 0.0, -HALF_TURN),
    (0.0, 0.316, HALF_TURN),
    (0.0825, 0.0, HALF_TURN),
    (-0.0825, 0.384, -HALF_TURN),
    (0.0, 0.0, HALF_TURN),
    (0.088, 0.0, HALF_TURN),
]
FLANGE_M = 0.107
TCP_M = 0.1034
HAND_YAW = -np.pi / 4

ROBOT = load_robot("sim")
LIMITS = list(zip(ROBOT.limits.joint_lower, ROBOT.limits.joint_upper, strict=True))
joint_vectors = st.tuples(*(st.floats(*limits) for limits in LIMITS)).map(np.array)


def turn_x(angle):
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0, 0], [0, c, -s, 0], [0, s, c, 0], [0, 0, 0, 1]])


def turn_z(angle):
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0, 0], [s, c, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])


def shift(x, z):
    matrix = np.eye(4)
    matrix[[0, 2], 3] = x, z
    return matrix


def published_pose(joints):
    """Tool center point by the published parameters."""
    matrix = np.eye(4)
    for (a, d, alpha), angle in zip(DH, joints, strict=True):
        matrix = matrix @ turn_x(alpha) @ shift(a, 0) @ turn_z(angle) @ shift(0, d)
    return matrix_to_pose(matrix @ shift(0, FLANGE_M) @ turn_z(HAND_YAW) @ shift(0, TCP_M))


@pytest.fixture(scope="module")
def kinematics():
    return Kinematics()


@pytest.fixture(scope="module")
def world():
    model = build_world(WorldConfig())
    return model, mujoco.MjData(model)


@given(joint_vectors)
@settings(max_examples=50)
def test_forward_kinematics_are_the_published_ones(kinematics, world, joints) -> None:
    model, data = world
    for name, angle in zip(ARM_JOINTS, joints, strict=True):
        data.joint(name).qpos = angle
    mujoco.mj_kinematics(model, data)
    body = data.body(EE_FRAME)
    expected = published_pose(joints)
    for pose in (np.concatenate([body.xpos, body.xquat]), kinematics.forward(joints)):
        np.testing.assert_allclose(pose[:3], expected[:3], atol=1e-9)
        assert rotation_angle(pose[3:], expected[3:]) < 1e-6


def test_home_points_the_hand_down(kinematics) -> None:
    pose = kinematics.forward(HOME_RAD)
    np.testing.assert_allclose(pose[:3], [0.30689, 0.0, 0.48688], atol=1e-5)
    assert rotation_angle(pose[3:], DOWN_WXYZ) < 1e-6


def test_urdf_and_robot_file_agree_on_the_limits() -> None:
    root = ElementTree.parse(share_file(URDF)).getroot()
    limits = {joint.get("name"): joint.find("limit") for joint in root.iter("joint")}
    for index, name in enumerate(ARM_JOINTS):
        limit = limits[name].attrib
        assert float(limit["lower"]) == ROBOT.limits.joint_lower[index]
        assert float(limit["upper"]) == ROBOT.limits.joint_upper[index]
        assert float(limit["velocity"]) == ROBOT.limits.joint_velocity[index]


def test_mujoco_takes_limits_and_masses_from_the_urdf(world) -> None:
    model, _ = world
    root = ElementTree.parse(share_file(URDF)).getroot()
    for joint in root.iter("joint"):
        if joint.get("type") in ("revolute", "prismatic"):
            limit = joint.find("limit").attrib
            compiled = model.joint(joint.get("name"))
            np.testing.assert_allclose(
                compiled.range, [float(limit["lower"]), float(limit["upper"])]
            )
            np.testing.assert_allclose(
                model.jnt_actfrcrange[compiled.id, 1], float(limit["effort"])
            )
    for link in root.iter("link"):
        if (mass := link.find("inertial/mass")) is not None:
            np.testing.assert_allclose(model.body(link.get("name")).mass, float(mass.get("value")))


@pytest.mark.parametrize("x", [0.35, 0.5, 0.65])
@pytest.mark.parametrize("y", [-0.2, 0.0, 0.2])
@pytest.mark.parametrize("z", [0.02, 0.38])
def test_inverse_kinematics_reach_the_whole_workspace(kinematics, x, y, z) -> None:
    pose = np.array([x, y, z, *DOWN_WXYZ])
    joints = kinematics.solve(pose)
    found = kinematics.forward(joints)
    assert np.linalg.norm(found[:3] - pose[:3]) < 1e-4
    assert rotation_angle(found[3:], pose[3:]) < 1e-3
    assert np.all(joints >= ROBOT.limits.joint_lower) and np.all(
        joints <= ROBOT.limits.joint_upper
    )


def test_pose_out_of_reach_is_refused(kinematics) -> None:
    with pytest.raises(UserError, match="out of the arm's reach"):
        kinematics.solve(np.array([1.2, 0.0, 0.3, *DOWN_WXYZ]))
