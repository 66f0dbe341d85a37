"""Gripper commands: a message for every command, or for every change, or an action."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from rclpy.action import ActionClient
from rclpy.node import Node
from std_msgs.msg import Bool, Float32, Float64, Float64MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from groot_ros.errors import UserError
from groot_ros.nodes.messages import to_duration
from groot_ros.robot import commands
from groot_ros.robot.commands import GripCommand

try:
    from control_msgs.action import GripperCommand as GripperCommand
except ImportError:
    GripperCommand = None

DEPTH = 1
# A goal for every command of a closing gripper would be one for each millisecond.
LEAST_CHANGE = 0.01
# A switch closes above the one and opens below the other.
CLOSES, OPENS = 0.6, 0.4
# How long a gripper with a controller of its own takes to a point, at least.
POINT_NS = 100_000_000


class GripPublisher(Protocol):
    """Sends closures in [0, 1]."""

    def send(self, closure: float) -> None: ...
    def close(self) -> None: ...


class MessageGrip:
    """A message for every command; `data_of` makes its data of the raw value."""

    def __init__(
        self, node: Node, command: GripCommand, kind: type, data_of: Callable[[float], Any]
    ) -> None:
        self._node = node
        self._command = command
        self._kind = kind
        self._data_of = data_of
        self._publisher = node.create_publisher(kind, command.topic, DEPTH)

    def send(self, closure: float) -> None:
        data = self._data_of(self._command.raw(closure))
        self._publisher.publish(self._kind(data=data))

    def close(self) -> None:
        self._node.destroy_publisher(self._publisher)


class SwitchGrip(MessageGrip):
    """A Bool for every command, of a gripper that knows two states, such as suction.

    It closes above `CLOSES` and opens below `OPENS`; between them it stays as it is, so that a
    closure that hovers in the middle does not make it flicker.
    """

    def __init__(self, node: Node, command: GripCommand) -> None:
        middle = (command.open + command.closed) / 2
        super().__init__(node, command, Bool, lambda raw: bool(raw > middle))
        self._closed: bool | None = None

    def send(self, closure: float) -> None:
        threshold = 0.5 if self._closed is None else OPENS if self._closed else CLOSES
        self._closed = closure > threshold
        super().send(float(self._closed))


class TrajectoryGrip:
    """A JointTrajectory of one point whenever the closure has changed, for a controller of the
    gripper's own."""

    def __init__(self, node: Node, command: GripCommand) -> None:
        self._node = node
        self._command = command
        self._publisher = node.create_publisher(JointTrajectory, command.topic, DEPTH)
        self._sent: float | None = None

    def send(self, closure: float) -> None:
        if not changed(closure, self._sent):
            return
        self._sent = closure
        point = JointTrajectoryPoint(positions=[self._command.raw(closure)])
        point.time_from_start = to_duration(POINT_NS)
        # Without a stamp it begins as it arrives.
        message = JointTrajectory(joint_names=[self._command.joint], points=[point])
        self._publisher.publish(message)

    def close(self) -> None:
        self._node.destroy_publisher(self._publisher)


def changed(closure: float, sent: float | None) -> bool:
    """Whether a closure is worth a message of its own; the ends of the way are."""
    if sent is None or closure == sent:
        return sent is None
    return abs(closure - sent) >= LEAST_CHANGE or closure in (0.0, 1.0)


class ActionGrip:
    """A goal of GripperCommand whenever the closure has changed."""

    def __init__(self, node: Node, command: GripCommand) -> None:
        if GripperCommand is None:
            raise UserError(
                f"{command.key}.type is gripper_command, which needs the package control_msgs: "
                "install it or use float64"
            )
        self._command = command
        self._client = ActionClient(node, GripperCommand, command.topic)
        self._sent: float | None = None

    def send(self, closure: float) -> None:
        if not changed(closure, self._sent):
            return
        if not self._client.server_is_ready():
            return
        goal = GripperCommand.Goal()
        goal.command.position = self._command.raw(closure)
        goal.command.max_effort = self._command.max_effort
        self._client.send_goal_async(goal)
        self._sent = closure

    def close(self) -> None:
        self._client.destroy()


def grip_publisher(node: Node, command: GripCommand | None) -> GripPublisher | None:
    """What sends the gripper's commands; None where the arm's trajectory holds them."""
    if command is None or command.is_of_arm:
        return None
    if command.type == commands.GRIPPER_COMMAND:
        return ActionGrip(node, command)
    if command.type == commands.TRAJECTORY:
        return TrajectoryGrip(node, command)
    if command.type == commands.BOOL:
        return SwitchGrip(node, command)
    if command.type == commands.ARRAY:
        return MessageGrip(node, command, Float64MultiArray, lambda raw: [raw])
    kind = Float32 if command.type == commands.FLOAT32 else Float64
    return MessageGrip(node, command, kind, float)
