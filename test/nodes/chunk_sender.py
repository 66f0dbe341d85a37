"""A policy as the executor sees it: chunks along a circle, until it is killed."""

from __future__ import annotations

import sys
from uuid import uuid4

import numpy as np
import rclpy
from rclpy.node import Node

from groot_ros.chunks.chunk import Chunk
from groot_ros.nodes.messages import to_action_chunk
from groot_ros.signals.signals import arm_signals
from groot_ros_msgs.msg import ActionChunk

STEP_NS = 1_000_000_000 // 15
RADIUS_M, SPEED_RAD_S = 0.05, 2.0


def circle_chunk(now_ns: int, epoch: int = 1) -> Chunk:
    """40 steps along a circle of 0.1 m/s, from where it is at a time."""
    angles = SPEED_RAD_S * (now_ns + np.arange(40) * STEP_NS) / 1e9
    poses = np.zeros((40, 7))
    poses[:, 0] = 0.5 + RADIUS_M * np.cos(angles)
    poses[:, 1] = RADIUS_M * np.sin(angles)
    poses[:, 2], poses[:, 4] = 0.3, 1.0
    return Chunk(now_ns, STEP_NS, epoch, signals=arm_signals(ee_pose=poses))


class ChunkSender(Node):
    """Publishes chunks of an epoch at a rate from the start on."""

    def __init__(self, rate_hz: float, epoch: int) -> None:
        super().__init__("chunk_sender")
        self._epoch = epoch
        self._chunks = self.create_publisher(ActionChunk, "policy/action_chunk", 1)
        self._activation = np.frombuffer(uuid4().bytes, np.uint8)
        self._count = 0
        self.create_timer(1.0 / rate_hz, self._send)

    def _send(self) -> None:
        now_ns = self.get_clock().now().nanoseconds
        message = to_action_chunk(circle_chunk(now_ns, self._epoch), "fr3_link0", [])
        self._count += 1
        message.chunk_id = self._count
        message.activation = self._activation
        self._chunks.publish(message)


if __name__ == "__main__":
    rclpy.init()
    rclpy.spin(ChunkSender(float(sys.argv[1]), int(sys.argv[2])))
