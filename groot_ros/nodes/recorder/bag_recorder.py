"""Records topics into one bag until it is stopped, for `ros2 bag record` with ROS from wheels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rclpy.node import Node

from groot_ros.data.bags.background_writer import BackgroundBag, BackgroundWriter
from groot_ros.data.bags.message_definitions import find_definition
from groot_ros.data.bags.metadata import Topic
from groot_ros.data.recording.episode_recorder import Arrival
from groot_ros.nodes.raw_topics import RawTopics

BUFFER_BYTES = 512 * 2**20
SPLIT_PERIOD_S = 0.2
CLOSE_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class TopicChoice:
    """Which topics are recorded: the named ones, those that a pattern fits, or all."""

    names: frozenset[str] = frozenset()
    regex: str = ""
    everything: bool = False
    excluded_names: frozenset[str] = frozenset()
    excluded_regex: str = ""
    hidden: bool = False

    def accepts(self, topic: str) -> bool:
        if topic in self.excluded_names:
            return False
        if self.excluded_regex and re.search(self.excluded_regex, topic):
            return False
        if topic in self.names:
            return True
        if not self.hidden and any(token.startswith("_") for token in topic.split("/")):
            return False
        return self.everything or bool(self.regex and re.search(self.regex, topic))


@dataclass(frozen=True)
class Split:
    """When a bag goes on in a new file; 0 for never."""

    seconds: float = 0.0
    bytes: int = 0


class BagRecorder:
    """One bag at `path` of everything that is accepted, on a node that somebody else spins."""

    def __init__(
        self, node: Node, path: Path, choice: TopicChoice, split: Split, compress: bool
    ) -> None:
        self._node = node
        self._split = split
        self._topics: dict[str, Topic] = {}
        self._bag = BackgroundBag(path, compress)
        self._writer = BackgroundWriter(BUFFER_BYTES)
        self._writer.open(self._bag, {})
        self.lost = 0
        self._raw_topics = RawTopics(node, choice.accepts, self._found, self._received)
        self._timer = node.create_timer(SPLIT_PERIOD_S, self._ask_for_split)

    @property
    def topics(self) -> Sequence[str]:
        """Topics that are recorded so far."""
        return self._raw_topics.names

    @property
    def failure(self) -> str:
        """Why nothing more is written, if so."""
        return self._bag.failure

    def _found(self, topic: Topic, latched: bool) -> None:
        find_definition(topic.type)
        self._topics[topic.name] = topic

    def _received(self, name: str, arrival: Arrival) -> None:
        topic = self._topics[name]
        if not self._writer.write(
            self._bag,
            topic,
            log_ns=arrival.log_ns,
            publish_ns=arrival.publish_ns,
            data=arrival.data,
        ):
            self.lost += 1

    def _ask_for_split(self) -> None:
        self._writer.submit(self._bag, self._split_if_due)

    def _split_if_due(self) -> None:
        """On the writer's thread."""
        writer, split = self._bag.writer, self._split
        if writer is None or self._bag.failure:
            return
        if (0 < split.bytes <= writer.file_bytes) or (0 < split.seconds <= writer.file_seconds):
            writer.split()

    def close(self) -> int:
        """Finish the bag; the number of messages in it."""
        self._node.destroy_timer(self._timer)
        self._raw_topics.close()
        self._writer.release(self._bag, self._finish)
        self._writer.close(CLOSE_TIMEOUT_S)
        return self._bag.writer.messages if self._bag.writer else 0

    def _finish(self) -> None:
        if self._bag.writer and not self._bag.failure:
            self._bag.writer.finish()
