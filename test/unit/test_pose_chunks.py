"""Chunks of poses as curves of joints: on the path, in the range, the same from chunk to chunk."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from groot_ros.chunks.curve import Curve
from groot_ros.chunks.limits.bounds import Bounds
from groot_ros.chunks.limits.pose_chunks import PATH_M, PATH_RAD, SLOWEST, PoseChunks, Unsolved
from groot_ros.robot.config import load_robot
from groot_ros.robot.forward_kinematics import LinkPoint
from groot_ros.robot.inverse_kinematics import InverseKinematics
from groot_ros.robot.kinematics import arm_kinematics
from groot_ros.robot.urdf import load_urdf
from groot_ros.signals.kinds import JOINTS, POSE
from groot_ros.signals.space import PoseSpace

SPACE = PoseSpace()
STEP_S = 1 / 15
STEPS = 16
HOMES = {
    "sim": np.array([0.0, -0.785, 0.0, -2.356, 0.0, 1.571, 0.785]),
    "ur5e": np.array([0.0, -1.57, 1.57, -1.57, -1.57, 0.0]),
}
TOOLS = {"sim": "fr3_hand_tcp", "ur5e": "tool0"}
ROBOTS = {name: load_robot(name) for name in HOMES}
RANGES = {
    name: (np.array(robot.limits.joint_lower), np.array(robot.limits.joint_upper))
    for name, robot in ROBOTS.items()
}
ARMS = {
    name: InverseKinematics(
        arm_kinematics(robot, load_urdf(robot.urdf), [LinkPoint("tool", TOOLS[name])]),
        *RANGES[name],
    )
    for name, robot in ROBOTS.items()
}


def solver(name: str, posture: np.ndarray) -> PoseChunks:
    limits = ROBOTS[name].limits
    chunks = PoseChunks(ARMS[name], Bounds.of(limits, POSE), Bounds.of(limits, JOINTS))
    chunks.begin(posture)
    return chunks


def near_home(name: str, rng: np.random.Generator) -> np.ndarray:
    return np.clip(HOMES[name] + rng.uniform(-0.5, 0.5, len(HOMES[name])), *RANGES[name])


def noisy_steps(start: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A straight way of up to 0.25 m and 0.5 rad in a second, each step off by millimetres."""
    shares = np.linspace(0, 1, STEPS)[:, None]
    way = rng.normal(size=6) * ([0.1] * 3 + [0.2] * 3)
    noise = rng.normal(size=(STEPS, 6)) * ([0.002] * 3 + [0.005] * 3)
    return SPACE.displace(start, shares * way + noise)


@given(st.sampled_from(list(HOMES)), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_the_tool_stays_on_the_poses_path_and_the_joints_in_their_range(name, seed) -> None:
    rng = np.random.default_rng(seed)
    start = near_home(name, rng)
    poses = noisy_steps(ARMS[name].pose(start), rng)
    try:
        path = solver(name, start).solve(poses, STEP_S, start)
    except Unsolved:
        reject()
    times_s = np.linspace(0, path.curve.duration_s, 301)
    joints = path.curve.at(times_s)
    tool, wanted = ARMS[name].pose(joints), Curve.through(SPACE, poses, STEP_S).at(times_s)
    apart = SPACE.lengths(SPACE.difference(tool, wanted)).max(axis=0)
    assert apart[0] <= PATH_M * 1.1 and apart[1] <= PATH_RAD * 1.1
    lower, upper = RANGES[name]
    knots = path.curve.knots
    assert np.all(knots >= lower) and np.all(knots <= upper)
    reached = ARMS[name].pose(path.joints)
    assert SPACE.lengths(SPACE.difference(reached, poses)).max() < 2e-3
    # Joints are continuous: no step is longer than what the check of the speed lets pass.
    fastest = np.array(ROBOTS[name].limits.joint_velocity) / SLOWEST
    assert np.all(np.abs(np.diff(knots, axis=0)) <= fastest * path.curve.step_s * (1 + 1e-9))


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_the_next_chunk_finds_the_same_joints_for_the_same_poses(seed) -> None:
    """A redundant arm: two chunks of one path, the second made 5 steps later, agree."""
    rng = np.random.default_rng(seed)
    start = near_home("sim", rng)
    shares = np.linspace(0, 1.5, STEPS + 5)[:, None]
    way = rng.normal(size=6) * ([0.06] * 3 + [0.1] * 3)
    poses = SPACE.displace(ARMS["sim"].pose(start), shares * way)
    chunks = solver("sim", start)
    try:
        first = chunks.solve(poses[:STEPS], STEP_S, start)
        second = chunks.solve(poses[5:], STEP_S, first.joints[5])
    except Unsolved:
        reject()
    np.testing.assert_allclose(second.joints[: STEPS - 5], first.joints[5:], atol=2e-3)


def test_a_motion_that_begins_at_the_arm_begins_with_its_joints() -> None:
    home = HOMES["sim"]
    poses = np.repeat(ARMS["sim"].pose(home)[None], STEPS, axis=0)
    path = solver("sim", home).solve(poses, STEP_S, home)
    np.testing.assert_allclose(path.joints, np.repeat(home[None], STEPS, axis=0), atol=1e-6)


def test_steps_that_have_passed_are_not_looked_at() -> None:
    home = HOMES["sim"]
    poses = np.repeat(ARMS["sim"].pose(home)[None], STEPS, axis=0)
    poses[:4, 0] += 2.0
    with pytest.raises(Unsolved, match="step 0 is out of the arm's reach: the tool stays"):
        solver("sim", home).solve(poses, STEP_S, home)
    path = solver("sim", home).solve(poses, STEP_S, home, from_s=5.5 * STEP_S)
    np.testing.assert_allclose(path.curve.at(6 * STEP_S), home, atol=1e-5)
    assert len(path.joints) == STEPS


def test_a_chunk_that_is_too_fast_for_the_tool_passes_slower() -> None:
    home = HOMES["ur5e"]
    way = np.linspace(0, 0.2, STEPS)[:, None] * np.eye(6)[2]
    poses = SPACE.displace(ARMS["ur5e"].pose(home), way)
    slow = solver("ur5e", home).solve(poses, STEP_S, home)
    assert (slow.speed, slow.limited_by) == (1.0, "")
    fast = solver("ur5e", home).solve(poses, STEP_S / 5, home)
    # 0.2 m in 0.2 s, 0.5 m/s allowed.
    assert fast.speed == pytest.approx(0.5, abs=0.01) and fast.limited_by == "velocity"
    with pytest.raises(Unsolved, match="times slower|would have to turn"):
        solver("ur5e", home).solve(poses, STEP_S / 200, home)


def test_a_path_through_a_singular_position_is_refused() -> None:
    """The wrist of a UR flips where its fifth joint is 0."""
    start = np.array([0.0, -1.57, 1.57, -1.57, -0.05, 0.0])
    way = np.linspace(0, 1, STEPS)[:, None] * np.array([0.07, 0.05, -0.04, -0.51, -0.25, 0.02])
    with pytest.raises(Unsolved, match="the arm is near a singular position"):
        solver("ur5e", start).solve(SPACE.displace(ARMS["ur5e"].pose(start), way), STEP_S, start)
