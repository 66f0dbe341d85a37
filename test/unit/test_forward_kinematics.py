"""Forward kinematics of the shipped arms, against MuJoCo and published parameters."""

from __future__ import annotations

import re

import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groot_ros.errors import UserError
from groot_ros.robot.config import load_robot
from groot_ros.robot.forward_kinematics import ForwardKinematics, LinkPoint
from groot_ros.robot.kinematics import watched_points
from groot_ros.robot.urdf import load_urdf, parse_urdf
from groot_ros.share import share_file

NAMES = ("sim", "ur5e", "so101")
ROBOTS = {name: load_robot(name) for name in NAMES}
ARMS = {name: watched_points(robot, load_urdf(robot.urdf)) for name, robot in ROBOTS.items()}
# Denavit-Hartenberg parameters d [m], a [m], alpha [rad] of the UR5e, from the article "DH
# parameters for calculations of kinematics and dynamics" of Universal Robots.
UR5E_DH = [
    (0.1625, 0.0, np.pi / 2),
    (0.0, -0.425, 0.0),
    (0.0, -0.3922, 0.0),
    (0.1333, 0.0, np.pi / 2),
    (0.0997, 0.0, -np.pi / 2),
    (0.0996, 0.0, 0.0),
]
LINK = '<link name="{}"/>'
JOINT = (
    '<joint name="{}" type="{}"><parent link="{}"/><child link="{}"/>'
    '<origin xyz="0 0 1" rpy="0 0 0"/><axis xyz="1 0 0"/><limit lower="-1" upper="2"/>{}</joint>'
)


def positions(name: str, seed: int) -> np.ndarray:
    limits = ROBOTS[name].limits
    return np.random.default_rng(seed).uniform(limits.joint_lower, limits.joint_upper)


@pytest.fixture(scope="module")
def models() -> dict[str, mujoco.MjModel]:
    """The shipped descriptions as MuJoCo reads them, without shapes and with some mass."""
    found = {}
    for name, robot in ROBOTS.items():
        text = share_file(robot.urdf).read_text()
        for tag in ("visual", "collision", "mujoco"):
            text = re.sub(rf"<{tag}\b.*?</{tag}>", "", text, flags=re.DOTALL)
        compiler = '<compiler fusestatic="false" boundmass="1" boundinertia="1"/>'
        text = text.replace("</robot>", f"<mujoco>{compiler}</mujoco></robot>")
        found[name] = mujoco.MjModel.from_xml_string(text)
    return found


@given(st.sampled_from(NAMES), st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_points_are_where_mujoco_has_them(models, name, seed) -> None:
    robot, arm, model = ROBOTS[name], ARMS[name], models[name]
    joints = positions(name, seed)
    data = mujoco.MjData(model)
    grip = robot.observations.grip
    fingers = {"sim": ("fr3_finger_joint1", "fr3_finger_joint2"), "so101": ("gripper",)}
    for finger in fingers.get(name, ()):
        data.joint(finger).qpos = grip.open
    for joint, angle in zip(arm.joints, joints, strict=True):
        data.joint(joint).qpos = angle
    mujoco.mj_kinematics(model, data)

    def placed(link: str, xyz: tuple[float, ...]) -> np.ndarray:
        body = data.body(link)
        return body.xpos + body.xmat.reshape(3, 3) @ xyz

    root, turn = np.zeros(3), np.eye(3)
    # MuJoCo makes the root link the world.
    if robot.base_frame in [model.body(index).name for index in range(model.nbody)]:
        body = data.body(robot.base_frame)
        root, turn = body.xpos, body.xmat.reshape(3, 3)
    expected = [turn.T @ (placed(point.link, point.xyz) - root) for point in arm.points]
    np.testing.assert_allclose(arm.positions(joints), expected, atol=1e-9)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=50)
def test_the_ur5e_has_its_published_parameters(seed) -> None:
    joints = positions("ur5e", seed)
    matrix = np.eye(4)
    for (d, a, alpha), angle in zip(UR5E_DH, joints, strict=True):
        c, s, ca, sa = np.cos(angle), np.sin(angle), np.cos(alpha), np.sin(alpha)
        rows = [[c, -s * ca, s * sa, a * c], [s, c * ca, -c * sa, a * s], [0, sa, ca, d]]
        matrix = matrix @ np.array([*rows, [0, 0, 0, 1]])
    robot = ROBOTS["ur5e"]
    arm = ForwardKinematics(
        load_urdf(robot.urdf), robot.observations.joint_position.joints, "base", [TOOL0]
    )
    np.testing.assert_allclose(arm.frames(joints)[0], matrix, atol=1e-9)


TOOL0 = LinkPoint("tool", "tool0")


