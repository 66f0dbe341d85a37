"""What is commanded to a robot, handed to a fake arm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped, TwistStamped
from numpy.typing import NDArray
from rclpy.action import ActionServer
from rclpy.node import Node
from rclpy.subscription import Subscription
from rclpy.task import Future
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from groot_ros.errors import UserError
from groot_ros.geometry import normalize_quat
from groot_ros.nodes.drivers.driver_messages import joint_path, warning_of_mistakes
from groot_ros.nodes.drivers.grippers import GripperCommand
from groot_ros.nodes.raw_topics import message_class
from groot_ros.observation.fields import from_pose
from groot_ros.observation.label_messages import TRAJECTORY
from groot_ros.observation.named_topics import NamedTopic, named_topics
from groot_ros.observation.signal_messages import FLOATS, POSE, TWIST_STAMPED
from groot_ros.robot.commands import GRIPPER_COMMAND, GripCommand
from groot_ros.robot.config import RobotConfig
from groot_ros.sim.fake.arm import FakeArm

Array = NDArray[np.float64]

# As controllers of ros2_control take them.
DEPTH = 10


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
        links = [named for named in named_topics(robot) if named.is_command]
        self._subscriptions = [self._listen(link) for link in links if not link.is_action]
        self._grip_action: GripAction | None = None
        if (grip := robot.commands.grip) and grip.type == GRIPPER_COMMAND:
            self._grip_action = GripAction(node, grip, arm, self._count)

    def _listen(self, link: NamedTopic) -> Subscription:
        grip, [type_name] = self._robot.commands.grip, link.types
        is_grip = grip is not None and link.key == grip.key
        obey = self._on_grip if is_grip else self._obeying[type_name]
        guarded = self._guarded(link.topic, obey)
        return self._node.create_subscription(message_class(type_name), link.topic, guarded, DEPTH)

    @property
    def _obeying(self) -> Mapping[str, Callable[[Any], None]]:
        """What an arm does by messages of each type."""
        return {
            POSE: self._on_pose,
            TWIST_STAMPED: self._on_twist,
            FLOATS: self._on_joints,
            TRAJECTORY: self._on_trajectory,
        }

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
        """End the goal of a gripper that was reached, after the arm has moved."""
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
        """End the goal if it was reached, after the arm has moved."""
        if self._arm().is_grip_reached:
            self._end(True)

    def _end(self, reached: bool) -> None:
        pending, self._pending = self._pending, None
        if pending:
            pending.set_result(reached)

    def close(self) -> None:
        self._end(False)
        self._server.destroy()
