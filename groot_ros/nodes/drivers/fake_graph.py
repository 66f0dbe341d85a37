"""Who else is on the topics of a robot that is only a fake: a real one must not hear a thing."""

from __future__ import annotations

import time
from collections.abc import Iterable

from rclpy.node import Node
from rclpy.topic_endpoint_info import TopicEndpointInfo

from groot_ros.nodes.drivers.command import Command
from groot_ros.nodes.drivers.outputs import CommandOutput
from groot_ros.nodes.raw_topics import node_of
from groot_ros.observation.named_topics import ACTION_STATUS, NamedTopic
from groot_ros.robot.config import RobotConfig
from groot_ros.sim.fake.links import robot_links

FAKE = "fake"
"""Name of the node that stands for the robot."""
# Nodes that look at commands and move nothing, by the beginning of their names.
OBSERVERS = (
    "_ros2cli",
    "foxglove",
    "plotjuggler",
    "recorder",
    "rosbag2",
    "rosbridge",
    "rqt",
    "rviz",
    "watch",
    "witness",
)
# A node that has just appeared has no name yet.
NAMELESS_S = 1.0


class FakeGraph:
    """Looks at the links of a fake robot, from any node of its namespace."""

    def __init__(self, node: Node, links: Iterable[NamedTopic]) -> None:
        self._node = node
        self._links = tuple(links)

    def rivals(self) -> list[str]:
        """What real hardware seems to do on these topics, in sentences; empty: there is none."""
        return [sentence for link in self._links for sentence in self._rivals(link)]

    def _rivals(self, link: NamedTopic) -> list[str]:
        if link.is_action:
            servers = self._others(link.topic + ACTION_STATUS, publish=True)
            return [f"{node_of(info)} serves {link.topic}" for info in servers]
        if not link.is_command:
            publishers = self._others(link.topic, publish=True)
            return [f"{node_of(info)} publishes {link.topic}" for info in publishers]
        return [
            f"{node_of(info)} listens to {link.topic}"
            for info in self._others(link.topic, publish=False)
            if not info.node_name.startswith(OBSERVERS)
        ]

    def gaps(self) -> list[str]:
        """Links with nobody at the other end, or with somebody who expects another type."""
        return [sentence for link in self._links for sentence in self._gaps(link)]

    def _gaps(self, link: NamedTopic) -> list[str]:
        if link.is_action:
            return []
        verb = "publishes" if link.is_command else "listens to"
        ends = self._others(link.topic, publish=link.is_command)
        if not ends and (link.is_sent or not link.is_command):
            return [f"nobody {verb} {link.topic} ({link.key})"]
        return [
            f"{node_of(info)} {verb} {link.topic} as {info.topic_type}, expected {link.types[0]}"
            for info in ends
            if info.topic_type != link.types[0]
        ]

    def _others(self, topic: str, publish: bool) -> list[TopicEndpointInfo]:
        node = self._node
        look = (
            node.get_publishers_info_by_topic if publish else node.get_subscriptions_info_by_topic
        )
        return [info for info in look(node.resolve_topic_name(topic)) if not self._is_fake(info)]

    def _is_fake(self, info: TopicEndpointInfo) -> bool:
        here = info.node_namespace == self._node.get_namespace()
        return bool(here and info.node_name == FAKE)


class FakeOnlyPublisher:
    """Publishes commands as long as nothing but the fake robot would obey them."""

    def __init__(self, node: Node, robot: RobotConfig, commands: CommandOutput) -> None:
        self._node = node
        self._commands = commands
        self._graph = FakeGraph(node, [link for link in robot_links(robot) if link.is_command])
        self._alone_s = time.monotonic()

    def send(self, command: Command) -> None:
        """Publish, unless somebody else listens: then it is logged, once that has lasted."""
        rivals = self._graph.rivals()
        if not rivals:
            self._alone_s = time.monotonic()
            self._commands.send(command)
        elif time.monotonic() - self._alone_s > NAMELESS_S:
            self._node.get_logger().error(
                f"not commanded: {', '.join(rivals)}, and these commands are for a fake robot",
                throttle_duration_sec=5.0,
            )

    def cease(self) -> bool:
        """Nothing more is commanded for now: the fake is told as soon as nobody else listens, and
        is not once somebody has for long."""
        if self._graph.rivals():
            return time.monotonic() - self._alone_s > NAMELESS_S
        self._alone_s = time.monotonic()
        return self._commands.cease()

    def close(self) -> None:
        self._commands.close()
