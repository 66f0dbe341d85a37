"""Setpoints as the messages that a robot's controllers take."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from geometry_msgs.msg import PoseStamped, TwistStamped
from numpy.typing import NDArray
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray, Header
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from groot_ros.chunks.chunk import Setpoint
from groot_ros.chunks.execution.motion import Motion
from groot_ros.chunks.execution.robot_motion import limits_of, trajectory_grip
from groot_ros.chunks.limits.bounds import Bounds
from groot_ros.chunks.limits.controller_spline import (
    FollowedPoints,
    Points,
    Ramp,
    monotone_rates,
    ramp,
)
from groot_ros.nodes.drivers.command import Command
from groot_ros.nodes.drivers.grippers import GripPublisher, changed, grip_publisher
from groot_ros.nodes.drivers.trajectory_points import grip_time_s, trajectory_points
from groot_ros.nodes.messages import pose_stamped, to_duration, to_time, twist_of
from groot_ros.robot.commands import GRIPPER_COMMAND, GripCommand
from groot_ros.robot.config import RobotConfig
from groot_ros.signals.kinds import JOINTS, POSE
from groot_ros.signals.space import PoseSpace

Array = NDArray[np.float64]

DEPTH = 1
# Times per second that a twist makes up for the distance to the pose that it should lead to.
TWIST_GAIN_HZ = 2.0


class CommandOutput(Protocol):
    """What takes commands: a profile, on one topic, or all that a robot file names."""

    def send(self, command: Command) -> None: ...
    def cease(self) -> bool: ...
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

    def cease(self) -> bool:
        """No command follows for now: asked once a period until it is True, nothing goes on.

        A place that was commanded is an end.
        """
        return True

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
        return setpoint_message(self._robot, command.setpoint, command.stamp_ns)


class TwistOutput(_Stream):
    """TwistStamped for velocity controllers, in the base frame.

    The motion's own velocity, and what is missing to its pose where the robot tells its own; both
    together keep to the limits of velocity and acceleration, and are 0 once commands cease.
    """

    kind = TwistStamped

    def __init__(self, node: Node, topic: str, robot: RobotConfig) -> None:
        super().__init__(node, topic, robot)
        self._bounds = Bounds.of(robot.limits, POSE)
        self._period_s = 1.0 / robot.output.rate_hz
        self._sent = np.zeros(6)

    def message(self, command: Command) -> TwistStamped:
        pose, velocity = command.setpoint.value, command.setpoint.velocity
        assert velocity is not None
        if command.measured is not None:
            velocity = velocity + TWIST_GAIN_HZ * PoseSpace().difference(pose, command.measured)
        return self._twist(self._within(velocity), command.stamp_ns)

    def cease(self) -> bool:
        """A velocity controller goes on as it was told last, so that it is told to stop; what was
        still missing to the pose ends within the limits."""
        stamp_ns = self._node.get_clock().now().nanoseconds
        self._publisher.publish(self._twist(self._within(np.zeros(6)), stamp_ns))
        return not self._sent.any()

    def _within(self, velocity: Array) -> Array:
        """The velocity (6,) that is as near as the limits allow after the last one."""
        bounds = self._bounds
        change = _shortened(velocity, bounds.velocity) - self._sent
        hardest = np.maximum(bounds.acceleration, bounds.deceleration)
        return self._sent + _shortened(change, hardest * self._period_s)

    def _twist(self, velocity: Array, stamp_ns: int) -> TwistStamped:
        self._sent = velocity
        header = Header(stamp=to_time(stamp_ns), frame_id=self._robot.base_frame)
        return TwistStamped(header=header, twist=twist_of(velocity[:3], velocity[3:]))


def _shortened(vector: Array, most: Array) -> Array:
    """Translation and rotation (6,), each no longer than allowed (2,) and in its direction."""
    space = PoseSpace()
    lengths = space.lengths(vector)
    return vector * space.per_axis(np.minimum(1.0, most / np.maximum(lengths, 1e-12)))


class JointStreamOutput(_Stream):
    """Float64MultiArray for forward_command_controller; a gripper may be a number of it.

    Such an array is not sent before anybody has said where the gripper is to be.
    """

    kind = Float64MultiArray

    def __init__(self, node: Node, topic: str, robot: RobotConfig) -> None:
        super().__init__(node, topic, robot)
        grip = robot.commands.grip
        self._grip = grip if grip and grip.is_of_arm else None

    def send(self, command: Command) -> None:
        if self._grip and command.setpoint.closure is None:
            self._node.get_logger().warning(
                "nothing is commanded: the gripper is a number of the arm's commands, and no "
                "chunk has told its closure",
                throttle_duration_sec=10.0,
            )
            return
        super().send(command)

    def message(self, command: Command) -> Float64MultiArray:
        numbers, closure = command.setpoint.value, command.setpoint.closure
        if self._grip and closure is not None:
            numbers = np.insert(numbers, self._grip.index, self._grip.raw(closure))
        return Float64MultiArray(data=numbers)


class JointStateOutput(_Stream):
    """JointState, for looking at what would be commanded."""

    kind = JointState

    def message(self, command: Command) -> JointState:
        return setpoint_message(self._robot, command.setpoint, command.stamp_ns)


class TrajectoryOutput(_Stream):
    """Every new motion as one JointTrajectory for joint_trajectory_controller.

    The first point is where the motion is now, or, on the last message, its controller: it samples
    inside the new one, adds no way of its own and does not jump. The last point is at rest.
    """

    kind = JointTrajectory

    def __init__(self, node: Node, topic: str, robot: RobotConfig) -> None:
        super().__init__(node, topic, robot)
        self._with_velocities = robot.output.has_velocities
        self._bounds = Bounds.of(robot.limits, JOINTS)
        self._grip = trajectory_grip(robot)
        self._grip_speed = limits_of(robot).grip_speed
        self._sent: Motion | None = None
        self._sent_grip: float | None = None
        self._ramp: Ramp | None = None
        self._followed: FollowedPoints | None = None

    def send(self, command: Command) -> None:
        """Publish when the motion, or where the gripper goes, is not what was sent last."""
        grip = command.grip_goal if self._grip else None
        # A goal that hardly changes is not worth another motion of the arm.
        is_same_grip = grip is None or not changed(grip, self._sent_grip)
        if command.motion is self._sent and is_same_grip:
            return
        self._sent, self._sent_grip = command.motion, grip
        self._publisher.publish(self.message(command))

    def cease(self) -> bool:
        """Forget the last trajectory; the next one begins at the known position of the gripper."""
        self._ramp = self._followed = None
        return True

    def message(self, command: Command) -> JointTrajectory:
        least_s = grip_time_s(command, self._grip_speed)
        points = trajectory_points(self._bounds, command, least_s, self._followed)
        self._followed = (
            FollowedPoints(command.stamp_ns, points) if self._with_velocities else None
        )
        closures = None
        if self._grip and command.setpoint.closure is not None:
            # From where the controller has it now, whatever the motion has made of a new goal.
            stamp_ns, start = command.stamp_ns, command.setpoint.closure
            start = self._ramp.closure(stamp_ns) if self._ramp else start
            closures = ramp(points.times_s, start, command.grip_goal, self._grip_speed)
            self._ramp = Ramp(stamp_ns, points.times_s, closures)
        return trajectory_message(
            command.stamp_ns,
            points,
            with_velocities=self._with_velocities,
            names=list(self._robot.joints),
            grip=(self._grip, closures),
        )


def setpoint_message(robot: RobotConfig, setpoint: Setpoint, stamp_ns: int) -> Any:
    """A setpoint to be looked at: PoseStamped, or JointState where joints are commanded."""
    if setpoint.signal.kind == POSE:
        return pose_stamped(setpoint.value, stamp_ns, robot.base_frame)
    header = Header(stamp=to_time(stamp_ns))
    return JointState(header=header, name=list(robot.joints), position=setpoint.value)


def trajectory_message(
    stamp_ns: int,
    points: Points,
    with_velocities: bool,
    names: list[str],
    grip: tuple[GripCommand | None, Array | None],
) -> JointTrajectory:
    """Points at times after the stamp; the gripper, with closures (T,), as one more joint."""
    command, closures = grip
    positions, velocities = points.positions, points.velocities
    if command and closures is not None:
        raw = np.array([command.raw(float(closure)) for closure in closures])
        positions = np.column_stack([positions, raw])
        velocities = np.column_stack([velocities, monotone_rates(points.times_s, raw)])
        names = [*names, command.joint]
    message = JointTrajectory(header=Header(stamp=to_time(stamp_ns)), joint_names=names)
    for index, time_s in enumerate(points.times_s):
        point = JointTrajectoryPoint(positions=positions[index].tolist())
        if with_velocities:
            point.velocities = velocities[index].tolist()
        point.time_from_start = to_duration(round(float(time_s) * 1e9))
        message.points.append(point)
    return message


def command_topics(node: Node, robot: RobotConfig) -> list[str]:
    """The topics on which a robot is commanded, as they are called in the graph."""
    grip = robot.commands.grip
    topics = [robot.command_topic]
    if grip and grip.topic and grip.type != GRIPPER_COMMAND:
        topics.append(grip.topic)
    return [node.resolve_topic_name(topic) for topic in topics]


OUTPUTS: Mapping[str, Callable[[Node, str, RobotConfig], CommandOutput]] = {
    "pose": PoseOutput,
    "twist": TwistOutput,
    "joint_trajectory": TrajectoryOutput,
    "jtc_upsampling": TrajectoryOutput,
    "joint_stream": JointStreamOutput,
}
"""What publishes each profile of `OUTPUT_PROFILES`."""


def arm_output(node: Node, robot: RobotConfig) -> CommandOutput:
    """What publishes the commands of an arm, without its gripper."""
    return OUTPUTS[robot.output.profile](node, robot.command_topic, robot)


class CommandPublisher:
    """Publishes commands in the profile of a robot file, the gripper in its own way."""

    def __init__(self, node: Node, robot: RobotConfig) -> None:
        self._grip: GripPublisher | None = grip_publisher(node, robot.commands.grip)
        self._arm = arm_output(node, robot)

    def send(self, command: Command) -> None:
        self._arm.send(command)
        if self._grip and command.setpoint.closure is not None:
            self._grip.send(command.setpoint.closure)

    def cease(self) -> bool:
        return self._arm.cease()

    def close(self) -> None:
        self._arm.close()
        if self._grip:
            self._grip.close()


class SetpointPublisher:
    """Publishes on ~/setpoint what is, or in a dry run would be, commanded."""

    def __init__(self, node: Node, robot: RobotConfig) -> None:
        output = PoseOutput if robot.output.commanded.kind == POSE else JointStateOutput
        self._output: _Stream = output(node, "~/setpoint", robot)

    def send(self, command: Command) -> None:
        """Publish when somebody listens."""
        if self._output.is_heard:
            self._output.send(command)

    def close(self) -> None:
        self._output.close()
