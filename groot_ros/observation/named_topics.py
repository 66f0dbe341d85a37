"""Every topic and action that a robot file names, where, and of which types: for those who only
look at them.

What stores the messages of the same topics is in `routes.py`; both take the types from
`signal_messages.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from groot_ros.cameras.catalog import CAMERA_TYPES, expected_type
from groot_ros.observation.label_messages import TRAJECTORY, label_types
from groot_ros.observation.signal_messages import (
    BOOL,
    FLOAT,
    FLOAT32,
    FLOATS,
    JOINT_STATE,
    TRANSFORMS,
    signal_readers,
)
from groot_ros.robot import commands
from groot_ros.robot.config import RobotConfig
from groot_ros.robot.labels import GRIPPER_COMMAND
from groot_ros.robot.observations import SignalStream
from groot_ros.robot.output import OUTPUT_PROFILES
from groot_ros.robot.pose_stream import ComputedPose, TransformStream
from groot_ros.robot.stream_time import ARRIVAL
from groot_ros.signals.signals import SEPARATOR

GRIPPER_ACTION = "control_msgs/action/GripperCommand"
ACTION_STATUS = "/_action/status"
"""Behind the name of an action: the topic that only its server publishes."""
GRIP_TYPES = {
    commands.FLOAT64: FLOAT,
    commands.FLOAT32: FLOAT32,
    commands.BOOL: BOOL,
    commands.ARRAY: FLOATS,
    commands.TRAJECTORY: TRAJECTORY,
    commands.GRIPPER_COMMAND: GRIPPER_ACTION,
}
"""Of a gripper's commands, by what the robot file calls them."""


@dataclass(frozen=True, kw_only=True)
class NamedTopic:
    """A topic, or an action, at a place of the robot file.

    `key` is that place, `types` are those that it may have, the one that is most likely first.
    `stream` is what it observes, empty where it tells what is wanted of the robot; observations
    may be `max_age_s` old, by `clock`. The robot itself listens to a command; those that are sent
    come from the executor, the others from demonstrators alone.
    """

    topic: str
    key: str
    types: tuple[str, ...]
    stream: str = ""
    max_age_s: float = 0.0
    clock: str = ARRIVAL
    is_action: bool = False
    is_command: bool = False
    is_sent: bool = False


def named_topics(robot: RobotConfig) -> Iterator[NamedTopic]:
    """All places in a robot file that name a topic: observations, then labels, then commands."""
    yield from observed_topics(robot)
    for label in robot.labels.values():
        if label.topic:
            yield NamedTopic(
                topic=label.topic,
                key=label.key,
                types=tuple(label_types(label)),
                is_action=label.type == GRIPPER_COMMAND,
            )
    for name, arm in robot.named_arms.items():
        yield from _commanded(arm, f"arms.{name}." if name else "")


def observed_topics(robot: RobotConfig) -> Iterator[NamedTopic]:
    """The topics of the signals, by their names, then those of the cameras."""
    observed = robot.observations
    for name, stream in observed.signals.items():
        types, clock = _told(stream)
        yield NamedTopic(
            topic=stream.topic,
            key=_place(robot, name),
            types=types,
            stream=name,
            max_age_s=stream.max_age_s,
            clock=clock,
        )
    for name, camera in observed.cameras.items():
        yield NamedTopic(
            topic=camera.topic,
            key=f"cameras.{name}",
            types=tuple(dict.fromkeys((expected_type(camera), *CAMERA_TYPES))),
            stream=f"camera {name}",
            max_age_s=camera.max_age_s,
            clock=camera.clock,
        )


def _told(stream: SignalStream) -> tuple[tuple[str, ...], str]:
    """The types of a signal's topic, and the clock of the first one."""
    if isinstance(stream, TransformStream):
        return (TRANSFORMS,), ARRIVAL
    if isinstance(stream, ComputedPose):
        return (JOINT_STATE,), stream.time.clock
    # Which frame it is in matters to values alone.
    readers = signal_readers(stream, "")
    return tuple(readers), next(iter(readers.values())).time.clock


def _place(robot: RobotConfig, signal: str) -> str:
    if signal in robot.observations.vectors:
        return f"signals.{signal}"
    arm, _, own = signal.rpartition(SEPARATOR)
    return f"arms.{arm}.observations.{own}" if arm else f"observations.{own}"


def _commanded(arm: RobotConfig, place: str) -> Iterator[NamedTopic]:
    own, grip = OUTPUT_PROFILES[arm.output.profile], arm.commands.grip
    profiles = (own, *OUTPUT_PROFILES.values())
    for name, topic in arm.commands.topics.items():
        yield NamedTopic(
            topic=topic,
            key=f"{place}commands.{name}",
            types=(next(profile.message for profile in profiles if profile.command == name),),
            is_command=True,
            is_sent=name == own.command,
        )
    if grip and grip.topic:
        yield NamedTopic(
            topic=grip.topic,
            key=grip.key,
            types=(GRIP_TYPES[grip.type],),
            is_action=grip.type == commands.GRIPPER_COMMAND,
            is_command=True,
            is_sent=True,
        )
