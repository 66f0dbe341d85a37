"""A subscription to one camera, whatever of the known message types it sends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription

from groot_ros.cameras.catalog import CAMERA_TYPES, VIDEO_TYPES, found_type, kind_of
from groot_ros.cameras.video_thread import PACKETS, VideoThread
from groot_ros.errors import UserError
from groot_ros.nodes.raw_topics import message_class
from groot_ros.observation.buffer import ObservationBuffer
from groot_ros.observation.routes import Route

PICTURE_DEPTH = 1


@dataclass(frozen=True)
class _Demand:
    """What is subscribed to and how: of pictures the newest one, of video every packet."""

    type_name: str
    reliability: ReliabilityPolicy
    depth: int


class CameraSubscription:
    """Stores the messages of a camera, those of video in a thread of their own.

    It begins with the type that the robot file promises, and changes to that of the publishers
    when `look` finds any. UserError where the type is not installed.
    """

    def __init__(
        self,
        node: Node,
        route: Route,
        buffer: ObservationBuffer,
        stored: Callable[[], None],
        reliability: ReliabilityPolicy,
    ) -> None:
        self._node = node
        self._route = route
        self._buffer = buffer
        self._stored = stored
        self._reliability = reliability
        self._thread: VideoThread | None = None
        self._has_received = False
        self._subscription: Subscription | None = None
        try:
            self._demand = self._wanted()
            self._subscribe(self._demand)
        except UserError as error:
            raise UserError(f"camera {route.streams[0]}: {error}") from error

    def look(self) -> bool:
        """Follow the publishers; whether there is nothing more to find out."""
        has_received = self._has_received
        try:
            if (wanted := self._wanted()) != self._demand:
                self._subscribe(wanted)
                self._demand = wanted
        except UserError as error:
            self._buffer.report(self._route.streams[0], str(error))
        return has_received

    def _wanted(self) -> _Demand:
        """UserError where publishers send what no camera does."""
        publishers = self._node.get_publishers_info_by_topic(self._route.topic)
        types = {publisher.topic_type for publisher in publishers}
        kind = found_type(self._route.type_name, types)
        if types and kind not in types:
            raise UserError(
                f"{self._route.topic} is {' and '.join(sorted(types))}, expected one of "
                f"{', '.join(CAMERA_TYPES)}: name another topic in the robot file"
            )
        if not (self._thread or kind in VIDEO_TYPES):
            return _Demand(kind, self._reliability, PICTURE_DEPTH)
        # A packet that is lost costs all pictures up to the next key frame.
        offered = {publisher.qos_profile.reliability for publisher in publishers}
        is_reliable = offered == {ReliabilityPolicy.RELIABLE}
        return _Demand(
            kind, ReliabilityPolicy.RELIABLE if is_reliable else self._reliability, PACKETS
        )

    def _subscribe(self, demand: _Demand) -> None:
        kind = message_class(demand.type_name)
        self._unsubscribe()
        self._subscription = self._node.create_subscription(
            kind,
            self._route.topic,
            self._receive,
            QoSProfile(depth=demand.depth, reliability=demand.reliability),
        )

    def _unsubscribe(self) -> None:
        if self._subscription:
            self._node.destroy_subscription(self._subscription)
        self._subscription = None

    def _receive(self, message: Any) -> None:
        arrival_ns = self._node.get_clock().now().nanoseconds
        self._has_received = True
        if self._thread is None and kind_of(message).video(message):
            assert self._route.decoder is not None
            self._thread = VideoThread(self._route.store, self._route.decoder, self._stored)
        if self._thread:
            self._thread.put(message, arrival_ns)
            return
        self._route.store(message, arrival_ns)
        self._stored()

    def close(self) -> None:
        self._unsubscribe()
        if self._thread:
            self._thread.close()
