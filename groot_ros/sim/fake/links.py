"""The topics between a robot and everybody else, of those that its robot file names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from groot_ros.cameras.compressed_image import COMPRESSED_IMAGE
from groot_ros.cameras.image import IMAGE
from groot_ros.observation.named_topics import NamedTopic, named_topics
from groot_ros.observation.signal_messages import FLOAT, JOINT_STATE, POSE, TRANSFORMS
from groot_ros.robot.config import RobotConfig

TOLD = (JOINT_STATE, POSE, TRANSFORMS, FLOAT, IMAGE, COMPRESSED_IMAGE)
"""What a fake robot publishes."""


def robot_links(robot: RobotConfig) -> tuple[NamedTopic, ...]:
    """Topics that a fake robot publishes or listens to, each once, of the one type that it has
    there, with the keys of the robot file that name it."""
    merged: dict[tuple[str, str], NamedTopic] = {}
    for link in _links(robot):
        place = link.topic, link.types[0]
        if other := merged.get(place):
            keys = f"{other.key} and {link.key}"
            merged[place] = replace(other, key=keys, is_sent=other.is_sent or link.is_sent)
        else:
            merged[place] = link
    return tuple(merged.values())


def _links(robot: RobotConfig) -> Iterator[NamedTopic]:
    for named in named_topics(robot):
        if named.is_command:
            yield named
        elif named.stream and named.stream not in robot.observations.vectors:
            told = next(name for name in named.types if name in TOLD)
            yield replace(named, types=(told,))
