"""Which topics of a bag carry a robot's streams and commands."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from groot_ros.cameras.catalog import found_type
from groot_ros.codecs.codec import Codec
from groot_ros.codecs.parts import REACHED
from groot_ros.data.bags.reader import Bag, TopicInfo
from groot_ros.data.bags.storage import BagError
from groot_ros.data.playback.label_tracks import LabelTopic
from groot_ros.errors import UserError
from groot_ros.observation.label_messages import label_topics, label_types
from groot_ros.observation.routes import Route, merged
from groot_ros.observation.signal_messages import JOINT_STATE, TRANSFORMS
from groot_ros.robot.config import RobotConfig
from groot_ros.robot.labels import GRIPPER_COMMAND, GripLabel, Label
from groot_ros.robot.labels import REACHED as REACHED_LABEL
from groot_ros.robot.topic import absolute
from groot_ros.signals.signals import GRIP, SignalSpec

EVENT_TOPIC = "episode_events"
# Of names that one is most likely meant to be the other.
NEAR = 0.8


def find_streams(bag: Bag, routes: Sequence[Route], namespace: str) -> dict[str, Route]:
    """Routes by the topic's name in the bag; a camera's has the type that the bag holds.

    BagError for a topic that is missing or another type.
    """
    found = held_streams(bag, routes, namespace)
    for route in routes:
        name = absolute(route.topic, namespace)
        held = found[name].streams if name in found else ()
        is_held = set(route.streams) <= set(held)
        if not is_held and not (route.is_latched and name not in bag.topics):
            hint = (
                _joint_hint(bag, name, "observations.grip")
                if any(stream.endswith(GRIP.name) for stream in route.streams)
                else ""
            )
            use = f"the robot file's {' and '.join(route.streams)}"
            _check(bag, name, types=route.types, use=use, hint=hint)
    return found


def held_streams(bag: Bag, routes: Sequence[Route], namespace: str) -> dict[str, Route]:
    """Those of `find_streams` that the bag holds, without the others."""
    found: dict[str, Route] = {}
    for route in routes:
        name = absolute(route.topic, namespace)
        if (info := bag.topics.get(name)) is None:
            continue
        if route.is_camera:
            route = replace(route, type_name=found_type(route.type_name, info.counts))
        elif held := route.among(info.counts):
            route = held
        if route.type_name not in info.counts:
            continue
        other = found.get(name)
        if other and other.type_name == route.type_name and not route.is_camera:
            # Both take the type that the bag holds, whichever each of them expected.
            [route] = merged([replace(other, topic=route.topic), route])
        found[name] = route
    return found


def find_labels(bag: Bag, robot: RobotConfig, codec: Codec, namespace: str) -> list[LabelTopic]:
    """Topics of a bag with the labels of `wanted_labels`, without those that are reached.

    BagError for one that is missing or of another type.
    """
    hint = "; without commands choose a codec that ends in _traj, which learns what was reached"
    found = []
    for spec, label in wanted_labels(robot, codec).items():
        if topic := held_label(bag, robot, spec=spec, label=label, namespace=namespace):
            found.append(topic)
        elif not is_reached(label):
            types, use = tuple(label_types(label)), f"the labels of codec {codec.name}"
            name = absolute(label.topic, namespace)
            is_jointless = isinstance(label, GripLabel) and label.key == label.place
            joint = _joint_hint(bag, name, label.key) if is_jointless else ""
            _check(bag, name, types=types, use=use, hint=joint + hint)
    return found


def held_label(
    bag: Bag, robot: RobotConfig, spec: SignalSpec, label: Label, namespace: str
) -> LabelTopic | None:
    """Where a bag holds a label; None where it does not."""
    for topic, kinds in label_topics(label).items():
        name = absolute(topic, namespace)
        counts = bag.topics[name].counts if name in bag.topics else {}
        for type_name, kind in kinds.items():
            if type_name in counts and not (is_reached(label) and bag.obstacle(name)):
                return LabelTopic(
                    topic=name,
                    type_name=type_name,
                    kind=kind,
                    signal=spec,
                    label=label,
                    base_frame=robot.arm_of(spec.name).base_frame,
                )
    return None


def labelled(robot: RobotConfig) -> dict[SignalSpec, Label]:
    """The labels of a robot file by their signals."""
    observed = robot.observations

    def spec(name: str, label: Label) -> SignalSpec:
        return (
            observed.spec(name) if name in observed.signals else replace(label.signal, name=name)
        )

    return {spec(name, label): label for name, label in robot.labels.items()}


def is_reached(label: Label) -> bool:
    """Whether what was reached stands for commands that a bag does not hold."""
    return label.type in (GRIPPER_COMMAND, REACHED_LABEL)


def wanted_labels(robot: RobotConfig, codec: Codec) -> dict[SignalSpec, Label]:
    """Where the commands are that a codec learns; none of what it learns as it was reached.

    UserError when the robot file names no topic.
    """
    if codec.action.ignored:
        raise UserError(
            f"codec {codec.name} ignores actions ({', '.join(codec.action.ignored)}): it runs a "
            "checkpoint and makes no dataset, for which every action needs a signal"
        )
    labels = {}
    for part in codec.action.parts:
        name = part.signal.name
        if part.label == REACHED:
            continue
        if name not in robot.labels:
            raise UserError(
                f"robot {robot.name} has no topic at labels.{name} or commands.{name}, the labels "
                f"of codec {codec.name}: add it to the robot file, or choose a codec that learns "
                f"what it has labels of ({', '.join(robot.labels) or 'nothing'}), or one that "
                "ends in _traj"
            )
        labels[part.signal] = robot.labels[name]
    return labels


def _joint_hint(bag: Bag, name: str, key: str) -> str:
    """What to do where a gripper's topic is one of joints."""
    is_of_joints = name in bag.topics and JOINT_STATE in bag.topics[name].counts
    return f", or one of its joints at {key}.joint" if is_of_joints else ""


def _check(bag: Bag, name: str, types: Sequence[str], use: str, hint: str = "") -> None:
    info = bag.topics.get(name)
    if info is None:
        near = _near(name, bag.topics)
        raise BagError(
            f"bag {bag.path} has no topic {name} for {use}; it has "
            f"{', '.join(sorted(bag.topics)) or 'none'}"
            + (f": did you mean {near}? Name it in the robot file" if near else "")
            + hint
        )
    if not any(type_name in info.counts for type_name in types):
        if TRANSFORMS in info.counts:
            hint = f"; of {name} `tf: LINK` in place of `topic` reads the pose of a link"
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
    if len(ending) == 1:
        return ending[0]
    near = difflib.get_close_matches(name, topics, n=1, cutoff=NEAR)
    return near[0] if near else ""
