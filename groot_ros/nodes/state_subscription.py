"""A subscription to a stream that robots send as several message types: that of its publishers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription

from groot_ros.errors import UserError
from groot_ros.nodes.raw_topics import message_class
from groot_ros.observation.buffer import ObservationBuffer
from groot_ros.observation.routes import Route

STATE_DEPTH = 10
# All static transforms, of as many publishers as there may be.
LATCHED_DEPTH = 100


class StateSubscription:
    """Hands on the messages of a state.

    It begins with the type that robots send most, and changes to that of the publishers when
    `look` finds any. UserError where the type is not installed.
    """

    def __init__(
        self,
        node: Node,
        route: Route,
        buffer: ObservationBuffer,
        receive: Callable[[Route, Any], None],
        reliability: ReliabilityPolicy,
    ) -> None:
        self._node = node
        self._route = route
        self._buffer = buffer
        self._receive = receive
        self._qos = QoSProfile(depth=STATE_DEPTH, reliability=reliability)
        if route.is_latched:
            self._qos = QoSProfile(
                depth=LATCHED_DEPTH,
                reliability=ReliabilityPolicy.RELIABLE,
                durability=DurabilityPolicy.TRANSIENT_LOCAL,
            )
        self._subscription: Subscription | None = None
        try:
            self._subscribe(route)
        except UserError as error:
            raise UserError(f"{' and '.join(route.streams)}: {error}") from error

    @property
    def has_choice(self) -> bool:
        """Whether there is anything to look for."""
        return len(self._route.types) > 1

    def look(self) -> bool:
        """Follow the publishers; whether there is nothing more to find out."""
        publishers = self._node.get_publishers_info_by_topic(self._subscribed.topic)
        types = {publisher.topic_type for publisher in publishers}
        if not types or not self.has_choice:
            return not self.has_choice
        if self._subscribed.type_name in types:
            return True
        found = self._route.among(types)
        if found is None:
            problem = (
                f"{self._route.topic} is {' and '.join(sorted(types))}, expected one of "
                f"{', '.join(self._route.types)}: name another topic in the robot file"
            )
            for stream in self._route.streams:
                self._buffer.report(stream, problem)
            return False
        try:
            self._subscribe(found)
        except UserError as error:
            for stream in self._route.streams:
                self._buffer.report(stream, str(error))
        return True

    def _subscribe(self, route: Route) -> None:
        kind = message_class(route.type_name)
        self.close()
        self._subscribed = route
        self._subscription = self._node.create_subscription(
            kind, route.topic, lambda message: self._receive(route, message), self._qos
        )

    def close(self) -> None:
        if self._subscription:
            self._node.destroy_subscription(self._subscription)
        self._subscription = None