@given(st.sampled_from(NAMES), st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_the_jacobian_is_the_derivative(name, seed) -> None:
    arm, joints = ARMS[name], positions(name, seed)
    step = 1e-6 * np.eye(len(joints))
    frames, jacobian = arm.jacobian(joints)
    ahead, behind = arm.frames(joints + step), arm.frames(joints - step)
    slopes = (ahead - behind) / 2e-6
    np.testing.assert_allclose(jacobian[:, :3], np.moveaxis(slopes[..., :3, 3], 0, -1), atol=1e-7)
    # R' R^T is the cross product with the angular velocity.
    spins = slopes[..., :3, :3] @ np.swapaxes(frames[..., :3, :3], -1, -2)
    turns = np.stack([spins[..., 2, 1], spins[..., 0, 2], spins[..., 1, 0]], axis=-1)
    np.testing.assert_allclose(jacobian[:, 3:], np.moveaxis(turns, 0, -1), atol=1e-7)


@pytest.mark.parametrize("name", NAMES)
def test_many_configurations_at_once_are_the_same(name) -> None:
    arm = ARMS[name]
    joints = np.array([positions(name, seed) for seed in range(6)]).reshape(2, 3, -1)
    frames, jacobian = arm.jacobian(joints)
    for index in np.ndindex(2, 3):
        alone = arm.jacobian(joints[index])
        np.testing.assert_allclose(frames[index], alone[0], atol=1e-12)
        np.testing.assert_allclose(jacobian[index], alone[1], atol=1e-12)


def test_followers_follow_and_others_stand_still() -> None:
    follower = '<mimic joint="a" multiplier="-2" offset="0.5"/>'
    urdf = parse_urdf(
        "<robot>"
        + "".join(LINK.format(name) for name in ("base", "one", "two", "three"))
        + JOINT.format("a", "prismatic", "base", "one", "")
        + JOINT.format("b", "prismatic", "one", "two", follower)
        + JOINT.format("c", "prismatic", "two", "three", "")
        + "</robot>"
    )
    tip = [LinkPoint("tip", "three", (0.0, 0.0, 0.1))]
    arm = ForwardKinematics(urdf, ["a"], "base", tip, {"c": 0.25})
    np.testing.assert_allclose(arm.positions([1.0]), [[1.0 - 2.0 + 0.5 + 0.25, 0, 3.1]])
    np.testing.assert_allclose(arm.jacobian([1.0])[1][0, :, 0], [-1, 0, 0, 0, 0, 0])
    with pytest.raises(UserError, match="base_frame 'one' moves with the URDF's joint 'a'"):
        ForwardKinematics(urdf, ["a"], "one", tip)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "not valid XML"),
        ("<mujoco/>", "begins with <mujoco>, expected <robot>"),
        ("<robot><link/></robot>", "a <link> without a name"),
        (f"<robot>{LINK.format('a')}{LINK.format('a')}</robot>", "the link 'a' more than once"),
        (
            f"<robot>{LINK.format('a' * 10**6)}</robot>",
            "a name of 1000000 characters, at most 200",
        ),
        (
            f"<robot>{''.join(LINK.format(index) for index in range(100_000))}</robot>",
            "100000 links, at most 1000 are allowed",
        ),
        (
            f"<robot>{LINK.format('a')}{JOINT.format('j', 'revolute', 'a', 'b', '')}</robot>",
            "joint 'j' names the link 'b', which it does not have",
        ),
        (
            f"<robot>{LINK.format('a')}{LINK.format('b')}{LINK.format('c')}"
            + JOINT.format("j", "revolute", "a", "b", "")
            + JOINT.format("k", "revolute", "b", "a", "")
            + "</robot>",
            "links a, b form a circle",
        ),
        (
            f"<robot>{LINK.format('a')}{LINK.format('b')}"
            + JOINT.format("j", "hinge", "a", "b", "")
            + "</robot>",
            "joint 'j' has the type 'hinge'",
        ),
        (
            f"<robot>{LINK.format('a')}{LINK.format('b')}"
            + JOINT.format("j", "revolute", "a", "b", "").replace("1 0 0", "1 nan 0")
            + "</robot>",
            "joint 'j' has xyz='1 nan 0', expected 3 finite numbers of at most 10000",
        ),
    ],
)
def test_mistakes_in_a_description_are_named(text, sentence) -> None:
    with pytest.raises(UserError, match=sentence):
        parse_urdf(text)


def test_a_link_that_is_misspelt_gets_the_nearest_name() -> None:
    with pytest.raises(UserError, match="no link 'tool'; did you mean tool0"):
        load_urdf("urdf/ur5e.urdf").chain("tool")
    with pytest.raises(UserError, match="'urdf/ur6.urdf' is not there"):
        load_urdf("urdf/ur6.urdf")
