"""Joints for the poses of chunks, on robots whose controllers take joints."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import String

from groot_ros.buffer import NotReady
from groot_ros.errors import UserError
from groot_ros.kinematics import ArmKinematics
from groot_ros.nodes.outputs import Command
from groot_ros.robot import RobotConfig, ToolKinematics
from groot_ros.share import share_file

Array = NDArray[np.float64]

DESCRIPTION_TOPIC = "robot_description"
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
# How quickly the motion gives way to poses out of reach, and comes back.
SLOWER, FASTER = 0.8, 1.05
LEAST_SPEED = 0.1


class JointSolver:
    """Solves command after command, each from the one before."""

    def __init__(self, node: Node, robot: RobotConfig, kinematics: ToolKinematics) -> None:
        self._node = node
        self._robot = robot
        self._tool = kinematics.tool
        self._arm: ArmKinematics | None = None
        self._joints: Array | None = None
        self._last_ns = 0
        self.speed = 1.0
        """Of the motion, lower while poses are out of reach."""
        self._subscription = None
        if kinematics.urdf:
            self._load(_read(kinematics.urdf))
        else:
            self._subscription = node.create_subscription(
                String, DESCRIPTION_TOPIC, self._on_description, LATCHED
            )

    @classmethod
    def for_robot(cls, node: Node, robot: RobotConfig) -> JointSolver | None:
        """None for a robot that needs none."""
        kinematics = robot.output.kinematics
        is_joint_profile = robot.output.profile not in ("pose", "twist")
        return cls(node, robot, kinematics) if kinematics and is_joint_profile else None

    def _load(self, urdf: str) -> None:
        robot = self._robot
        joints = robot.observations.joint_position
        assert joints, "the robot file was checked for it"
        self._arm = ArmKinematics(urdf, joints.joints, robot.base_frame, self._tool, robot.limits)

    def _on_description(self, message: String) -> None:
        try:
            self._load(message.data)
        except UserError as error:
            self._node.get_logger().error(f"{DESCRIPTION_TOPIC}: {error}")

    def start(self, joints: Array) -> None:
        """A motion begins at measured joints (J,); NotReady without a URDF."""
        if self._arm is None:
            raise NotReady(f"no URDF received on {DESCRIPTION_TOPIC} yet")
        self._joints = joints
        self._last_ns = 0

    def solve(self, command: Command) -> Command:
        """The command with joints for its pose."""
        assert self._arm and self._joints is not None and command.setpoint.ee_pose is not None
        duration_s = max((command.stamp_ns - self._last_ns) / 1e9, 1e-3) if self._last_ns else 0.01
        solution = self._arm.solve(command.setpoint.ee_pose, self._joints, min(duration_s, 0.1))
        self._joints, self._last_ns = solution.joints, command.stamp_ns
        if solution.is_reached:
            self.speed = min(1.0, self.speed * FASTER)
        else:
            self.speed = max(LEAST_SPEED, self.speed * SLOWER)
            self._node.get_logger().warning(
                f"a pose is out of reach: the tool stays {solution.error_m * 1000:.0f} mm and "
                f"{np.degrees(solution.error_rad):.1f} deg away, slowing down",
                throttle_duration_sec=1.0,
            )
        return replace(command, setpoint=replace(command.setpoint, joint_position=solution.joints))

    def close(self) -> None:
        if self._subscription:
            self._node.destroy_subscription(self._subscription)


def _read(path: str) -> str:
    """Content of a URDF file, shipped or the user's own."""
    for candidate in (Path(path).expanduser(), share_file(path)):
        if candidate.is_file():
            return candidate.read_text()
    raise UserError(f"output.kinematics.urdf is {path!r}, which is not there")
