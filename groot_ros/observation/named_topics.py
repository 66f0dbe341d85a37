"""Every topic and action that a robot file names, and where: for those who only look at them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from groot_ros.robot.config import RobotConfig
from groot_ros.robot.labels import GRIPPER_COMMAND


@dataclass(frozen=True, kw_only=True)
class NamedTopic:
    """A topic, or an action, at a place of the robot file.

    `key` is that place, `stream` what it observes, empty where it tells what is wanted of the
    robot; observations may be `max_age_s` old.
    """

    topic: str
    key: str
    stream: str = ""
    max_age_s: float = 0.0
    is_action: bool = False


def named_topics(robot: RobotConfig) -> Iterator[NamedTopic]:
    """All places in a robot file that name a topic: observations, then labels, then commands."""
    observed = robot.observations
    for name, stream in observed.signals.items():
        yield NamedTopic(
            topic=stream.topic,
            key=f"observations.{name}",
            stream=name,
            max_age_s=stream.max_age_s,
        )
    for name, camera in observed.cameras.items():
        yield NamedTopic(
            topic=camera.topic,
            key=f"cameras.{name}.topic",
            stream=f"camera {name}",
            max_age_s=camera.max_age_s,
        )
    for label in robot.labels.values():
        if label.topic:
            is_action = label.type == GRIPPER_COMMAND
            yield NamedTopic(topic=label.topic, key=f"{label.key}.topic", is_action=is_action)
    for arm in robot.each_arm:
        yield from _commanded(arm)


def _commanded(arm: RobotConfig) -> Iterator[NamedTopic]:
    commands = arm.commands
    for name, topic in commands.topics.items():
        yield NamedTopic(topic=topic, key=f"commands.{name}.topic")
    if (grip := commands.grip) and grip.topic:
        is_action = grip.type == GRIPPER_COMMAND
        yield NamedTopic(topic=grip.topic, key=f"{grip.key}.topic", is_action=is_action)
