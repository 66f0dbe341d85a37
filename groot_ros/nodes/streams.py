"""Subscriptions to what a robot file names; the callbacks only store."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image, JointState
from std_msgs.msg import Float64

from groot_ros import stream_store
from groot_ros.buffer import ObservationBuffer

# Best effort connects to any publisher; a late picture or state is of no use anyway.
BEST_EFFORT = ReliabilityPolicy.BEST_EFFORT
STATE_DEPTH, IMAGE_DEPTH = 10, 1
MESSAGE_TYPES = {
    stream_store.JOINT_STATE: JointState,
    stream_store.POSE: PoseStamped,
    stream_store.FLOAT: Float64,
    stream_store.IMAGE: Image,
    stream_store.COMPRESSED_IMAGE: CompressedImage,
}


class StreamSubscriptions:
    """Feeds an ObservationBuffer with its streams; `picture_came` follows each picture."""

    def __init__(
        self,
        node: Node,
        buffer: ObservationBuffer,
        picture_came: Callable[[], None] = lambda: None,
        reliability: ReliabilityPolicy = BEST_EFFORT,
    ) -> None:
        self._node = node
        self._picture_came = picture_came
        self._subscriptions = [
            node.create_subscription(
                MESSAGE_TYPES[route.type_name],
                route.topic,
                partial(self._receive, route),
                QoSProfile(
                    depth=IMAGE_DEPTH if route.is_camera else STATE_DEPTH,
                    reliability=reliability,
                ),
            )
            for route in stream_store.routes(buffer)
        ]

    def _receive(self, route: stream_store.Route, message: Any) -> None:
        route.store(message, self._node.get_clock().now().nanoseconds)
        if route.is_camera:
            self._picture_came()

    def close(self) -> None:
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions.clear()
