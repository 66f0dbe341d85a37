"""Gripper commands: a Float64, or the GripperCommand action where control_msgs is installed."""

from __future__ import annotations

from typing import Protocol

from rclpy.action import ActionClient
from rclpy.node import Node
from std_msgs.msg import Float64

from groot_ros.errors import UserError
from groot_ros.robot.commands import GripCommand

try:
    from control_msgs.action import GripperCommand as GripperCommand
except ImportError:
    GripperCommand = None

DEPTH = 1
# A goal for every command of a closing gripper would be one for each millisecond.
LEAST_CHANGE = 0.01


class GripPublisher(Protocol):
    """Sends closures in [0, 1]."""

    def send(self, closure: float) -> None: ...
    def close(self) -> None: ...


class FloatGrip:
    """A Float64 for every command."""

    def __init__(self, node: Node, command: GripCommand) -> None:
        self._node = node
        self._command = command
        self._publisher = node.create_publisher(Float64, command.topic, DEPTH)

    def send(self, closure: float) -> None:
        self._publisher.publish(Float64(data=self._command.raw(closure)))

    def close(self) -> None:
        self._node.destroy_publisher(self._publisher)


class ActionGrip:
    """A goal of GripperCommand whenever the closure has changed."""

    def __init__(self, node: Node, command: GripCommand) -> None:
        if GripperCommand is None:
            raise UserError(
                "commands.grip.type is gripper_command, which needs the package control_msgs: "
                "install it or use float64"
            )
        self._command = command
        self._client = ActionClient(node, GripperCommand, command.topic)
        self._sent: float | None = None

    def send(self, closure: float) -> None:
        if self._sent is not None and abs(closure - self._sent) < LEAST_CHANGE:
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
    if command is None or command.type == "trajectory":
        return None
    return (
        ActionGrip(node, command)
        if command.type == "gripper_command"
        else FloatGrip(node, command)
    )
