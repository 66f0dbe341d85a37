"""Setpoints as the messages that a robot's controllers take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64, Float64MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from groot_ros.chunks.chunk import Setpoint
from groot_ros.nodes.messages import NS, pose_stamped, to_duration, to_time
from groot_ros.robot import RobotConfig

DEPTH = 1
Encode = Callable[[Setpoint, int], Any]


def signal_of(robot: RobotConfig) -> str:
    """The field of a Setpoint that the robot's output profile sends."""
    return "ee_pose" if robot.output.profile == "pose" else "joint_position"


def _joint_names(robot: RobotConfig) -> list[str]:
    stream = robot.observations.joint_position
    return list(stream.joints) if stream else []


def _pose_encoder(robot: RobotConfig) -> Encode:
    def encode(setpoint: Setpoint, stamp_ns: int) -> PoseStamped:
        assert setpoint.ee_pose is not None
        return pose_stamped(setpoint.ee_pose, stamp_ns, robot.base_frame)

    return encode


def _joint_state_encoder(robot: RobotConfig) -> Encode:
    def encode(setpoint: Setpoint, stamp_ns: int) -> JointState:
        message = JointState(name=_joint_names(robot), position=setpoint.joint_position)
        message.header.stamp = to_time(stamp_ns)
        return message

    return encode


def _trajectory_encoder(robot: RobotConfig, period_ns: int) -> Encode:
    def encode(setpoint: Setpoint, _: int) -> JointTrajectory:
        # Stamp 0 is "now" for joint_trajectory_controller: the point is one period ahead.
        point = JointTrajectoryPoint(positions=setpoint.joint_position)
        point.time_from_start = to_duration(period_ns)
        return JointTrajectory(joint_names=_joint_names(robot), points=[point])

    return encode


def _array_encoder() -> Encode:
    return lambda setpoint, _: Float64MultiArray(data=setpoint.joint_position)


class CommandPublisher:
    """Publishes setpoints in the profile of a robot file, the gripper as a Float64."""

    def __init__(self, node: Node, robot: RobotConfig, rate_hz: float) -> None:
        kind, encode, topic = {
            "pose": (PoseStamped, _pose_encoder(robot), robot.commands.ee_pose),
            "joint_trajectory": (
                JointTrajectory,
                _trajectory_encoder(robot, int(NS / rate_hz)),
                robot.commands.joint_position,
            ),
            "joint_stream": (Float64MultiArray, _array_encoder(), robot.commands.joint_position),
        }[robot.output.profile]
        assert topic is not None, "the robot file was checked for the topic of its profile"
        self._node = node
        self._encode = encode
        self._motion = node.create_publisher(kind, topic, DEPTH)
        self._grip_command = robot.commands.grip
        self._grip = None
        if self._grip_command:
            self._grip = node.create_publisher(Float64, self._grip_command.topic, DEPTH)

    def send(self, setpoint: Setpoint, stamp_ns: int) -> None:
        self._motion.publish(self._encode(setpoint, stamp_ns))
        if self._grip and self._grip_command and setpoint.grip is not None:
            self._grip.publish(Float64(data=self._grip_command.raw(setpoint.grip)))

    def close(self) -> None:
        for publisher in (self._motion, self._grip):
            if publisher:
                self._node.destroy_publisher(publisher)


class SetpointPublisher:
    """Publishes on ~/setpoint what is, or in a dry run would be, commanded."""

    def __init__(self, node: Node, robot: RobotConfig) -> None:
        pose = signal_of(robot) == "ee_pose"
        self._node = node
        self._encode = _pose_encoder(robot) if pose else _joint_state_encoder(robot)
        kind = PoseStamped if pose else JointState
        self._publisher = node.create_publisher(kind, "~/setpoint", DEPTH)

    def send(self, setpoint: Setpoint, stamp_ns: int) -> None:
        self._publisher.publish(self._encode(setpoint, stamp_ns))

    def close(self) -> None:
        self._node.destroy_publisher(self._publisher)
