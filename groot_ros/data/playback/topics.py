"""Which topics of a bag carry a robot's streams and commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from groot_ros.cameras.catalog import found_type
from groot_ros.codecs.codec import Codec
from groot_ros.codecs.parts import REACHED
from groot_ros.data.bags.reader import Bag, TopicInfo
from groot_ros.data.bags.storage import BagError
from groot_ros.errors import UserError
from groot_ros.observation.routes import Route
from groot_ros.observation.signal_messages import SignalReader, command_readers
from groot_ros.robot.config import RobotConfig
from groot_ros.signals.kinds import JOINTS
from groot_ros.signals.signals import SignalSpec

EVENT_TOPIC = "episode_events"


def absolute(topic: str, namespace: str = "/") -> str:
    """The name under which a topic of the robot file is in the bag."""
    if topic.startswith("/"):
        return topic
    return f"/{namespace.strip('/')}/{topic}" if namespace.strip("/") else f"/{topic}"


@dataclass(frozen=True)
class CommandTopic:
    """A topic that tells the labels of a signal, and what reads its messages."""

    signal: SignalSpec
    reader: SignalReader


CommandTopics = Mapping[str, CommandTopic]
"""By the topic's name in the bag; empty where the reached values are the labels."""


def find_streams(bag: Bag, routes: Sequence[Route], namespace: str) -> dict[str, Route]:
    """Routes by the topic's name in the bag; a camera's has the type that the bag holds.

    BagError for a topic that is missing or another type.
    """
    found = held_streams(bag, routes, namespace)
    for route in routes:
        if (name := absolute(route.topic, namespace)) not in found:
            _check(bag, name, route.types, f"the robot file's {' and '.join(route.streams)}")
    return found


def held_streams(bag: Bag, routes: Sequence[Route], namespace: str) -> dict[str, Route]:
    """Those of `find_streams` that the bag holds, without the others."""
    found = {}
    for route in routes:
        name = absolute(route.topic, namespace)
        if (info := bag.topics.get(name)) is None:
            continue
        if route.is_camera:
            route = replace(route, type_name=found_type(route.type_name, info.counts))
        if route.type_name in info.counts:
            found[name] = route
    return found


def find_commands(bag: Bag, robot: RobotConfig, codec: Codec, namespace: str) -> CommandTopics:
    """Those of `command_topics`; BagError for one that is missing or of another type."""
    topics = command_topics(robot, codec, namespace)
    hint = "; without commands choose a codec that ends in _traj, which learns the reached pose"
    for topic, command in topics.items():
        types = (command.reader.type_name,)
        _check(bag, topic, types, f"the labels of codec {codec.name}", hint)
    return topics


def command_topics(robot: RobotConfig, codec: Codec, namespace: str = "/") -> CommandTopics:
    """Topics with the labels of a codec; none of them where the reached values are the labels.

    UserError when the robot file names none or bags cannot hold them.
    """
    if codec.action.ignored:
        raise UserError(
            f"codec {codec.name} ignores actions ({', '.join(codec.action.ignored)}): it runs a "
            "checkpoint and makes no dataset, for which every action needs a signal"
        )
    readers = {spec.name: found for spec, found in command_readers(robot).items()}
    topics = {}
    for part in codec.action.parts:
        name = part.signal.name
        if part.label == REACHED:
            continue
        if part.signal.kind == JOINTS:
            raise UserError(
                f"codec {codec.name} needs commanded joint positions, which bags do not hold as "
                "labels: choose a codec with commanded poses or joints_traj"
            )
        if name not in readers:
            raise UserError(
                f"robot {robot.name} has no topic at commands.{name}, the labels of codec "
                f"{codec.name}: add it to the robot file or choose a codec that ends in _traj"
            )
        topic, reader = readers[name]
        topics[absolute(topic, namespace)] = CommandTopic(part.signal, reader)
    return topics


def _check(bag: Bag, name: str, types: Sequence[str], use: str, hint: str = "") -> None:
    info = bag.topics.get(name)
    if info is None:
        near = _near(name, bag.topics)
        raise BagError(
            f"bag {bag.path} has no topic {name}, which {use} needs; it has "
            f"{', '.join(sorted(bag.topics)) or 'none'}"
            + (f": did you mean {near}? Name it in the robot file" if near else "")
            + hint
        )
    if not any(type_name in info.counts for type_name in types):
        raise BagError(
            f"topic {name} of bag {bag.path} is {' and '.join(info.counts)}, expected "
            f"{' or '.join(types)} for {use}: name another topic in the robot file" + hint
        )


def _near(name: str, topics: Mapping[str, TopicInfo]) -> str:
    for topic in sorted(topics):
        if topic == f"{name}/compressed" or name == f"{topic}/compressed":
            return topic
    last = name.rsplit("/", 1)[-1]
    ending = [topic for topic in sorted(topics) if topic.rsplit("/", 1)[-1] == last]
    return ending[0] if len(ending) == 1 else ""
