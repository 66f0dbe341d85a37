"""The operator's end of the executor node: devices, services, button, and when their turn is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import Joy
from std_srvs.srv import Trigger

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.execution.activations import FollowedActivation
from groot_ros.chunks.execution.executor import ChunkExecutor
from groot_ros.chunks.execution.robot_motion import AnyReach, followed
from groot_ros.chunks.execution.stopping import StopReason
from groot_ros.chunks.takeover.control import STEP_S, Control, Takeover
from groot_ros.chunks.takeover.device import Device
from groot_ros.nodes.lifecycle import GuardedLifecycleNode
from groot_ros.nodes.raw_topics import message_class
from groot_ros.observation.buffer import NotReady
from groot_ros.robot.config import RobotConfig
from groot_ros.robot.operator import Button

Array = NDArray[np.float64]

# What a chunk that was refused leaves behind is no reason to stop for good.
FORGIVEN = (StopReason.STARVED, StopReason.POLICY_GONE, StopReason.REJECTED)
# Chunks of the operator are counted from here, those of a policy from 1.
FIRST_ID = 1 << 62


@dataclass(frozen=True, kw_only=True)
class Hands:
    """What the controls use of the executor: `execute` takes a chunk, or says why not; `measured`
    is where the robot is, NotReady where nobody knows; `reach` is as in `fit_ahead`."""

    motion: ChunkExecutor
    lock: AbstractContextManager[object]
    following: FollowedActivation
    execute: Callable[[int, Chunk], str | None]
    measured: Callable[[int], Array]
    reach: Callable[[], AnyReach | None]


class OperatorControls:
    """Takes over and hands back, and lets the operator's chunks be executed meanwhile.

    `~/take_over` and `~/hand_back` are there for every robot. Belongs to the node's callbacks,
    which come one after the other.
    """

    def __init__(self, node: GuardedLifecycleNode, robot: RobotConfig, hands: Hands) -> None:
        self.takeover = Takeover(robot)
        self._node, self._robot, self._hands = node, robot, hands
        self._count = FIRST_ID
        self._pressed: dict[Button, bool] = {}
        self._services = [
            node.create_service(Trigger, "~/take_over", self._answer(self.take_over)),
            node.create_service(Trigger, "~/hand_back", self._answer(self.hand_back)),
        ]
        self._subscriptions = [
            node.create_subscription(
                message_class(device.type_name),
                device.topic,
                partial(self._on_device, device),
                1,
            )
            for arm in self.takeover.arms
            for device in arm.devices
        ]
        for button in {arm.operator.button for arm in self.takeover.arms} - {None}:
            assert button
            on_joy = partial(self._on_joy, button)
            self._subscriptions.append(node.create_subscription(Joy, button.topic, on_joy, 1))
        self._timer = node.create_timer(STEP_S, self._on_timer)

    def _answer(self, action: Callable[[], str | None]) -> Callable[[Any, Any], Any]:
        def answer(_: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
            refused = action()
            response.success = refused is None
            response.message = refused or self.sentence
            return response

        return answer

    @property
    def sentence(self) -> str:
        """Whose turn it is, and why the operator does not lead yet."""
        takeover = self.takeover
        hint = f": {takeover.hint}" if takeover.hint else ""
        return f"{takeover.control.value}{hint}"

    def take_over(self) -> str | None:
        """The operator's turn begins; why not."""
        takeover, hands = self.takeover, self._hands
        if not self._node.is_active:
            return "not taken over: activate the executor first"
        if not takeover.arms:
            wanted = self._robot.each_arm[0].output.signal.name
            return (
                f"not taken over: the robot file has no operator.{wanted}: name the topic of your "
                "device there, docs/correcting.md says how"
            )
        if takeover.control is not Control.POLICY:
            return None
        with hands.lock:
            if (refused := hands.motion.resume()) is not None:
                return refused.replace("not resumed", "not taken over")
            self._interrupt(StopReason.TAKEN_OVER)
        takeover.take_over()
        return None

    def hand_back(self) -> str | None:
        """The policy's turn begins; why not."""
        if self.takeover.control is Control.POLICY:
            return "not handed back: the policy moves the robot already"
        with self._hands.lock:
            self._interrupt(StopReason.HANDED_BACK)
        self.takeover.hand_back()
        return None

    def _interrupt(self, reason: StopReason) -> None:
        """Come to rest; nothing that was accepted so far counts."""
        motion, now_ns = self._hands.motion, self._node.now_ns()
        if not motion.is_idle:
            motion.halt(reason, now_ns)
        motion.cancel(self._hands.following.interrupt(), now_ns)

    def refusal(self, stamp_ns: int) -> str | None:
        """Why a chunk of the policy with this stamp does not count now."""
        self._look()
        return self.takeover.refusal(stamp_ns)

    def reset(self) -> None:
        """The executor begins anew, with the policy."""
        self.takeover.reset()

    def close(self) -> None:
        """Listen to nobody any more."""
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
            is_policy = self.takeover.control is Control.POLICY
            self._tell(self.take_over() if is_policy else self.hand_back())

    def _tell(self, refused: str | None) -> None:
        if refused:
            self._node.get_logger().warning(refused)

    def _look(self) -> None:
        with self._hands.lock:
            is_at_rest = self._hands.motion.is_at_rest
        self.takeover.look(is_at_rest, self._node.now_ns())

    def _on_timer(self) -> None:
        # In lockstep it is stepped at the ticks.
        if self._node.lockstep is None:
            self.step()

    def step(self) -> None:
        """Let the operator's next chunk be executed, once every STEP_S."""
        if not self._node.is_active:
            return
        self._look()
        with self._hands.lock:
            waits = self._hands.motion.stops.blocked
        # A leader that is bumped into ends no stop that waits for somebody to look.
        if self.takeover.is_asked_for and not waits:
            self._tell(self.take_over())
        if self.takeover.control is not Control.POLICY:
            self._lead()

    def _lead(self) -> None:
        takeover, motion, lock = self.takeover, self._hands.motion, self._hands.lock
        try:
            with lock:
                here = self._here(now_ns := self._node.now_ns())
                is_at_rest = motion.is_at_rest
                if motion.stops.reason in FORGIVEN:
                    motion.resume()
                era = self._hands.following.era
            chunk = takeover.chunk(here, is_at_rest, now_ns, era)
        except NotReady as reason:
            takeover.hint = f"the robot's state is not known: {reason}"
            return
        if chunk is None:
            if not is_at_rest and takeover.control is Control.HANDOVER:
                with lock:
                    motion.halt(StopReason.SILENT, self._node.now_ns())
            return
        self._count += 1
        refused = self._hands.execute(self._count, chunk)
        with lock:
            motion.forgive()
        if refused or takeover.control is Control.OPERATOR:
            takeover.hint = refused or ""

    def _here(self, now_ns: int) -> dict[str, Array]:
        """Where the robot is commanded to, or is where nothing is commanded."""
        motion = self._hands.motion
        here = self._hands.measured(now_ns) if motion.is_idle else motion.held
        return followed(self._robot, self._hands.reach(), here)
