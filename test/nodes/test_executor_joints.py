"""The executor node with robots that take joints: poses, and what it asks of the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import yaml
from graph import FakeRobot, Graph, NodeProcess
from std_msgs.msg import Float64MultiArray

from groot_ros.chunks.chunk import Chunk
from groot_ros.nodes.messages import to_action_chunk
from groot_ros.robot.config import load_robot
from groot_ros.robot.kinematics import tool_kinematics
from groot_ros.robot.urdf import load_urdf
from groot_ros.share import share_file
from groot_ros.signals.signals import arm_signals
from groot_ros_msgs.msg import ActionChunk, ChunkReport

HOME = [0.0, -0.785, 0.0, -2.356, 0.0, 1.571, 0.785]
STEP_NS = 1_000_000_000 // 15


def robot_file(folder: Path, kinematics: bool, without: tuple[str, ...] = ()) -> Path:
    """The simulated arm as one that takes a stream of joints."""
    values = yaml.safe_load(share_file("config/robots/sim.yaml").read_text())
    values["output"] = {"profile": "joint_stream", "rate": 100}
    if kinematics:
        values["output"]["kinematics"] = {"tool": "fr3_hand_tcp"}
    for key in without:
        del values["limits"][key]
    path = folder / "joints.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def test_chunks_of_poses_become_commands_of_joints(
    graph: Graph, robot: FakeRobot, start: Callable[..., NodeProcess], tmp_path: Path
) -> None:
    path = robot_file(tmp_path, kinematics=True)
    description = load_robot(path)
    arm = tool_kinematics(description, load_urdf(description.urdf))
    robot.joint_positions[:7] = HOME
    commands = graph.collect(Float64MultiArray, "/joint_trajectory", 1000)
    reports = graph.collect(ChunkReport, "/executor/chunk_report")
    chunks = graph.node.create_publisher(ActionChunk, "/policy/action_chunk", 1)
    start("executor_node", watchdog=1.2, robot=str(path))
    assert graph.transition("/executor", "configure") and graph.transition("/executor", "activate")
    home = arm.poses(HOME)[0]

    def send(chunk_id: int, way_m: float) -> None:
        poses = home + np.linspace(0, way_m, 16)[:, None] * np.eye(7)[1]
        now_ns = graph.node.get_clock().now().nanoseconds
        message = to_action_chunk(
            Chunk(now_ns, STEP_NS, 1, signals=arm_signals(ee_pose=poses)), "fr3_link0", []
        )
        message.activation = np.full(16, 7, np.uint8)
        message.chunk_id = chunk_id
        chunks.publish(message)

    for chunk_id in range(1, 20):
        send(chunk_id, 0.08)
        try:
            graph.wait_for(lambda: commands, "a command", timeout_s=3.0)
            break
        except AssertionError:
            continue
    end = graph.wait_for(
        lambda: [r for r in reports if r.executed_steps > 0 and not r.rejected], "the report"
    )[-1]
    assert end.executed_steps + end.dropped_steps <= 16
    joints = np.array([command.data for command in commands])
    np.testing.assert_allclose(joints[0], HOME, atol=0.02)
    assert np.abs(np.diff(joints, axis=0)).max() < 2.62 * 0.1
    tool = arm.poses(joints)[:, 0]
    np.testing.assert_allclose(tool[-1, :3], home[:3] + [0.0, 0.08, 0.0], atol=0.005)
    # On a straight way along y.
    np.testing.assert_allclose(tool[:, [0, 2]], np.tile(home[[0, 2]], (len(tool), 1)), atol=2e-3)


def test_a_file_without_limits_is_refused_and_one_without_points_is_dry(
    graph: Graph, robot: FakeRobot, start: Callable[..., NodeProcess], tmp_path: Path
) -> None:
    unlimited = robot_file(tmp_path, False, ("joint_velocity",))
    node = start("executor_node", robot=str(unlimited))
    assert not graph.transition("/executor", "configure")
    graph.wait_for(lambda: node.said("limits.joint_velocity missing, which output"), "the reason")
    robot_file(tmp_path, False, ("points",))
    assert graph.transition("/executor", "configure")
    graph.wait_for(
        lambda: node.said("nothing keeps the arm off the table") and node.said("dry run"),
        "the warnings",
    )
