"""Commands of several arms: to each arm its own, or to all of them on one topic."""

from __future__ import annotations

from dataclasses import replace

from rclpy.node import Node

from groot_ros.chunks.chunk import Setpoint
from groot_ros.chunks.execution.motion import Motion
from groot_ros.chunks.execution.together import places_of
from groot_ros.nodes.drivers.command import Command
from groot_ros.nodes.drivers.grippers import GripPublisher, grip_publisher
from groot_ros.nodes.drivers.outputs import (
    CommandOutput,
    CommandPublisher,
    arm_output,
    command_topics,
)
from groot_ros.robot.commands import Commands
from groot_ros.robot.config import RobotConfig
from groot_ros.robot.streams import JointStream
from groot_ros.signals.signals import GRIP, of_arm


def command_publisher(node: Node, robot: RobotConfig) -> CommandOutput:
    """What publishes the commands of a robot."""
    if robot.spanning_topic:
        return SpanningPublisher(node, robot)
    return ArmsPublisher(node, robot) if robot.arms else CommandPublisher(node, robot)


def all_command_topics(node: Node, robot: RobotConfig) -> list[str]:
    """The topics on which a robot is commanded, as they are called in the graph."""
    topics = [topic for arm in robot.each_arm for topic in command_topics(node, arm)]
    return list(dict.fromkeys(topics))


class ArmsPublisher:
    """Each arm's part of every command in the profile of the robot file."""

    def __init__(self, node: Node, robot: RobotConfig) -> None:
        self._places = places_of(robot)
        self._arms = {name: CommandPublisher(node, arm) for name, arm in robot.arms.items()}
        self._motion: Motion | None = None
        self._parts: dict[str, Motion] = {}

    def send(self, command: Command) -> None:
        """Publish the parts; a motion that is the same for all is the same for each."""
        if command.motion is not self._motion:
            self._motion = command.motion
            self._parts = {
                name: _part(command.motion, place) for name, place in self._places.items()
            }
        for name, arm in self._arms.items():
            arm.send(self._of(name, command))

    def _of(self, name: str, command: Command) -> Command:
        place, grip = self._places[name], of_arm(name, GRIP.name)
        setpoint, measured = command.setpoint, command.measured
        own = Setpoint.of(
            setpoint.signal,
            setpoint.value[place],
            {GRIP.name: setpoint.closure_of(grip)},
            None if setpoint.velocity is None else setpoint.velocity[place],
        )
        return replace(
            command,
            setpoint=own,
            motion=self._parts[name],
            measured=None if measured is None else measured[place],
            grip_goals={GRIP.name: command.grip_goals.get(grip)},
        )

    def cease(self) -> bool:
        return all([arm.cease() for arm in self._arms.values()])

    def close(self) -> None:
        for arm in self._arms.values():
            arm.close()


def _part(motion: Motion, place: slice) -> Motion:
    curve = motion.curve
    own = replace(curve, knots=curve.knots[:, place], velocities=curve.velocities[:, place])
    return replace(motion, curve=own)


class SpanningPublisher:
    """The joints of all arms on one topic, as the joints of one arm would be; each gripper in its
    own way."""

    def __init__(self, node: Node, robot: RobotConfig) -> None:
        self._all = arm_output(node, as_one(robot))
        self._grips: dict[str, GripPublisher] = {}
        for name, arm in robot.arms.items():
            if publisher := grip_publisher(node, arm.commands.grip):
                self._grips[of_arm(name, GRIP.name)] = publisher

    def send(self, command: Command) -> None:
        self._all.send(command)
        for name, grip in self._grips.items():
            if (closure := command.setpoint.closure_of(name)) is not None:
                grip.send(closure)

    def cease(self) -> bool:
        return self._all.cease()

    def close(self) -> None:
        self._all.close()
        for grip in self._grips.values():
            grip.close()


def as_one(robot: RobotConfig) -> RobotConfig:
    """A robot of several arms as one arm with all their joints, by the names in their messages."""
    names = tuple(joint for arm in robot.arms.values() for joint in arm.joints)
    observations = replace(
        robot.observations, arms={}, joint_position=JointStream(robot.spanning_topic, names)
    )
    return replace(
        robot,
        arms={},
        observations=observations,
        commands=Commands(joint_position=robot.spanning_topic),
    )
