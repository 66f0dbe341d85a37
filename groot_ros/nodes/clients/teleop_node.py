"""A node that publishes what a person's device asks of a hand, as the operator's twists."""

from __future__ import annotations

import time
from typing import Any

from geometry_msgs.msg import TwistStamped
from rclpy.clock import Clock, ClockType
from rclpy.parameter import Parameter
from rosidl_runtime_py.utilities import get_message
from sensor_msgs.msg import Joy

from groot_ros.chunks.takeover.device import device_type
from groot_ros.errors import UserError
from groot_ros.nodes.clients.operator_node import OperatorNode
from groot_ros.robot.config import RobotConfig
from groot_ros.robot.labels import TWIST, GripLabel, PoseLabel
from groot_ros.teleop.control import HandControl
from groot_ros.teleop.joystick import Joystick
from groot_ros_msgs.msg import ExecutorState

RATE_HZ = 30.0
WAIT_S = 20.0
NUMBERS = ("std_msgs/msg/Float64", "std_msgs/msg/Float32")
SWITCH = "std_msgs/msg/Bool"


class TeleopNode(OperatorNode):
    """Publishes a device's twists and closure on the operator's topics of one arm, and hears
    `executor/state`; whoever has it spins it."""

    def __init__(self, robot: RobotConfig, control: HandControl) -> None:
        super().__init__("teleop")
        self.state: ExecutorState | None = None
        operator = robot.operator
        if operator is None or not _is_twist(operator.motion):
            raise UserError(
                f"robot {robot.name} has no operator.ee_pose of type twist, which keys and sticks "
                "give: docs/correcting.md has these lines; they count where chunks hold poses"
            )
        assert isinstance(operator.motion, PoseLabel)
        self._control, self._scale = control, operator.motion.scale
        self._frame = operator.motion.link or robot.base_frame
        self._twists = self.create_publisher(TwistStamped, operator.motion.topic, 1)
        self._grip = _GripPublisher(self, operator.grip) if operator.grip else None
        self.create_subscription(ExecutorState, "executor/state", self._on_state, 10)
        if isinstance(control, Joystick):
            self.create_subscription(Joy, control.layout.topic, self._on_joy, 10)
        self._is_simulated = False
        # A person's hands move by the wall clock, whatever a simulator's does.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(1.0 / RATE_HZ, self._send, clock=steady)

    def wait_for_executor(self) -> None:
        """Return once the executor is active; UserError where there is none."""
        if not self.spin_until(lambda: self.state is not None, WAIT_S):
            raise UserError(
                "no executor is active: start one by `ros2 launch groot_ros teleop.launch.py "
                "robot:=...`, or activate the one that runs"
            )

    def turn_in_words(self) -> str:
        """Who controls the robot, and the executor's explanation."""
        state = self.state
        if state is None:
            return ""
        said = (state.control, state.operator_hint, state.stop_reason)
        return ": ".join(filter(None, said))

    def _on_state(self, message: ExecutorState) -> None:
        self.state = message

    def _on_joy(self, message: Joy) -> None:
        assert isinstance(self._control, Joystick)
        self._control.hear(message.axes, message.buttons, time.monotonic())

    def _send(self) -> None:
        if self.state is None:
            return
        self._follow_clock()
        message = TwistStamped()
        message.header.stamp = self.get_clock().now().to_msg()
        message.header.frame_id = self._frame
        twist = self._control.twist(time.monotonic())
        for part, name, scale in zip((0, 3), ("linear", "angular"), self._scale, strict=True):
            vector = getattr(message.twist, name)
            vector.x, vector.y, vector.z = (twist[part : part + 3] / scale).tolist()
        self._twists.publish(message)
        if self._grip:
            self._grip.send(self._control.grip)

    def _follow_clock(self) -> None:
        """Take time from a simulator as soon as there is one."""
        if not self._is_simulated and self.count_publishers("/clock"):
            self.set_parameters([Parameter("use_sim_time", value=True)])
            self._is_simulated = True


class _GripPublisher:
    """Publishes a closure as the operator's grip of a robot file."""

    def __init__(self, node: OperatorNode, label: GripLabel) -> None:
        self._label = label
        name, _ = device_type(label)
        if name not in (*NUMBERS, SWITCH):
            raise UserError(
                f"operator.grip is {name} on {label.topic}, which keys do not give: name a topic "
                "of type float or bool there"
            )
        self._kind: Any = get_message(name)
        self._is_switch = name == SWITCH
        self._publisher = node.create_publisher(self._kind, label.topic, 1)

    def send(self, closure: float) -> None:
        """Publish a closure in [0, 1]."""
        value = self._label.raw(closure)
        self._publisher.publish(self._kind(data=value > 0.5 if self._is_switch else value))


def _is_twist(motion: object) -> bool:
    return isinstance(motion, PoseLabel) and motion.type == TWIST
