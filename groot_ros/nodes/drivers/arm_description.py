"""The URDF of the executor's arm, from a file or from the topic robot_description."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node
from std_msgs.msg import String

from groot_ros.chunks.execution.reach import Reach, needs_reach
from groot_ros.chunks.execution.robot_motion import AnyReach
from groot_ros.chunks.execution.together import ReachOfArms
from groot_ros.errors import UserError
from groot_ros.nodes.qos import LATCHED
from groot_ros.observation.buffer import NotReady
from groot_ros.observation.routes import DESCRIPTION_TOPIC
from groot_ros.robot.config import RobotConfig
from groot_ros.robot.urdf import load_urdf, parse_urdf, urdf_text


class ArmDescription:
    """What the arm can reach, as soon as its URDF is known; used by the node's callbacks alone."""

    def __init__(self, node: Node, robot: RobotConfig, margin_m: float) -> None:
        self._node = node
        self._robot = robot
        self._margin_m = margin_m
        self._reach: AnyReach | None = None
        self._text = ""
        self._subscription = None
        if robot.arms:
            self._reach = ReachOfArms(robot, margin_m)
        elif robot.urdf:
            self._text = urdf_text(robot.urdf)
            self._reach = Reach(robot, load_urdf(robot.urdf), margin_m)
        else:
            self._subscription = node.create_subscription(
                String, DESCRIPTION_TOPIC, self._on_description, LATCHED
            )

    @classmethod
    def for_robot(cls, node: Node, robot: RobotConfig, margin_m: float) -> ArmDescription | None:
        """None for a robot whose chunks need no fitting; `margin_m` is that of `Reach`."""
        return cls(node, robot, margin_m) if robot.arms or needs_reach(robot) else None

    def _on_description(self, message: String) -> None:
        try:
            self._reach = Reach(self._robot, parse_urdf(message.data), self._margin_m)
            self._text = message.data
        except UserError as error:
            self._node.get_logger().error(f"{DESCRIPTION_TOPIC}: {error}")

    def depth(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """How far the points of the arm come out of their boxes (`WatchedPoints.depth`); for the
        governor."""
        points = self.reach.points
        return points.depth(values) if points else np.zeros((1, 0))

    @property
    def reach(self) -> AnyReach:
        """NotReady without a URDF."""
        if self._reach is None:
            raise NotReady(f"no URDF received on {DESCRIPTION_TOPIC} yet")
        return self._reach

    def text(self) -> str:
        """The URDF, empty while there is none."""
        return self._text

    def close(self) -> None:
        if self._subscription:
            self._node.destroy_subscription(self._subscription)
