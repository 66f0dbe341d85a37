"""The policy node's outputs: chunks, void messages, and chunks as standard messages."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseArray
from rclpy.qos import QoSProfile
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header
from trajectory_msgs.msg import JointTrajectory, MultiDOFJointTrajectory

from groot_ros.chunks.chunk import Chunk
from groot_ros.nodes.lifecycle import GuardedLifecycleNode
from groot_ros.nodes.messages import (
    chunk_cloud,
    ee_trajectory,
    joint_trajectory,
    to_action_chunk,
    to_pose,
    to_time,
)
from groot_ros.nodes.qos import CHUNKS, REPORTS
from groot_ros.observation.fields import NS
from groot_ros.policies.inference_types import Inference, Void
from groot_ros.robot.config import RobotConfig
from groot_ros.signals.kinds import JOINTS, POSE
from groot_ros.signals.signals import Signals, of_arm
from groot_ros_msgs.msg import ActionChunk, ChunkReport

PICTURE_QOS = QoSProfile(depth=1)


@dataclass(frozen=True)
class CodecName:
    """Name and fingerprint of the codec that a policy answers in; empty for none."""

    name: str = ""
    fingerprint: str = ""


class ChunkPublisher:
    """The Outlet of a policy node's inference loop."""

    def __init__(self, node: GuardedLifecycleNode, robot: RobotConfig, codec: CodecName) -> None:
        self._node = node
        self._robot = robot
        self._codec = codec
        self._publishers: list[Any] = []
        self._chunks = self._create(ActionChunk, "action_chunk", CHUNKS)
        self._reports = self._create(ChunkReport, "chunk_report", REPORTS)
        self._pictures = [
            _Pictures(self._create, arm, name) for name, arm in robot.named_arms.items()
        ]

    def _create(self, kind: type, name: str, qos: QoSProfile) -> Any:
        publisher = self._node.create_lifecycle_publisher(kind, f"~/{name}", qos)
        self._publishers.append(publisher)
        return publisher

    def close(self) -> None:
        """Destroy the publishers."""
        for publisher in self._publishers:
            self._node.destroy_lifecycle_publisher(publisher)
        self._publishers.clear()

    def warn(self, sentence: str) -> None:
        """Log a warning for the operator."""
        self._node.get_logger().warning(sentence)

    def void(self, void: Void) -> None:
        """Publish that everything before an epoch is void."""
        message = ActionChunk(header=self._header(), epoch=void.epoch, released=void.released)
        self._sign(message, void.activation)
        self._chunks.publish(message)

    def publish(self, inference: Inference) -> None:
        """Publish a chunk in all its forms, and the report of its inference."""
        started_s = time.monotonic()
        chunk = inference.chunk
        message = to_action_chunk(self._named(chunk), self._robot.base_frame, self._robot.joints)
        message.chunk_id = inference.chunk_id
        message.instruction = inference.instruction
        self._sign(message, inference.activation)
        self._chunks.publish(message)
        report = self._report(inference, message)
        for pictures in self._pictures:
            pictures.publish(chunk)
        report.publish_time = time.monotonic() - started_s
        report.header = self._header()
        self._reports.publish(report)

    def _sign(self, message: ActionChunk, activation: bytes) -> None:
        """Say whose message it is, and in which codec the policy thinks."""
        message.activation = np.frombuffer(activation, np.uint8)
        message.codec, message.codec_hash = self._codec.name, self._codec.fingerprint

    def _header(self) -> Header:
        return Header(stamp=to_time(self._node.now_ns()), frame_id=self._robot.base_frame)

    def _report(self, inference: Inference, message: ActionChunk) -> ChunkReport:
        heard_ns = self._node.heard_ns()
        round_trip = inference.chunk.round_trip
        return ChunkReport(
            source=ChunkReport.POLICY,
            activation=message.activation,
            chunk_id=message.chunk_id,
            epoch=message.epoch,
            horizon=message.horizon,
            observation_age=(heard_ns - inference.chunk.stamp_ns) / NS,
            input_names=list(inference.ages.by_stream),
            input_ages=list(inference.ages.by_stream.values()),
            queue_time=inference.queue_s,
            decode_time=inference.decode_s,
            model_time=inference.model_s,
            network_time=round_trip.network_s,
            server_time=round_trip.server_s,
            grade=message.grade,
            grade_reason=message.grade_reason,
        )

    def _named(self, chunk: Chunk) -> Chunk:
        """The chunk with the frames and joints of several arms at their signals."""
        robot = self._robot
        if not robot.arms:
            return chunk
        specs = [
            replace(
                spec,
                frame=robot.arm_of(spec.name).base_frame,
                names=robot.arm_of(spec.name).joints if spec.kind == JOINTS else spec.names,
            )
            for spec in chunk.signals.specs
        ]
        return replace(chunk, signals=Signals(tuple(specs), chunk.signals.arrays))


class _Pictures:
    """What rviz2, Foxglove and other people's controllers understand of a chunk; for one of
    several arms below its name."""

    def __init__(
        self, create: Callable[[type, str, QoSProfile], Any], arm: RobotConfig, name: str
    ) -> None:
        self._arm, self._name = arm, name
        self._poses = create(PoseArray, of_arm(name, "chunk_poses"), PICTURE_QOS)
        self._clouds = create(PointCloud2, of_arm(name, "chunk_cloud"), PICTURE_QOS)
        self._joint_paths = create(JointTrajectory, of_arm(name, "joint_trajectory"), PICTURE_QOS)
        self._ee_paths = create(
            MultiDOFJointTrajectory, of_arm(name, "ee_trajectory"), PICTURE_QOS
        )

    def publish(self, chunk: Chunk) -> None:
        """The arm's part of a chunk, in the forms that somebody listens to."""
        chunk, frame = self._own(chunk), self._arm.base_frame
        if (poses := chunk.signals.first(POSE)) is not None:
            header = Header(stamp=to_time(chunk.stamp_ns), frame_id=frame)
            _send(self._poses, lambda: PoseArray(header=header, poses=list(map(to_pose, poses))))
            _send(self._clouds, lambda: chunk_cloud(chunk, poses, frame))
            tool = f"{self._arm.name}_tcp"
            _send(self._ee_paths, lambda: ee_trajectory(chunk, poses, frame, tool))
        if (joints := chunk.signals.first(JOINTS)) is not None:
            names = self._arm.joints
            _send(self._joint_paths, lambda: joint_trajectory(chunk, joints, names))

    def _own(self, chunk: Chunk) -> Chunk:
        if not self._name:
            return chunk
        own = [pair for pair in chunk.signals.pairs() if pair[0].arm == self._name]
        return replace(chunk, signals=Signals(*zip(*own, strict=True)))


def _send(publisher: Any, message: Callable[[], Any]) -> None:
    """What nobody listens to is not made."""
    if publisher.get_subscription_count():
        publisher.publish(message())
