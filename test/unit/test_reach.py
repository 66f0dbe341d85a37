"""Chunks fitted to an arm: poses become joints, points of the arm stay in their boxes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.curve import Curve
from groot_ros.chunks.execution.executor import ChunkExecutor
from groot_ros.chunks.execution.reach import Reach
from groot_ros.chunks.execution.settings import ExecutionSettings
from groot_ros.chunks.limits.pose_chunks import Unsolved
from groot_ros.chunks.limits.watched_points import PLANNED_M
from groot_ros.errors import UserError
from groot_ros.robot.checking.activation import check_activation, unwatched
from groot_ros.robot.config import load_robot
from groot_ros.robot.kinematics import tool_kinematics
from groot_ros.robot.output import Output, ToolKinematics
from groot_ros.robot.urdf import load_urdf
from groot_ros.signals.signals import JOINT_POSITION, arm_signals
from groot_ros.signals.space import LinearSpace, PoseSpace

STEP_NS = 1_000_000_000 // 15
NOW_NS = 5_000_000_000
MARGIN_M = 0.02
PERIOD_NS = 5_000_000
HOME = np.array([0.0, -1.57, 1.57, -1.57, -1.57, 0.0])
UR5E = load_robot("ur5e")
FOLLOWING_POSES = replace(
    UR5E, output=Output("joint_stream", 100.0, ToolKinematics("tool0", UR5E.urdf))
)
URDF = load_urdf(UR5E.urdf)


def bent(shoulder_rad: float, steps: int = 16) -> np.ndarray:
    """Joints whose shoulder leans forward from home, towards the table."""
    return HOME + np.linspace(0, shoulder_rad, steps)[:, None] * np.eye(6)[1]


def height_m(joints: np.ndarray) -> np.ndarray:
    """Of the fingertips above the table."""
    points = Reach(UR5E, URDF, MARGIN_M).points
    assert points
    return -points.beyond(joints)[..., 1, 2]


def touching() -> float:
    """How far the shoulder leans where the fingertips touch the table."""
    angles = np.linspace(0, 1, 4001)
    joints = HOME + angles[:, None] * np.eye(6)[1]
    return float(angles[np.argmax(height_m(joints) < 0)])


def test_a_chunk_of_joints_inside_stays_as_it_is() -> None:
    chunk = Chunk(NOW_NS, STEP_NS, signals=arm_signals(joint_position=bent(0.2)))
    fitted = Reach(UR5E, URDF, MARGIN_M).fit(chunk, HOME, 0.0)
    np.testing.assert_array_equal(
        fitted.chunk.signals["joint_position"], chunk.signals["joint_position"]
    )
    assert fitted.chunk.curve is None and fitted.projected_steps == 0


def test_steps_a_little_below_the_table_end_on_it() -> None:
    steps = bent(touching() + 0.02)
    assert -0.02 < height_m(steps).min() < -0.005
    fitted = Reach(UR5E, URDF, MARGIN_M).fit(
        Chunk(NOW_NS, STEP_NS, signals=arm_signals(joint_position=steps)), HOME, 0.0
    )
    assert 0 < fitted.projected_steps < 8
    curve = Curve.through(LinearSpace(), fitted.chunk.signals["joint_position"], STEP_NS / 1e9)
    lowest = height_m(curve.at(np.linspace(0, 1, 500))).min()
    assert -PLANNED_M <= lowest < 0.005
    np.testing.assert_array_equal(fitted.chunk.signals["joint_position"][:8], steps[:8])


def test_a_chunk_into_the_table_is_refused_with_its_reason() -> None:
    chunk = Chunk(NOW_NS, STEP_NS, signals=arm_signals(joint_position=bent(touching() + 0.2)))
    with pytest.raises(Unsolved, match=r"step 1\d takes the point fingertips .* mm below z = 0 m"):
        Reach(UR5E, URDF, MARGIN_M).fit(chunk, HOME, 0.0)


def test_an_arm_that_starts_outside_comes_back_in() -> None:
    below = HOME + (touching() + 0.1) * np.eye(6)[1]
    assert height_m(below) < -0.03
    steps = np.linspace(below, HOME, 16)
    fitted = Reach(UR5E, URDF, MARGIN_M).fit(
        Chunk(NOW_NS, STEP_NS, signals=arm_signals(joint_position=steps)), below, 0.0
    )
    assert np.all(height_m(fitted.chunk.signals["joint_position"]) >= height_m(steps) - 1e-9)
    deeper = np.linspace(below, below + 0.3 * np.eye(6)[1], 16)
    with pytest.raises(Unsolved, match="takes the point"):
        Reach(UR5E, URDF, MARGIN_M).fit(
            Chunk(NOW_NS, STEP_NS, signals=arm_signals(joint_position=deeper)), below, 0.0
        )


def lowering(metres: float = 0.15) -> Chunk:
    """Poses that lower the tool from home."""
    tool = tool_kinematics(FOLLOWING_POSES, URDF).poses(HOME)[0]
    way = np.linspace(0, -metres, 16)[:, None] * np.eye(6)[2]
    return Chunk(
        NOW_NS,
        STEP_NS,
        signals=arm_signals(ee_pose=PoseSpace().displace(tool, way), grip=np.ones(16)),
    )


def test_poses_are_executed_as_joints_that_keep_the_tool_on_its_path() -> None:
    """Over an executor with a handed clock: as many steps are counted as the chunk has, and the
    tool is within a millimetre of the poses' path once the motion has joined it."""
    reach = Reach(FOLLOWING_POSES, URDF, MARGIN_M)
    reach.begin(HOME)
    chunk = reach.fit(lowering(), HOME, 0.0).chunk
    assert chunk.signals["joint_position"].shape == (16, 6) and chunk.curve is not None
    executor = ChunkExecutor(
        UR5E.limits, ExecutionSettings(JOINT_POSITION, period_s=PERIOD_NS / 1e9)
    )
    executor.start_from(HOME, {}, NOW_NS)
    assert executor.accept(1, chunk, NOW_NS) is None
    arm = tool_kinematics(FOLLOWING_POSES, URDF)
    path = Curve.through(PoseSpace(), chunk.signals["ee_pose"], STEP_NS / 1e9)
    places = path.at(np.linspace(0, path.duration_s, 2001))[:, :3]
    for now_ns in range(NOW_NS, NOW_NS + 2_500_000_000, PERIOD_NS):
        setpoint = executor.setpoint(now_ns)
        if setpoint is None or not 0.3 < (now_ns - NOW_NS) / 1e9 < 0.9:
            continue
        tool = arm.poses(setpoint.value)[0]
        assert np.linalg.norm(tool[:3] - places, axis=1).min() < 1e-3
    executions = executor.take_ended()
    assert [execution.executed for execution in executions] == [16]


