"""Setpoints as the messages that a robot's controllers take."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Protocol

import numpy as np
from geometry_msgs.msg import PoseStamped, TwistStamped
from numpy.typing import NDArray
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray, Header
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from groot_ros.chunks.chunk import Setpoint
from groot_ros.chunks.execution.gripper import Closures
from groot_ros.chunks.execution.motion import Motion
from groot_ros.chunks.execution.robot_motion import limits_of, trajectory_grip
from groot_ros.chunks.limits.bounds import Bounds
from groot_ros.chunks.limits.controller_spline import (
    Followed,
    Points,
    Ramp,
    controller_excess,
    interpolated,
    led_over,
    monotone_rates,
    ramp,
)
from groot_ros.nodes.drivers.grippers import GripPublisher, changed, grip_publisher
from groot_ros.nodes.messages import pose_stamped, to_duration, to_time, twist_of
from groot_ros.robot.commands import GRIPPER_COMMAND, GripCommand
from groot_ros.robot.config import RobotConfig
from groot_ros.signals.kinds import JOINTS, POSE
from groot_ros.signals.signals import GRIP
from groot_ros.signals.space import PoseSpace

Array = NDArray[np.float64]

DEPTH = 1
# Times per second that a twist makes up for the distance to the pose that it should lead to.
TWIST_GAIN_HZ = 2.0
# A trajectory's points are about this far apart, nearer where a controller's cubics need it.
POINT_SPACINGS_S = (0.04, 0.02, 0.01)
# The velocity now is that of the last command and of the way that the motion goes in this time.
AHEAD_S = 0.005
# A controller that is farther (rad or m) from the motion is where another one began.
NEAR = 0.05
# Between its points a controller is no farther (rad or m) from the motion where that can be.
MOST_ASTRAY = 1e-4
# What lies between is gone over within a point, or longer where the limits want it.
LED_OVER_S = (0.0, 0.1, 0.2)


@dataclass(frozen=True)
class Command:
    """What to send now: the setpoint, the whole motion that it belongs to, where the robot is.

    `time_ns` is when that is in the motion's own time, `measured` (7,) the end-effector pose, for
    profiles that need it, `grip_goals` the closures that the grippers go to.
    """

    setpoint: Setpoint
    motion: Motion
    stamp_ns: int
    time_ns: int
    measured: Array | None = None
    grip_goals: Closures = field(default_factory=dict)

    @property
    def grip_goal(self) -> float | None:
        """Where the only gripper goes."""
        return self.grip_goals.get(GRIP.name)


class Output(Protocol):
    """What takes commands: a profile, on one topic, or all that a robot file names."""

    def send(self, command: Command) -> None: ...
    def cease(self) -> None: ...
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

    def cease(self) -> None:
        """No command follows for now; a place that was commanded is an end."""
        return

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

    def cease(self) -> None:
        """A velocity controller goes on as it was told last."""
        self._publisher.publish(self._twist(np.zeros(6), self._node.get_clock().now().nanoseconds))

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
    inside the new one, adds no way of its own and does not jump. The last point is at rest. `with_velocities` False leaves the
    velocities to a controller that upsamples positions.
    """

    kind = JointTrajectory

    def __init__(
        self, node: Node, topic: str, robot: RobotConfig, with_velocities: bool = True
    ) -> None:
        super().__init__(node, topic, robot)
        self._with_velocities = with_velocities
        self._bounds = Bounds.of(robot.limits, JOINTS)
        self._grip = trajectory_grip(robot)
        self._grip_speed = limits_of(robot).grip_speed
        self._sent: Motion | None = None
        self._sent_grip: float | None = None
        self._ramp: Ramp | None = None
        self._followed: Followed | None = None

    def send(self, command: Command) -> None:
        """Publish when the motion, or where the gripper goes, is not what was sent last."""
        grip = command.grip_goal if self._grip else None
        # A goal that hardly changes is not worth another motion of the arm.
        is_same_grip = grip is None or not changed(grip, self._sent_grip)
        if command.motion is self._sent and is_same_grip:
            return
        self._sent, self._sent_grip = command.motion, grip
        self._publisher.publish(self.message(command))

    def cease(self) -> None:
        """The next motion begins anew, its gripper where it is known to be."""
        self._ramp = self._followed = None

    def message(self, command: Command) -> JointTrajectory:
        least_s = _grip_time_s(command, self._grip_speed)
        points = trajectory_points(self._bounds, command, least_s, self._followed)
        self._followed = Followed(command.stamp_ns, points) if self._with_velocities else None
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


