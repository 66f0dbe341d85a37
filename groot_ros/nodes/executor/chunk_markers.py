"""The chunk in rviz2 and Foxglove: poses coloured by step, the one before, the workspace."""

from __future__ import annotations

import numpy as np
from geometry_msgs.msg import Point, Vector3
from numpy.typing import NDArray
from rclpy.node import Node
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.limits.tool_orientation import ToolOrientation, tool_orientation
from groot_ros.chunks.takeover.turn import Control
from groot_ros.nodes.messages import to_pose, to_time
from groot_ros.robot.config import RobotConfig
from groot_ros.robot.limits import Limits
from groot_ros.signals.signals import EE_POSE, of_arm
from groot_ros_msgs.msg import ExecutorState

Array = NDArray[np.float64]

DROPPED = ColorRGBA(r=0.9, g=0.25, b=0.2, a=0.9)
EXECUTED = ColorRGBA(r=0.5, g=0.5, b=0.5, a=0.9)
PENDING = ColorRGBA(r=0.15, g=0.5, b=1.0, a=0.9)
PREVIOUS = ColorRGBA(r=0.95, g=0.7, b=0.2, a=0.4)
BOX = ColorRGBA(r=0.3, g=0.8, b=0.4, a=0.15)
TEXT = ColorRGBA(r=1.0, g=1.0, b=1.0, a=1.0)
ARROW = Vector3(x=0.03, y=0.004, z=0.006)
TEXT_HEIGHT_M, TURN_HEIGHT_M = 0.04, 1.0
CONE = ColorRGBA(r=0.3, g=0.8, b=0.4, a=0.5)
CONE_LENGTH_M, CONE_LINES = 0.1, 24


class ChunkMarkers:
    """Publishes ~/markers; draws only while somebody looks."""

    def __init__(self, node: Node, robot: RobotConfig) -> None:
        self._node = node
        self._robot = robot
        self._publisher = node.create_publisher(MarkerArray, "~/markers", 1)
        self._chunk: tuple[int, Chunk] | None = None
        self._previous: tuple[int, Chunk] | None = None
        self._joined_step = 0.0
        self._tool = tool_orientation(robot.limits, robot.output.commanded.kind)

    def add(self, chunk_id: int, chunk: Chunk) -> None:
        """A chunk takes over."""
        self._previous, self._chunk = self._chunk, (chunk_id, chunk)
        age_ns = self._node.get_clock().now().nanoseconds - chunk.stamp_ns
        self._joined_step = age_ns / chunk.step_ns

    def publish(self, state: ExecutorState, now_ns: int) -> None:
        """Show the chunk in execution and, where it is not the policy's turn, whose it is."""
        if self._publisher.get_subscription_count() == 0:
            return
        everywhere = Header(stamp=to_time(now_ns), frame_id=self._robot.base_frame)
        markers = [Marker(header=everywhere, action=Marker.DELETEALL)]
        for name, arm in self._robot.named_arms.items():
            header = Header(stamp=to_time(now_ns), frame_id=arm.base_frame)
            signal = of_arm(name, EE_POSE.name)
            own = self._of_arm(
                header, signal, chunk_id=state.chunk_id, step=state.step, now_ns=now_ns
            )
            if box := _workspace(header, arm.limits):
                own.append(box)
            if state.control != Control.POLICY.value:
                own.append(_turn(header, state))
            for marker in own:
                marker.ns = of_arm(name, marker.ns)
            markers += own
        self._publisher.publish(MarkerArray(markers=markers))

    def _of_arm(
        self, header: Header, signal: str, chunk_id: int, step: float, now_ns: int
    ) -> list[Marker]:
        """What is shown of one pose signal of the chunks."""
        markers: list[Marker] = []
        if self._chunk and (poses := self._chunk[1].signals.get(signal)) is not None:
            running = self._chunk[0] == chunk_id
            markers += self._fan(header, poses, step if running else float(len(poses)))
            age_s = (now_ns - self._chunk[1].stamp_ns) / 1e9
            markers.append(_badge(header, poses[-1], age_s))
            if self._tool:
                markers.append(_cone(header, poses[0], self._tool))
        if self._previous and (poses := self._previous[1].signals.get(signal)) is not None:
            markers.append(_path(header, poses))
        return markers

    def _fan(self, header: Header, poses: Array, reached: float) -> list[Marker]:
        markers = []
        for index, pose in enumerate(poses):
            marker = Marker(header=header, ns="chunk", id=index, type=Marker.ARROW)
            marker.pose = to_pose(pose)
            marker.scale = ARROW
            marker.color = PENDING
            if index < self._joined_step:
                marker.color = DROPPED
            elif index < reached:
                marker.color = EXECUTED
            markers.append(marker)
        return markers

    def close(self) -> None:
        self._node.destroy_publisher(self._publisher)


def _workspace(header: Header, limits: Limits) -> Marker | None:
    if limits.workspace_min is None or limits.workspace_max is None:
        return None
    low, high = np.array(limits.workspace_min), np.array(limits.workspace_max)
    marker = Marker(header=header, ns="workspace", type=Marker.CUBE, color=BOX)
    marker.pose = to_pose(np.array([*(low + high) / 2, 1.0, 0.0, 0.0, 0.0]))
    marker.scale = Vector3(**dict(zip("xyz", (high - low).tolist(), strict=True)))
    return marker


def _badge(header: Header, pose: Array, age_s: float) -> Marker:
    """How old the pictures are that the chunk was made of."""
    marker = Marker(header=header, ns="age", type=Marker.TEXT_VIEW_FACING, color=TEXT)
    marker.pose = to_pose(pose)
    marker.pose.position.z += TEXT_HEIGHT_M
    marker.scale.z = TEXT_HEIGHT_M
    marker.text = f"pictures {age_s * 1000:.0f} ms old"
    return marker


def _turn(header: Header, state: ExecutorState) -> Marker:
    """Whose turn it is, above the arm's base."""
    marker = Marker(header=header, ns="control", type=Marker.TEXT_VIEW_FACING, color=TEXT)
    marker.pose.orientation.w, marker.pose.position.z = 1.0, TURN_HEIGHT_M
    marker.scale.z = TEXT_HEIGHT_M
    marker.text = f"{state.control} {state.operator_hint}".strip()
    return marker


def _path(header: Header, poses: Array) -> Marker:
    marker = Marker(header=header, ns="previous", type=Marker.LINE_STRIP, color=PREVIOUS)
    marker.pose.orientation.w = 1.0
    marker.scale.x = 0.003
    marker.points = [Point(x=p[0], y=p[1], z=p[2]) for p in poses[:, :3].tolist()]
    return marker


def _cone(header: Header, pose: Array, tool: ToolOrientation) -> Marker:
    """Where the tool may point, at a pose."""
    marker = Marker(header=header, ns="orientation", type=Marker.LINE_LIST, color=CONE)
    marker.pose.orientation.w = 1.0
    marker.scale.x = 0.002
    tip = pose[:3]
    rim = tip + CONE_LENGTH_M * tool.rim(CONE_LINES)
    for one, other in zip(rim, np.roll(rim, 1, axis=0), strict=True):
        marker.points += [Point(x=x, y=y, z=z) for x, y, z in (tip, one, one, other)]
    return marker
