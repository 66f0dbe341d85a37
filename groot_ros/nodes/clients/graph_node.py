"""A node that looks who is at every topic of the graph."""

from __future__ import annotations

from collections.abc import Iterator

from rclpy.qos import QoSCompatibility, qos_check_compatible
from rclpy.topic_endpoint_info import TopicEndpointInfo, TopicEndpointTypeEnum

from groot_ros.doctor.graph import Endpoint, Mismatch
from groot_ros.nodes.clients.topic_listener import TopicListener
from groot_ros.nodes.raw_topics import message_class, node_of

OWN_MESSAGES = "groot_ros_msgs/msg/"


class GraphNode(TopicListener):
    """Listens as a TopicListener does; `endpoints` and `mismatches` are of the graph now.

    It subscribes to the topics of groot_ros_msgs, so that the definitions that it was built with
    are among those that are compared.
    """

    def subscribe_own(self) -> None:
        """Subscribe to every topic of groot_ros's own messages."""
        for topic, types in self.get_topic_names_and_types():
            if types[0].startswith(OWN_MESSAGES):
                self.create_subscription(message_class(types[0]), topic, lambda _: None, 1)

    def endpoints(self) -> list[Endpoint]:
        """Publishers and subscribers of all topics."""
        return [
            Endpoint(
                topic=topic,
                node=node_of(end),
                type_name=end.topic_type,
                type_hash=_hash(end),
                is_publisher=end.endpoint_type == TopicEndpointTypeEnum.PUBLISHER,
            )
            for topic, *both in self._ends()
            for ends in both
            for end in ends
        ]

    def mismatches(self) -> list[Mismatch]:
        """Pairs that the middleware does not connect for their quality of service."""
        own = self.get_fully_qualified_name()
        return [
            Mismatch(topic=topic, publisher=node_of(pub), subscriber=node_of(sub), reason=reason)
            for topic, publishers, subscribers in self._ends()
            for pub in publishers
            for sub in subscribers
            if node_of(sub) != own
            for reason in _obstacles(pub, sub)
        ]

    def _ends(self) -> Iterator[tuple[str, list[TopicEndpointInfo], list[TopicEndpointInfo]]]:
        """Each topic with its publishers and its subscribers."""
        for topic, _ in self.get_topic_names_and_types():
            publishers = self.get_publishers_info_by_topic(topic)
            yield topic, publishers, self.get_subscriptions_info_by_topic(topic)


def _hash(end: TopicEndpointInfo) -> str:
    found = getattr(end, "topic_type_hash", None)
    # ROS 2 before Jazzy has none, and middlewares may not tell one.
    return bytes(found.value).hex() if found is not None and found.version > 0 else ""


def _obstacles(pub: TopicEndpointInfo, sub: TopicEndpointInfo) -> Iterator[str]:
    compatibility, reason = qos_check_compatible(pub.qos_profile, sub.qos_profile)
    if compatibility == QoSCompatibility.ERROR:
        yield reason.removeprefix("ERROR: ").strip().rstrip(";")
