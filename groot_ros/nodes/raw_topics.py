"""Raw subscriptions to whatever is published: found as it appears, with fitting QoS."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from rclpy.topic_endpoint_info import TopicEndpointInfo
from rosidl_runtime_py.utilities import get_message

from groot_ros.data.bags.metadata import Qos, Topic
from groot_ros.data.recording.episode_recorder import Arrival
from groot_ros.errors import UserError
from groot_ros.nodes.arrival_clock import ArrivalClock
from groot_ros.observation.fields import NS

LOOK_PERIOD_S = 0.2
# A subscription with a publisher may still miss that publisher's next messages.
LOOKS_TOGETHER = 5
# Messages that may wait in the middleware while this process is busy; pictures are large.
DEPTH = 1000
PICTURE_DEPTH = 60
PICTURE_TYPES = (
    "sensor_msgs/msg/Image",
    "sensor_msgs/msg/CompressedImage",
    "sensor_msgs/msg/PointCloud2",
)


@dataclass(frozen=True)
class _Demand:
    """What a subscription must ask for to hear every publisher of its topic."""

    reliable: bool
    latched: bool


@dataclass
class _Subscribed:
    """A topic's subscription, and for a while the one whose place it takes.

    Both receive until the new one has certainly been found, and a new one is told again what a
    publisher has latched; `seen`, which passes on to it, tells what came twice.
    """

    subscription: Subscription
    demand: _Demand
    publishers: int
    former: Subscription | None = None
    seen: dict[tuple[int, int], None] = field(default_factory=dict)
    looks_together: int = 0

    def comes_again(self, info: dict[str, Any]) -> bool:
        """Whether another subscription has already received this message."""
        key = (info["source_timestamp"], info["publication_sequence_number"])
        if key in self.seen:
            return bool(key[0])
        self.seen[key] = None
        if len(self.seen) > DEPTH:
            del self.seen[next(iter(self.seen))]
        return False


class RawTopics:
    """Subscribes to every topic that `wanted` accepts.

    `found(topic, latched)` comes before the first message of a topic and again when its
    publishers change what is possible; a UserError there leaves the topic out. `received(name,
    arrival)` comes with every message.
    """

    def __init__(
        self,
        node: Node,
        wanted: Callable[[str], bool],
        found: Callable[[Topic, bool], None],
        received: Callable[[str, Arrival], None],
    ) -> None:
        self._node = node
        self._wanted = wanted
        self._found = found
        self._received = received
        self._topics: dict[str, _Subscribed] = {}
        self._left_out: set[str] = set()
        # With simulated time, a message's log time is simulated too, as in rosbag2.
        self._clock = ArrivalClock(node)
        self._timer = node.create_timer(LOOK_PERIOD_S, self.look)
        self.look()

    @property
    def names(self) -> list[str]:
        """Topics that are subscribed to."""
        return sorted(self._topics)

    def look(self) -> None:
        """Subscribe to topics that are new."""
        self._retire()
        for name, types in self._node.get_topic_names_and_types():
            if name in self._left_out or not self._wanted(name):
                continue
            if len(types) == 1:
                self._update(name, types[0])
            elif name not in self._topics:
                self._leave_out(name, f"has several types, {', '.join(types)}")

    def _update(self, name: str, message_type: str) -> None:
        publishers = self._node.get_publishers_info_by_topic(name)
        demand = _demand(publishers)
        known = self._topics.get(name)
        if known and (known.demand == demand or not publishers):
            known.publishers = len(publishers)
            return
        topic = Topic(name, message_type, tuple(offered_qos(p.qos_profile) for p in publishers))
        try:
            kind = message_class(message_type)
            self._found(topic, demand.latched)
        except UserError as error:
            self._leave_out(name, str(error))
            return
        subscription = self._node.create_subscription(
            kind,
            name,
            self._callback(name),
            _profile(message_type, demand),
            raw=True,
        )
        successor = _Subscribed(subscription, demand, len(publishers))
        if known:
            successor.former, successor.seen = known.subscription, known.seen
            if known.former:
                self._node.destroy_subscription(known.former)
        self._topics[name] = successor

    def _retire(self) -> None:
        """End subscriptions whose successors have been receiving for a while."""
        for topic in self._topics.values():
            if topic.former and topic.subscription.get_publisher_count():
                topic.looks_together += 1
                if topic.looks_together > LOOKS_TOGETHER:
                    self._node.destroy_subscription(topic.former)
                    topic.former = None

    def _callback(self, name: str) -> Callable[..., None]:
        """rclpy looks at the number of arguments, hence no partial; its types know of one only."""

        def take(data: bytes, info: dict[str, Any]) -> None:
            topic = self._topics[name]
            if topic.comes_again(info):
                return
            log_ns = self._clock.time_ns(info)
            sequence = info["publication_sequence_number"] if topic.publishers == 1 else None
            self._received(name, Arrival(log_ns, info["source_timestamp"], sequence, data))

        return take

    def _leave_out(self, name: str, reason: str) -> None:
        self._left_out.add(name)
        self._node.get_logger().warning(f"{name} is not recorded: {reason}")

    def close(self) -> None:
        self._node.destroy_timer(self._timer)
        self._clock.close()
        for topic in self._topics.values():
            self._node.destroy_subscription(topic.subscription)
            if topic.former:
                self._node.destroy_subscription(topic.former)
        self._topics.clear()


def node_of(end: TopicEndpointInfo) -> str:
    """The full name of the node at an endpoint."""
    return f"{end.node_namespace.rstrip('/')}/{end.node_name}"


def message_class(message_type: str) -> type:
    """Python class of a message type such as `std_msgs/msg/String`; UserError if there is none."""
    try:
        found: type = get_message(message_type)
        return found
    except (AttributeError, ModuleNotFoundError, ValueError) as error:
        distribution = os.environ.get("ROS_DISTRO", "jazzy")
        package = message_type.partition("/")[0].replace("_", "-")
        raise UserError(
            f"its type {message_type} is not installed: source the workspace that has it, or "
            f"`apt install ros-{distribution}-{package}`"
        ) from error


def _demand(publishers: list[TopicEndpointInfo]) -> _Demand:
    """The most that all publishers offer; best effort and volatile before there is any."""
    profiles = [publisher.qos_profile for publisher in publishers]
    return _Demand(
        reliable=bool(profiles)
        and all(p.reliability == ReliabilityPolicy.RELIABLE for p in profiles),
        latched=bool(profiles)
        and all(p.durability == DurabilityPolicy.TRANSIENT_LOCAL for p in profiles),
    )


def _profile(message_type: str, demand: _Demand) -> QoSProfile:
    reliability, durability = ReliabilityPolicy.BEST_EFFORT, DurabilityPolicy.VOLATILE
    if demand.reliable:
        reliability = ReliabilityPolicy.RELIABLE
    if demand.latched:
        durability = DurabilityPolicy.TRANSIENT_LOCAL
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=PICTURE_DEPTH if message_type in PICTURE_TYPES else DEPTH,
        reliability=reliability,
        durability=durability,
    )


def offered_qos(profile: QoSProfile) -> Qos:
    """The QoS that a publisher offers, as bags store it."""
    return {
        "history": profile.history.name.lower(),
        "depth": profile.depth,
        "reliability": profile.reliability.name.lower(),
        "durability": profile.durability.name.lower(),
        "deadline": _duration(profile.deadline),
        "lifespan": _duration(profile.lifespan),
        "liveliness": profile.liveliness.name.lower(),
        "liveliness_lease_duration": _duration(profile.liveliness_lease_duration),
        "avoid_ros_namespace_conventions": profile.avoid_ros_namespace_conventions,
    }


def _duration(duration: Duration) -> dict[str, int]:
    seconds, nanoseconds = divmod(duration.nanoseconds, NS)
    return {"sec": seconds, "nsec": nanoseconds}
