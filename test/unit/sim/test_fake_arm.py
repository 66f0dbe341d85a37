"""The arm made of a robot file: it follows what it is told, late and within its limits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groot_ros.robot.config import load_robot, robot_names
from groot_ros.robot.inverse_kinematics import InverseKinematics
from groot_ros.robot.kinematics import watched_points
from groot_ros.robot.lag import Lag
from groot_ros.robot.limits import Limits
from groot_ros.robot.urdf import load_urdf
from groot_ros.signals.space import PoseSpace
from groot_ros.sim.fake.arm import LAG, ArmState, FakeArm, resting_state
from groot_ros.sim.fake.joint_path import JointPath
from groot_ros.sim.fake.kinematics import fake_kinematics

SIM = load_robot("sim")
FREE = replace(SIM, limits=Limits())
HOME = np.array([0.0, -0.785, 0.0, -2.356, 0.0, 1.571, 0.785])
POSE = np.array([0.45, 0.0, 0.35, 0.0, 1.0, 0.0, 0.0])
PERIOD_NS = 10_000_000
START = ArmState(HOME, POSE)


def run(arm: FakeArm, seconds: float, start_ns: int = 0) -> int:
    """Let time pass in steps of the control period; the time then."""
    for _ in range(round(seconds * 1e9 / PERIOD_NS)):
        start_ns += PERIOD_NS
        arm.advance(start_ns)
    return start_ns


def described(name: str) -> tuple[ArmState, InverseKinematics]:
    """Where a shipped robot begins, and its kinematics."""
    robot = load_robot(name)
    urdf = load_urdf(robot.urdf)
    kinematics = fake_kinematics(robot, urdf)
    assert kinematics
    return resting_state(robot, urdf, kinematics), kinematics


def test_a_step_is_followed_with_the_lag_of_a_first_order_system() -> None:
    arm = FakeArm(FREE, START, 0)
    arm.follow_joints(HOME + 0.1)
    run(arm, LAG.time_constant_s)
    np.testing.assert_allclose(arm.joints, HOME + 0.1 * (1 - np.exp(-1)), atol=1e-9)
    arm.follow_pose(PoseSpace().displace(POSE, np.array([0.01, 0, 0, 0, 0, 0.2])))
    run(arm, LAG.time_constant_s, round(LAG.time_constant_s * 1e9))
    assert arm.pose is not None
    moved = PoseSpace().difference(arm.pose, POSE)
    np.testing.assert_allclose(moved[[0, 5]], np.array([0.01, 0.2]) * (1 - np.exp(-1)), rtol=1e-6)


@pytest.mark.parametrize("delay_s", [0.03, 0.0345])
def test_the_lag_of_the_robot_file_delays_every_command(delay_s: float) -> None:
    lag = Lag(delay_s=delay_s, time_constant_s=0.08, grip_s=0.5)
    arm = FakeArm(replace(FREE, lag=lag), START, 0)
    arm.follow_joints(HOME + 0.1)
    arm.follow_grip(1.0)
    run(arm, 0.03)
    np.testing.assert_allclose(arm.joints, HOME, atol=1e-12)
    run(arm, 0.1, 30_000_000)
    np.testing.assert_allclose(
        arm.joints, HOME + 0.1 * (1 - np.exp(-(0.13 - delay_s) / 0.08)), atol=1e-9
    )
    assert arm.grip == pytest.approx(0.26)
    # A clock that is set back must not leave a command waiting for it to come by again.
    arm.follow_joints(HOME)
    run(arm, 2.0, -1_000_000_000)
    np.testing.assert_allclose(arm.joints, HOME, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.lists(st.floats(-4, 4), min_size=7, max_size=7), min_size=1, max_size=5),
    st.sampled_from([1, 4, 10, 33]),
)
def test_no_command_leads_beyond_ranges_and_speeds(
    commands: list[list[float]], period_ms: int
) -> None:
    limits = SIM.limits
    arm, now_ns = FakeArm(SIM, START, 0), 0
    for command in commands:
        arm.follow_joints(command)
        for _ in range(20):
            before = arm.joints
            now_ns += period_ms * 1_000_000
            arm.advance(now_ns)
            assert np.all(arm.joints >= limits.joint_lower) and np.all(
                arm.joints <= limits.joint_upper
            )
            speed = np.abs(arm.joints - before) / (period_ms / 1e3)
            assert np.all(speed <= np.array(limits.joint_velocity) * (1 + 1e-9))


def test_a_trajectory_is_interpolated_from_where_the_arm_is_told_to_be() -> None:
    arm = FakeArm(FREE, START, 0, lag=Lag())
    times_s = np.array([0.2, 0.4])
    ends = HOME + np.array([[0.1], [0.3]])
    arm.follow_path(JointPath(times_s, ends, None), 0)
    run(arm, 0.1)
    np.testing.assert_allclose(arm.joints, HOME + 0.05, atol=1e-6)
    # Another one takes over, with the velocity of the first.
    arm.follow_path(JointPath(np.array([0.1]), ends[:1], np.full((1, 7), 0.5)), 100_000_000)
    run(arm, 0.05, 100_000_000)
    np.testing.assert_allclose(arm.joints, HOME + 0.075, atol=1e-3)
    run(arm, 1.0, 150_000_000)
    np.testing.assert_allclose(arm.joints, ends[0], atol=1e-6)


def test_with_a_description_the_pose_is_that_of_the_joints() -> None:
    start, kinematics = described("sim")
    assert start.joints is not None and start.pose is not None
    arm = FakeArm(SIM, start, 0, kinematics)
    target = PoseSpace().displace(start.pose, np.array([0.03, -0.02, 0.02, 0, 0, 0.1]))
    arm.follow_pose(target)
    run(arm, 1.0)
    assert arm.joints is not None and arm.pose is not None
    np.testing.assert_allclose(arm.pose, kinematics.pose(arm.joints), atol=1e-9)
    assert np.linalg.norm(PoseSpace().difference(target, arm.pose)) < 2e-3
    arm.follow_joints(start.joints)
    run(arm, 1.0, 10**9)
    np.testing.assert_allclose(arm.pose, kinematics.pose(start.joints), atol=1e-3)


def test_a_velocity_moves_the_tool_until_nothing_comes() -> None:
    arm, now_ns = FakeArm(FREE, START, 0), 0
    for _ in range(50):
        arm.follow_twist(np.array([0.1, 0, 0, 0, 0, 0.2]), now_ns)
        now_ns = run(arm, 0.01, now_ns)
    now_ns = run(arm, 1.0, now_ns)
    assert arm.pose is not None
    rest = arm.pose
    moved = PoseSpace().difference(rest, POSE)
    # Half a second of commands, and the timeout of the last one.
    np.testing.assert_allclose(moved, np.array([0.1, 0, 0, 0, 0, 0.2]) * 0.7, atol=0.003)
    run(arm, 0.5, now_ns)
    np.testing.assert_allclose(arm.pose, rest, atol=1e-6)


def test_the_gripper_takes_its_time_and_a_clock_that_is_set_back_does_no_harm() -> None:
    arm = FakeArm(replace(SIM, limits=Limits(grip_speed=2.0)), START, 10**9)
    arm.follow_grip(1.0)
    run(arm, 0.25, 10**9)
    assert arm.grip == pytest.approx(0.5)
    arm.advance(0)
    assert arm.grip == pytest.approx(0.5)
    run(arm, 0.5)
    assert arm.grip == 1.0


@pytest.mark.parametrize("name", ["franka", "sim", "ur5e"])
def test_where_a_described_arm_rests_nothing_is_forbidden(name: str) -> None:
    robot = load_robot(name)
    start, kinematics = described(name)
    assert start.joints is not None and start.pose is not None
    np.testing.assert_allclose(start.pose, kinematics.pose(start.joints), atol=1e-9)
    assert robot.limits.workspace_min and robot.limits.workspace_max
    assert np.all(start.pose[:3] > robot.limits.workspace_min)
    assert np.all(start.pose[:3] < robot.limits.workspace_max)
    frames = watched_points(robot, load_urdf(robot.urdf)).frames(start.joints)
    for frame, point in zip(frames, robot.limits.points, strict=True):
        assert np.all(frame[:3, 3] > point.low) and np.all(frame[:3, 3] < point.high)


@pytest.mark.parametrize("name", robot_names())
def test_every_shipped_robot_rests_inside_its_limits(name: str) -> None:
    for arm in load_robot(name).each_arm:
        state, limits = resting_state(arm), arm.limits
        assert (state.pose is None) == (arm.observations.ee_pose is None)
        assert state.joints is not None
        assert np.all(state.joints > limits.joint_lower)
        assert np.all(state.joints < limits.joint_upper)
        if state.pose is not None and limits.workspace_min:
            assert np.all(state.pose[:3] > limits.workspace_min)
            assert np.all(state.pose[:3] < limits.workspace_max)
