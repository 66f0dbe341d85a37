"""Plays a bag back on its topics, for `ros2 bag play` with ROS from wheels."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rosbags.highlevel import AnyReader
from rosbags.interfaces import Connection, ConnectionExtRosbag2, QosDurability, QosReliability
from rosgraph_msgs.msg import Clock

from groot_ros.errors import UserError
from groot_ros.nodes.messages import to_time
from groot_ros.nodes.raw_topics import message_class
from groot_ros.observation.fields import NS

# How long the publishers, which have just appeared, wait for a subscriber each.
DISCOVERY_S = 2.0
DISCOVERY_PERIOD_S = 0.02
# For reliable subscribers to get the last messages before the publishers go.
ACKNOWLEDGE_S = 2.0
DEPTH = 100


@dataclass(frozen=True)
class PlayOptions:
    """How a bag is played: `rate` times as fast, `start_s` after its beginning, ...

    `topics` empty plays all; `remap` gives topics other names; `clock_hz` 0 publishes no clock.
    """

    rate: float = 1.0
    start_s: float = 0.0
    duration_s: float = float("inf")
    topics: Collection[str] = ()
    excluded: Collection[str] = ()
    remap: Mapping[str, str] = field(default_factory=dict)
    clock_hz: float = 0.0
    loop: bool = False


class BagPlayer:
    """Publishes a bag's serialised messages at their times; `stop` ends it from any thread."""

    def __init__(self, node: Node, bag: Path, options: PlayOptions) -> None:
        self._node = node
        self._options = options
        self._stopped = threading.Event()
        self._reader = AnyReader([bag])
        self._reader.open()
        self._connections = [c for c in self._reader.connections if self._is_played(c.topic)]
        if missing := set(options.topics) - {c.topic for c in self._connections}:
            raise UserError(f"{bag} has no topic {', '.join(sorted(missing))}")
        self._publishers = {c.topic: self._publisher(c) for c in self._connections}
        self._begin_ns = self._reader.start_time + int(options.start_s * NS)
        # Bag time in ns = _begin_ns + (monotonic time - _started_s) * rate.
        self._started_s = 0.0

    def _is_played(self, topic: str) -> bool:
        chosen = not self._options.topics or topic in self._options.topics
        return chosen and topic not in self._options.excluded

    def _publisher(self, connection: Connection) -> Publisher:
        topic = self._options.remap.get(connection.topic, connection.topic)
        kind = message_class(connection.msgtype)
        return self._node.create_publisher(kind, topic, _profile(connection))

    def play(self) -> int:
        """Play the bag, again and again with `loop`; the number of messages published."""
        self._wait_for_subscribers()
        published = 0
        while not self._stopped.is_set():
            published += self._play_once()
            if not self._options.loop:
                break
        for publisher in self._publishers.values():
            publisher.wait_for_all_acked(Duration(seconds=ACKNOWLEDGE_S))
        self._reader.close()
        return published

    def _wait_for_subscribers(self) -> None:
        deadline_s = time.monotonic() + DISCOVERY_S
        while not all(p.get_subscription_count() for p in self._publishers.values()):
            if self._stopped.wait(DISCOVERY_PERIOD_S) or time.monotonic() > deadline_s:
                return

    def _play_once(self) -> int:
        self._started_s = time.monotonic()
        ended = threading.Event()
        clock = threading.Thread(target=self._publish_clock, args=(ended,), daemon=True)
        if self._options.clock_hz > 0:
            clock.start()
        published = 0
        for topic, bag_ns, data in self._messages():
            due_s = self._started_s + (bag_ns - self._begin_ns) / NS / self._options.rate
            if self._stopped.wait(max(0.0, due_s - time.monotonic())):
                break
            self._publishers[topic].publish(data)
            published += 1
        ended.set()
        return published

    def _messages(self) -> Iterator[tuple[str, int, bytes]]:
        stop_ns = None
        if self._options.duration_s < float("inf"):
            stop_ns = self._begin_ns + int(self._options.duration_s * NS)
        messages = self._reader.messages(self._connections, self._begin_ns, stop_ns)
        for connection, bag_ns, data in messages:
            yield connection.topic, bag_ns, bytes(data)

    def _publish_clock(self, ended: threading.Event) -> None:
        publisher = self._node.create_publisher(Clock, "/clock", 10)
        while not (ended.wait(1 / self._options.clock_hz) or self._stopped.is_set()):
            elapsed_s = (time.monotonic() - self._started_s) * self._options.rate
            now_ns = self._begin_ns + int(elapsed_s * NS)
            publisher.publish(Clock(clock=to_time(now_ns)))
        self._node.destroy_publisher(publisher)

    def stop(self) -> None:
        """Request the end of the playback."""
        self._stopped.set()


def _profile(connection: Connection) -> QoSProfile:
    """What the recorded publishers offered, the weaker where they differ."""
    extension = connection.ext
    offered = extension.offered_qos_profiles if isinstance(extension, ConnectionExtRosbag2) else []
    reliability, durability = ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE
    if any(qos.reliability == QosReliability.BEST_EFFORT for qos in offered):
        reliability = ReliabilityPolicy.BEST_EFFORT
    if offered and all(qos.durability == QosDurability.TRANSIENT_LOCAL for qos in offered):
        durability = DurabilityPolicy.TRANSIENT_LOCAL
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=DEPTH,
        reliability=reliability,
        durability=durability,
    )
