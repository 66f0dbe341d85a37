"""Setpoints as the messages that a robot's controllers take."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from geometry_msgs.msg import PoseStamped, TwistStamped
from numpy.typing import NDArray
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray, Header
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from groot_ros.chunks.chunk import Setpoint
from groot_ros.chunks.motion import Motion
from groot_ros.chunks.space import PoseSpace
from groot_ros.nodes.grippers import GripPublisher, grip_publisher
from groot_ros.nodes.messages import pose_stamped, to_duration, to_time, twist_of
from groot_ros.robot import GripCommand, RobotConfig

Array = NDArray[np.float64]

DEPTH = 1
# Times per second that a twist makes up for the distance to the pose that it should lead to.
TWIST_GAIN_HZ = 2.0
# A trajectory's points are about this far apart; controllers interpolate with the velocities.
POINT_S = 0.04


@dataclass(frozen=True)
class Command:
    """What to send now: the setpoint, the whole motion that it belongs to, where the robot is.

    `measured` (7,) is the end-effector pose, for profiles that need it.
    """

    setpoint: Setpoint
    motion: Motion
    stamp_ns: int
    measured: Array | None = None


class Output(Protocol):
    """What takes commands: a profile, on one topic, or all that a robot file names."""

    def send(self, command: Command) -> None: ...
    def close(self) -> None: ...


class _Stream(ABC):
    """One message for every command."""

    kind: type

    def __init__(self, node: Node, topic: str, robot: RobotConfig) -> None:
        self._node = node
        self._robot = robot
        self._publisher = node.create_publisher(self.kind, topic, DEPTH)

    def send(self, command: Command) -> None:
        self._publisher.publish(self.message(command))

    @property
    def is_heard(self) -> bool:
        return self._publisher.get_subscription_count() > 0

    @abstractmethod
    def message(self, command: Command) -> Any:
        """The command as a message of `kind`."""

    def close(self) -> None:
        self._node.destroy_publisher(self._publisher)


class PoseOutput(_Stream):
    """PoseStamped for Cartesian controllers."""

    kind = PoseStamped

    def message(self, command: Command) -> PoseStamped:
        pose = command.setpoint.ee_pose
        assert pose is not None
        return pose_stamped(pose, command.stamp_ns, self._robot.base_frame)


class TwistOutput(_Stream):
    """TwistStamped for velocity controllers, in the base frame.

    The motion's own velocity, and what is missing to its pose where the robot tells its own.
    """

    kind = TwistStamped

    def message(self, command: Command) -> TwistStamped:
        pose, velocity = command.setpoint.ee_pose, command.setpoint.velocity
        assert pose is not None and velocity is not None
        if command.measured is not None:
            velocity = velocity + TWIST_GAIN_HZ * PoseSpace().difference(pose, command.measured)
        header = Header(stamp=to_time(command.stamp_ns), frame_id=self._robot.base_frame)
        return TwistStamped(header=header, twist=twist_of(velocity[:3], velocity[3:]))


class JointStreamOutput(_Stream):
    """Float64MultiArray for forward_command_controller."""

    kind = Float64MultiArray

    def message(self, command: Command) -> Float64MultiArray:
        return Float64MultiArray(data=command.setpoint.joint_position)


class JointStateOutput(_Stream):
    """JointState, for looking at what would be commanded."""

    kind = JointState

    def message(self, command: Command) -> JointState:
        message = JointState(
            name=_joint_names(self._robot), position=command.setpoint.joint_position
        )
        message.header.stamp = to_time(command.stamp_ns)
        return message


class TrajectoryOutput(_Stream):
    """Every new motion as one JointTrajectory for joint_trajectory_controller.

    The stamp is when the motion began, the last point is at rest. `with_velocities` False leaves
    the velocities to a controller that upsamples positions.
    """

    kind = JointTrajectory

    def __init__(
        self, node: Node, topic: str, robot: RobotConfig, with_velocities: bool = True
    ) -> None:
        super().__init__(node, topic, robot)
        self._with_velocities = with_velocities
        self._grip = _trajectory_grip(robot)
        self._sent: Motion | None = None
        self._sent_grip: float | None = None

    def send(self, command: Command) -> None:
        """Publish when the motion or the grip is another one than was sent last."""
        grip = command.setpoint.grip if self._grip else None
        if command.motion is self._sent and grip == self._sent_grip:
            return
        self._sent, self._sent_grip = command.motion, grip
        self._publisher.publish(self.message(command))

    def message(self, command: Command) -> JointTrajectory:
        motion = command.motion
        end_s = motion.curve.duration_s
        past_s = max(0.0, (command.stamp_ns - motion.start_ns) / 1e9)
        count = max(1, round((end_s - past_s) / POINT_S))
        first_s = min(past_s + POINT_S, max(end_s, past_s))
        times_s = np.linspace(first_s, max(end_s, first_s), count)
        positions, velocities = motion.curve.state(np.minimum(times_s, end_s))
        times_s = np.maximum(times_s, past_s + POINT_S * np.arange(1, count + 1) / count)
        velocities[-1] = 0.0
        return trajectory_message(
            motion.start_ns,
            times_s,
            positions,
            velocities if self._with_velocities else None,
            _joint_names(self._robot),
            (self._grip, command.setpoint.grip),
        )


def trajectory_message(
    stamp_ns: int,
    times_s: Array,
    positions: Array,
    velocities: Array | None,
    names: list[str],
    grip: tuple[GripCommand | None, float | None],
) -> JointTrajectory:
    """Points (T, J) at times (T,) in s after the stamp; the gripper as one more joint."""
    command, closure = grip
    channel = [command.raw(closure)] if command and closure is not None else []
    still = [0.0] * len(channel)
    points = []
    for index, time_s in enumerate(times_s):
        point = JointTrajectoryPoint(positions=[*positions[index].tolist(), *channel])
        if velocities is not None:
            point.velocities = [*velocities[index].tolist(), *still]
        point.time_from_start = to_duration(round(float(time_s) * 1e9))
        points.append(point)
    return JointTrajectory(
        header=Header(stamp=to_time(stamp_ns)),
        joint_names=[*names, *([command.joint] if command and channel else [])],
        points=points,
    )


def _joint_names(robot: RobotConfig) -> list[str]:
    stream = robot.observations.joint_position
    return list(stream.joints) if stream else []


def _trajectory_grip(robot: RobotConfig) -> GripCommand | None:
    grip = robot.commands.grip
    return grip if grip and grip.type == "trajectory" else None


def command_topics(node: Node, robot: RobotConfig) -> list[str]:
    """The topics on which a robot is commanded, as they are called in the graph."""
    grip = robot.commands.grip
    topics = [_arm_topic(robot), *([grip.topic] if grip and grip.type == "float64" else [])]
    return [node.resolve_topic_name(topic) for topic in topics]


def _arm_topic(robot: RobotConfig) -> str:
    commands = robot.commands
    topics = {"pose": commands.ee_pose, "twist": commands.twist}
    topic = topics.get(robot.output.profile, commands.joint_position)
    assert topic is not None, "the robot file was checked for the topic of its profile"
    return topic


def _arm_output(node: Node, robot: RobotConfig) -> Output:
    profile = robot.output.profile
    topic = _arm_topic(robot)
    if profile == "pose":
        return PoseOutput(node, topic, robot)
    if profile == "twist":
        return TwistOutput(node, topic, robot)
    if profile == "joint_stream":
        return JointStreamOutput(node, topic, robot)
    return TrajectoryOutput(node, topic, robot, with_velocities=profile == "joint_trajectory")


class CommandPublisher:
    """Publishes commands in the profile of a robot file, the gripper in its own way."""

    def __init__(self, node: Node, robot: RobotConfig) -> None:
        self._grip: GripPublisher | None = grip_publisher(node, robot.commands.grip)
        self._arm = _arm_output(node, robot)

    def send(self, command: Command) -> None:
        self._arm.send(command)
        if self._grip and command.setpoint.grip is not None:
            self._grip.send(command.setpoint.grip)

    def close(self) -> None:
        self._arm.close()
        if self._grip:
            self._grip.close()


class SetpointPublisher:
    """Publishes on ~/setpoint what is, or in a dry run would be, commanded."""

    def __init__(self, node: Node, robot: RobotConfig) -> None:
        pose = robot.output.commanded == "ee_pose"
        output = PoseOutput if pose else JointStateOutput
        self._output: _Stream = output(node, "~/setpoint", robot)

    def send(self, command: Command) -> None:
        """Publish when somebody listens."""
        if self._output.is_heard:
            self._output.send(command)

    def close(self) -> None:
        self._output.close()
