"""A node that listens for a while to all that a robot says, and looks who is at its topics."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

import rclpy
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy
from rclpy.serialization import deserialize_message
from rclpy.topic_endpoint_info import TopicEndpointInfo

from groot_ros.cameras.catalog import CAMERA_TYPES
from groot_ros.data.bags.metadata import Topic
from groot_ros.data.recording.episode_recorder import Arrival
from groot_ros.nodes.raw_topics import RawTopics, message_class, node_of
from groot_ros.robot.drafting.roles import LOOKED_AT
from groot_ros.robot.drafting.seen import SeenTopic

SPIN_S = 0.1
# Of a camera so many messages tell size and clock; decoding all would take too long.
PICTURES = 30
WATCHED_TYPES = (*LOOKED_AT, *CAMERA_TYPES)


class TopicListener(Node):
    """Fills a SeenTopic for each topic of the graph; its own callbacks alone do so."""

    def __init__(self) -> None:
        super().__init__("watch_topics")
        self.seen: dict[str, SeenTopic] = {}
        self._counts: Counter[str] = Counter()
        self._first_ns: dict[str, int] = {}
        self._last_ns: dict[str, int] = {}
        self._types: dict[str, str] = {}
        self._topics = RawTopics(self, self._is_wanted, self._found, self._received)

    def _is_wanted(self, name: str) -> bool:
        if name not in self._types:
            self._types = {n: types[0] for n, types in self.get_topic_names_and_types()}
        return self._types.get(name) in WATCHED_TYPES

    def _found(self, topic: Topic, latched: bool) -> None:
        self.seen.setdefault(topic.name, SeenTopic(topic.name, topic.type))

    def _received(self, name: str, arrival: Arrival) -> None:
        topic = self.seen[name]
        self._counts[name] += 1
        self._first_ns.setdefault(name, arrival.log_ns)
        self._last_ns[name] = arrival.log_ns
        if not topic.is_camera or self._counts[name] <= PICTURES:
            message = deserialize_message(arrival.data, message_class(topic.type_name))
            topic.add(message, arrival.log_ns)

    def listen(self, seconds: float, look: Callable[[], bool] = lambda: False) -> list[SeenTopic]:
        """All topics after a while, or as soon as `look` says that it was long enough."""
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s and rclpy.ok() and not look():
            rclpy.spin_once(self, timeout_sec=SPIN_S)
        for name, types in self.get_topic_names_and_types():
            topic = self.seen.setdefault(name, SeenTopic(name, types[0]))
            topic.publishers = self._nodes(self.get_publishers_info_by_topic(name))
            ends = self.get_subscriptions_info_by_topic(name)
            topic.subscribers = self._nodes(ends)
            topic.wants_latched = self._nodes([end for end in ends if _wants_latched(end)])
            lasted_ns = self._last_ns.get(name, 0) - self._first_ns.get(name, 0)
            count = self._counts[name]
            topic.finish(count, (count - 1) * 1e9 / lasted_ns if lasted_ns > 0 else 0.0)
        return list(self.seen.values())

    def _nodes(self, ends: list[TopicEndpointInfo]) -> tuple[str, ...]:
        own = self.get_fully_qualified_name()
        return tuple(sorted(name for name in map(node_of, ends) if name != own))

    def close(self) -> None:
        self._topics.close()


def _wants_latched(end: TopicEndpointInfo) -> bool:
    return bool(end.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL)
