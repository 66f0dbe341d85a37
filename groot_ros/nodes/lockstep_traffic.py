"""Nodes that know what they have published and received, for simulated time in lockstep."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, cast

from rclpy.impl.rcutils_logger import RcutilsLogger
from rclpy.lifecycle.publisher import LifecyclePublisher
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.subscription import Subscription

from groot_ros.timing.lockstep import Traffic

# Nobody waits for what these say.
UNCOUNTED = {"/rosout", "/parameter_events", "/diagnostics", "/clock"}
HIDDEN = "/_"


class CountedPublisher(Publisher):
    """Numbers its messages as the middleware does, from 1 on."""

    traffic: Traffic | None = None
    count = 0

    def publish(self, msg: Any) -> None:
        """Send a message, then tell that it was sent."""
        super().publish(msg)
        _count(self)


class CountedLifecyclePublisher(LifecyclePublisher):
    """The same for a publisher that is silent while its node is inactive."""

    traffic: Traffic | None = None
    count = 0

    def publish(self, msg: Any) -> None:
        """Send a message, then tell that it was sent."""
        if self.is_activated:
            Publisher.publish(self, msg)
            _count(self)


def _count(publisher: CountedPublisher | CountedLifecyclePublisher) -> None:
    publisher.count += 1
    if publisher.traffic:
        publisher.traffic.sent(publisher.topic_name, publisher.count)


class TrafficNode(Node):
    """A node whose `traffic` knows every message of its publishers and subscriptions.

    `arrived` is called after each callback of a subscription, in the thread that spins.
    """

    expects_first_messages = True
    """False for a node that subscribes while others publish: the first ones may never come."""

    def get_logger(self) -> RcutilsLogger:
        """The logger of the node, typed."""
        return cast(RcutilsLogger, super().get_logger())  # type: ignore[no-untyped-call]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.traffic = Traffic()
        self.arrived: Callable[[], None] = lambda: None
        super().__init__(*args, **kwargs)

    def create_publisher(self, msg_type: Any, topic: str, *args: Any, **kwargs: Any) -> Publisher:
        """As of any node, but counted."""
        kwargs.setdefault("publisher_class", CountedPublisher)
        publisher = cast(
            CountedPublisher, super().create_publisher(msg_type, topic, *args, **kwargs)
        )
        name = publisher.topic_name
        if name not in UNCOUNTED and not name.startswith(HIDDEN):
            publisher.traffic = self.traffic
        return publisher

    def create_subscription(
        self,
        msg_type: Any,
        topic: str,
        callback: Callable[..., None],
        *args: Any,
        **kwargs: Any,
    ) -> Subscription:
        """As of any node, but counted; `callback` may take a message's info as well."""
        name = self.resolve_topic_name(topic)
        wants_info = len(inspect.signature(callback).parameters) == 2
        traffic = self.traffic

        def count(message: Any, info: Any) -> None:
            traffic.expect(name)
            if wants_info:
                callback(message, info)
            else:
                callback(message)
            traffic.received(name, info["publication_sequence_number"])
            self.arrived()

        if name in UNCOUNTED or name.startswith(HIDDEN):
            return super().create_subscription(msg_type, topic, callback, *args, **kwargs)
        if self.expects_first_messages:
            traffic.expect(name)
        # rclpy's types know no callback that takes a message's info.
        counted: Callable[..., None] = count
        return super().create_subscription(msg_type, topic, counted, *args, **kwargs)

    def create_witness(
        self, msg_type: Any, topic: str, callback: Callable[..., None], *args: Any, **kwargs: Any
    ) -> Subscription:
        """A subscription that is not counted: nobody waits for what it receives."""
        return super().create_subscription(msg_type, topic, callback, *args, **kwargs)
