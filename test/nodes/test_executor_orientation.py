"""The tool stays in its cone, whatever chunks ask for, over real topics."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from geometry_msgs.msg import PoseStamped
from graph import FakeRobot, Graph, NodeProcess
from rclpy.publisher import Publisher

from groot_ros.chunks.chunk import Chunk
from groot_ros.geometry import multiply_quats, rotvec_to_quat
from groot_ros.nodes.messages import to_action_chunk
from groot_ros.share import share_file
from groot_ros.signals.signals import arm_signals
from groot_ros_msgs.msg import ActionChunk, ChunkReport

CONE_RAD = 0.5
STEP_NS = 1_000_000_000 // 15
DOWN = np.array([0.0, 1.0, 0.0, 0.0])


@pytest.fixture
def executor(
    graph: Graph, robot: FakeRobot, start: Callable[..., NodeProcess], tmp_path: Path
) -> NodeProcess:
    content = yaml.safe_load(Path(share_file("config/robots/sim.yaml")).read_text())
    content["limits"]["orientation"] = {"tool_axis": "z", "base_axis": "-z", "cone": CONE_RAD}
    file = tmp_path / "cone.yaml"
    file.write_text(yaml.safe_dump(content))
    robot.follow("/target_pose")
    return start("executor_node", robot=file, watchdog=10.0)


@pytest.fixture
def chunks(graph: Graph, executor: NodeProcess) -> Publisher:
    publisher = graph.node.create_publisher(ActionChunk, "/policy/action_chunk", 1)
    assert graph.transition("/executor", "configure") and graph.transition("/executor", "activate")
    graph.wait_for(publisher.get_subscription_count, "the executor's subscription")
    graph.wait_for(lambda: graph.node.count_subscribers("/ee_pose"), "its view of the robot")
    return publisher


def tilted(graph: Graph, tilts_rad: np.ndarray, azimuths_rad: np.ndarray) -> ActionChunk:
    """Steps at one place that tilt the tool that far from straight down, towards an azimuth."""
    axes = np.column_stack([np.cos(azimuths_rad), np.sin(azimuths_rad), np.zeros(len(tilts_rad))])
    quats = multiply_quats(rotvec_to_quat(axes * tilts_rad[:, None]), DOWN)
    places = np.tile([0.5, 0.0, 0.3], (len(tilts_rad), 1))
    now_ns = graph.node.get_clock().now().nanoseconds
    signals = arm_signals(
        ee_pose=np.concatenate([places, quats], axis=1), grip=np.zeros(len(tilts_rad))
    )
    message = to_action_chunk(Chunk(now_ns, STEP_NS, 1, signals=signals), "fr3_link0", [])
    message.activation = np.full(16, 7, np.uint8)
    return message


def tilt_rad(pose: PoseStamped) -> float:
    """How far the tool's z axis is from the base's -z."""
    q = pose.pose.orientation
    return float(np.arccos(np.clip(-(1 - 2 * (q.x * q.x + q.y * q.y)), -1.0, 1.0)))


def test_commands_stay_in_the_cone_while_chunks_go_around_its_rim(
    graph: Graph, chunks: Publisher
) -> None:
    poses = graph.collect(PoseStamped, "/target_pose")
    reports = graph.collect(ChunkReport, "/executor/chunk_report")
    sent_s = [0.0]

    def send_and_look() -> bool:
        if time.monotonic() > sent_s[-1] + 0.3:
            # Some way around from the one before: what joins two of them leads past the rim.
            azimuths = np.linspace(0.0, 2.0, 16) + 2.0 * len(sent_s)
            chunks.publish(tilted(graph, np.linspace(0.3, 0.49, 16), azimuths))
            sent_s.append(time.monotonic())
        return len(poses) > 150

    graph.wait_for(send_and_look, "some seconds of commands")
    assert not any("cone" in report.rejected for report in reports)
    tilts = np.array([tilt_rad(pose) for pose in poses])
    assert tilts.max() > 0.3, "it went there"
    assert tilts.max() <= CONE_RAD + 1e-6


def test_a_chunk_that_leads_out_of_the_cone_is_refused(graph: Graph, chunks: Publisher) -> None:
    poses = graph.collect(PoseStamped, "/target_pose")
    reports = graph.collect(ChunkReport, "/executor/chunk_report")

    def refused() -> list[str]:
        return [report.rejected for report in reports if "orientation.cone" in report.rejected]

    def send_and_look() -> list[str]:
        chunks.publish(tilted(graph, np.linspace(0.0, 0.7, 16), np.zeros(16)))
        return refused()

    [reason, *_] = graph.wait_for(send_and_look, "the refusal")
    assert "at most 0.5 rad are allowed" in reason
    assert not poses