def test_poses_out_of_reach_are_refused() -> None:
    chunk = lowering()
    chunk = chunk.replaced(
        {"ee_pose": chunk.signals["ee_pose"] - 0.05 * np.arange(16)[:, None] * np.eye(7)[0]}
    )
    with pytest.raises(Unsolved, match=r"limits.workspace|out of the arm's reach"):
        Reach(FOLLOWING_POSES, URDF, MARGIN_M).fit(chunk, HOME, 0.0)


def test_chunks_that_would_take_long_to_fit_are_refused() -> None:
    long = Chunk(
        NOW_NS, STEP_NS, signals=arm_signals(joint_position=np.repeat(HOME[None], 300, axis=0))
    )
    with pytest.raises(Unsolved, match="300 of its steps are left, at most 256"):
        Reach(UR5E, URDF, MARGIN_M).fit(long, HOME, 0.0)
    open_limits = replace(UR5E.limits, workspace_min=None, workspace_max=None, linear_jump=None)
    unbounded = replace(FOLLOWING_POSES, limits=open_limits)
    far = lowering().replaced({"ee_pose": lowering().signals["ee_pose"] + 900 * np.eye(7)[0]})
    with pytest.raises(Unsolved, match=r"it begins 900 m away from the tool"):
        Reach(unbounded, URDF, MARGIN_M).fit(far, HOME, 0.0)


def test_poses_that_take_another_point_into_the_table_are_refused() -> None:
    """The flange stays inside, the fingertips below it do not."""
    chunk = lowering(0.45)
    assert chunk.signals["ee_pose"][-1, 2] > 0.02
    with pytest.raises(Unsolved, match=r"takes the point (fingertips|wrist|elbow) .* mm below z"):
        Reach(FOLLOWING_POSES, URDF, MARGIN_M).fit(chunk, HOME, 0.0)


def test_joints_without_limits_of_motion_cannot_be_activated() -> None:
    for robot in map(load_robot, ("sim", "franka", "ur5e", "so101")):
        check_activation(robot)
        assert unwatched(robot) is None
    limits = replace(UR5E.limits, joint_velocity=None, joint_acceleration=None)
    sentence = (
        "robot ur5e: limits.joint_velocity and limits.joint_acceleration missing, which "
        "output.profile joint_trajectory needs"
    )
    with pytest.raises(UserError, match=sentence):
        check_activation(replace(UR5E, limits=limits))
    blind = replace(UR5E, limits=replace(UR5E.limits, points=()))
    assert "nothing keeps the arm off the table" in (unwatched(blind) or "")
