"""What is commanded to a robot, handed to a fake arm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped, TwistStamped
from numpy.typing import NDArray
from rclpy.action import ActionServer
from rclpy.node import Node
from rclpy.task import Future
from std_msgs.msg import Bool, Float32, Float64, Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from groot_ros.errors import UserError
from groot_ros.geometry import normalize_quat
from groot_ros.nodes.drivers.driver_messages import joint_path, warning_of_mistakes
from groot_ros.nodes.drivers.grippers import GripperCommand
from groot_ros.observation.fields import from_pose
from groot_ros.robot.commands import GripCommand
from groot_ros.robot.config import RobotConfig
from groot_ros.sim.fake.arm import FakeArm

Array = NDArray[np.float64]

# As controllers of ros2_control take them.
DEPTH = 10

# What a gripper's commands come as.
GRIP_MESSAGES: dict[str, type] = {
    "float64": Float64,
    "float32": Float32,
    "bool": Bool,
    "array": Float64MultiArray,
    "trajectory": JointTrajectory,
}


class CommandSubscriptions:
    """Listens to every command topic of a robot file; wrong commands are warned of and ignored.

    `arm` is asked for with each command, and is touched in callbacks of the node alone.
    """

    def __init__(self, node: Node, robot: RobotConfig, arm: Callable[[], FakeArm]) -> None:
        self._node = node
        self._robot = robot
        self._arm = arm
        self.counts: Counter[str] = Counter()
        """Commands by topic."""
        commands = robot.commands
        is_stream = robot.output.profile == "joint_stream"
        wanted: list[tuple[type, str | None, Callable[[Any], None]]] = [
            (PoseStamped, commands.ee_pose, self._on_pose),
            (TwistStamped, commands.twist, self._on_twist),
            (Float64MultiArray, commands.joint_position, self._on_joints)
            if is_stream
            else (JointTrajectory, commands.joint_position, self._on_trajectory),
        ]
        self._grip_action: GripAction | None = None
        if commands.grip and commands.grip.topic and commands.grip.type in GRIP_MESSAGES:
            kind = GRIP_MESSAGES[commands.grip.type]
            wanted.append((kind, commands.grip.topic, self._on_grip))
        elif commands.grip and commands.grip.type == "gripper_command":
            self._grip_action = GripAction(node, commands.grip, arm, self._count)
        self._subscriptions = [
            node.create_subscription(kind, topic, self._guarded(topic, obey), DEPTH)
            for kind, topic, obey in wanted
            if topic
        ]

    def _guarded(self, topic: str, obey: Callable[[Any], None]) -> Callable[[Any], None]:
        guarded = warning_of_mistakes(self._node, topic, obey)

        def callback(message: Any) -> None:
            self._count(topic)
            guarded(message)

        return callback

    def _count(self, topic: str) -> None:
        if not self.counts[topic]:
            self._node.get_logger().info(f"the first command has come on {topic}")
        self.counts[topic] += 1

    def _now_ns(self) -> int:
        return int(self._node.get_clock().now().nanoseconds)

    def _check_frame(self, message: PoseStamped | TwistStamped) -> None:
        frame, base = message.header.frame_id, self._robot.base_frame
        if frame != base:
            raise UserError(f"frame is {frame!r}, expected {base!r}")

    def _on_pose(self, message: PoseStamped) -> None:
        self._check_frame(message)
        pose = _finite(from_pose(message.pose), 7)
        self._arm().follow_pose(np.concatenate([pose[:3], normalize_quat(pose[3:])]))

    def _on_twist(self, message: TwistStamped) -> None:
        self._check_frame(message)
        linear, angular = message.twist.linear, message.twist.angular
        twist = [linear.x, linear.y, linear.z, angular.x, angular.y, angular.z]
        self._arm().follow_twist(_finite(twist, 6), self._now_ns())

    def _on_joints(self, message: Float64MultiArray) -> None:
        grip, count = self._robot.commands.grip, len(self._joint_names)
        if grip is None or not grip.is_of_arm:
            self._arm().follow_joints(_finite(message.data, count))
            return
        numbers = _finite(message.data, count + 1)
        self._arm().follow_joints(np.delete(numbers, grip.index))
        self._arm().follow_grip(grip.closure(float(numbers[grip.index])))

    def _on_trajectory(self, message: JointTrajectory) -> None:
        now_ns, grip = self._now_ns(), self._robot.commands.grip
        path = joint_path(message, now_ns, self._joint_names)
        _finite(path.positions.ravel(), path.positions.size)
        if path.velocities is not None:
            _finite(path.velocities.ravel(), path.positions.size)
        self._arm().follow_path(path, now_ns)
        if grip and grip.is_of_arm and grip.joint in message.joint_names:
            fingers = joint_path(message, now_ns, [grip.joint])
            self._arm().follow_grip(grip.closure(float(fingers.positions[-1, 0])))

    def _on_grip(self, message: Any) -> None:
        grip = self._robot.commands.grip
        assert grip
        if isinstance(message, JointTrajectory):
            path = joint_path(message, self._now_ns(), [grip.joint])
            raw = _finite(path.positions[-1], 1)
        else:
            data = message.data if isinstance(message, Float64MultiArray) else [message.data]
            raw = _finite(data, 1)
        self._arm().follow_grip(grip.closure(float(raw[0])))

    @property
    def _joint_names(self) -> tuple[str, ...]:
        stream = self._robot.observations.joint_position
        assert stream, "the robot file was checked for it"
        return stream.joints

    def advanced(self) -> None:
        """The arm has moved: a goal of the gripper may have been reached."""
        if self._grip_action:
            self._grip_action.advanced()

    def close(self) -> None:
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        if self._grip_action:
            self._grip_action.close()


def _finite(values: Any, count: int) -> Array:
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (count,):
        raise UserError(f"{array.size} numbers were commanded, expected {count}")
    if not np.all(np.isfinite(array)):
        raise UserError("NaN or infinity was commanded")
    return array


class GripAction:
    """The action GripperCommand of a gripper; a goal ends when it is reached or replaced."""

    def __init__(
        self,
        node: Node,
        command: GripCommand,
        arm: Callable[[], FakeArm],
        count: Callable[[str], None],
    ) -> None:
        if GripperCommand is None:
            raise UserError(
                f"{command.key}.type is gripper_command, which needs the package control_msgs: "
                "install it or use float64"
            )
        self._command = command
        self._arm = arm
        self._count = count
        self._pending: Future | None = None
        self._server = ActionServer(node, GripperCommand, command.topic, self._execute)

    async def _execute(self, goal: Any) -> Any:
        self._count(self._command.topic)
        self._end(False)
        position = goal.request.command.position
        self._arm().follow_grip(self._command.closure(position))
        self._pending = pending = Future()
        if await pending:
            goal.succeed()
        else:
            goal.abort()
        reached = self._command.raw(self._arm().grip)
        return GripperCommand.Result(position=reached, reached_goal=bool(pending.result()))

    def advanced(self) -> None:
        """The arm has moved."""
        if self._arm().is_grip_reached:
            self._end(True)

    def _end(self, reached: bool) -> None:
        pending, self._pending = self._pending, None
        if pending:
            pending.set_result(reached)

    def close(self) -> None:
        self._end(False)
        self._server.destroy()
