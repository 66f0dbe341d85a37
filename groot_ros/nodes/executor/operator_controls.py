"""The operator's end of the executor node: devices, services, button, and when their turn is."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from sensor_msgs.msg import Joy
from std_srvs.srv import Trigger

from groot_ros.chunks.takeover.device import Device
from groot_ros.chunks.takeover.leading import STEP_S
from groot_ros.chunks.takeover.teleoperation import ExecutorAccess, Teleoperation
from groot_ros.nodes.lifecycle import GuardedLifecycleNode
from groot_ros.nodes.raw_topics import message_class
from groot_ros.robot.config import RobotConfig
from groot_ros.robot.operator import Button


class OperatorControls:
    """Services, devices and button of teleoperation.

    `~/take_over`, `~/hand_back` and `~/go_home` are there for every robot. Belongs to the node's
    callbacks, which come one after the other.
    """

    def __init__(
        self, node: GuardedLifecycleNode, robot: RobotConfig, executor: ExecutorAccess
    ) -> None:
        self.teleoperation = teleoperation = Teleoperation(robot, executor)
        self._node, leading = node, teleoperation.takeover.arms
        self._pressed: dict[Button, bool] = {}
        self._services = [
            node.create_service(Trigger, "~/take_over", self._answer(self.take_over)),
            node.create_service(Trigger, "~/hand_back", self._answer(teleoperation.hand_back)),
            node.create_service(Trigger, "~/go_home", self._answer(self.go_home)),
        ]
        self._subscriptions = [
            node.create_subscription(
                message_class(device.type_name),
                device.topic,
                partial(self._on_device, device),
                1,
            )
            for arm in leading
            for device in arm.devices
        ]
        for button in {arm.operator.button for arm in leading} - {None}:
            assert button
            on_joy = partial(self._on_joy, button)
            self._subscriptions.append(node.create_subscription(Joy, button.topic, on_joy, 1))
        self._timer = node.create_timer(STEP_S, self._on_timer)

    def _answer(self, action: Callable[[], str | None]) -> Callable[[Any, Any], Any]:
        def answer(_: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
            refused = action()
            response.success = refused is None
            response.message = refused or self.teleoperation.sentence
            return response

        return answer

    def take_over(self) -> str | None:
        """Begin the operator's turn; the reason where it is refused."""
        if not self._node.is_active:
            return "not taken over: activate the executor first"
        return self.teleoperation.take_over()

    def go_home(self) -> str | None:
        """Begin homing; the reason where it is refused."""
        if not self._node.is_active:
            return "not sent home: activate the executor first"
        return self.teleoperation.go_home()

    def close(self) -> None:
        """Destroy subscriptions and services."""
        self._node.destroy_timer(self._timer)
        for service in self._services:
            self._node.destroy_service(service)
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)

    def _on_device(self, device: Device, message: Any) -> None:
        device.receive(message, self._node.now_ns())

    def _on_joy(self, button: Button, message: Joy) -> None:
        is_pressed = button.index < len(message.buttons) and bool(message.buttons[button.index])
        was_pressed = self._pressed.get(button, True)
        self._pressed[button] = is_pressed
        if is_pressed and not was_pressed:
            leads = self.teleoperation.takeover.control.is_of_operator
            self._tell(self.teleoperation.hand_back() if leads else self.take_over())

    def _tell(self, refused: str | None) -> None:
        if refused:
            self._node.get_logger().warning(refused)

    def _on_timer(self) -> None:
        # In lockstep it is stepped at the ticks.
        if self._node.lockstep is None:
            self.step()

    def step(self) -> None:
        """Have the operator's next chunk executed, once every STEP_S."""
        if self._node.is_active:
            self._tell(self.teleoperation.step())