def trajectory_points(
    bounds: Bounds, command: Command, least_s: float, followed: Followed | None = None
) -> Points:
    """A motion from now on, as points between which a controller's cubics keep to the bounds; at
    least `least_s` long.

    `followed` is what the controller follows: where it is on that is not quite where the motion
    is, whose points are led over from there.
    """
    start, before = _start(command, followed)
    best, least = None, np.inf
    for spacing_s, within_s in product(POINT_SPACINGS_S, LED_OVER_S if followed else (0.0,)):
        points = _points(command, spacing_s, least_s)
        astray = _astray(command, points) / MOST_ASTRAY
        if start:
            points = led_over(points, *start, max(within_s, spacing_s))
        found = max(controller_excess(bounds, points, before), astray)
        if found < least:
            best, least = points, found
        if least <= 1.0:
            break
    assert best is not None
    return best


def _start(
    command: Command, followed: Followed | None
) -> tuple[tuple[Array, Array] | None, Array | None]:
    """Position and velocity where the controller is, and where it was before; None where the
    motion begins elsewhere."""
    if followed is None:
        return None, None
    position, velocity = followed.state(command.stamp_ns)
    if np.any(np.abs(position - command.setpoint.value) > NEAR):
        return None, None
    return (position, velocity), followed.before(command.stamp_ns)


def _points(command: Command, spacing_s: float, least_s: float) -> Points:
    motion, setpoint = command.motion, command.setpoint
    assert setpoint.velocity is not None
    past_s = (command.time_ns - motion.start_ns) / 1e9
    left_s = max(motion.curve.duration_s - past_s, 0.0)
    count = max(1, round(max(left_s, least_s) / spacing_s))
    times_s = np.linspace(0.0, max(left_s, least_s, spacing_s), count + 1)
    positions, velocities = motion.curve.state(past_s + times_s)
    positions, velocities = positions.copy(), velocities.copy()
    positions[0], velocities[-1] = setpoint.value, 0.0
    ahead = (motion.curve.at(past_s + AHEAD_S) - positions[0]) / AHEAD_S
    velocities[0] = (setpoint.velocity + ahead) / 2
    return Points(times_s, positions, velocities)


def _astray(command: Command, points: Points) -> float:
    """How far from the motion the cubics come: the next message begins there."""
    at_s: Array = np.arange(0.0, points.times_s[-1], POINT_SPACINGS_S[-1])
    past_s = (command.time_ns - command.motion.start_ns) / 1e9
    away = interpolated(points, at_s) - command.motion.curve.at(past_s + at_s)
    # From the setpoint on it has the first point to get there.
    return float(np.abs(away[at_s >= points.times_s[1]]).max(initial=0.0))


def _grip_time_s(command: Command, speed: float | None) -> float:
    """How long the gripper still moves."""
    closure, goal = command.setpoint.closure, command.grip_goal
    if closure is None or goal is None or speed is None:
        return 0.0
    return abs(goal - closure) / speed


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
    topics = [_arm_topic(robot)]
    if grip and grip.topic and grip.type != GRIPPER_COMMAND:
        topics.append(grip.topic)
    return [node.resolve_topic_name(topic) for topic in topics]


def _arm_topic(robot: RobotConfig) -> str:
    commands = robot.commands
    topics = {"pose": commands.ee_pose, "twist": commands.twist}
    topic = topics.get(robot.output.profile, commands.joint_position)
    assert topic is not None, "the robot file was checked for the topic of its profile"
    return topic


def arm_output(node: Node, robot: RobotConfig) -> Output:
    """What publishes the commands of an arm, without its gripper."""
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
        self._arm = arm_output(node, robot)

    def send(self, command: Command) -> None:
        self._arm.send(command)
        if self._grip and command.setpoint.closure is not None:
            self._grip.send(command.setpoint.closure)

    def cease(self) -> None:
        self._arm.cease()

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
