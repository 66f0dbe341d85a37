"""Talks to a recorder node: its services, what it says of itself and of the topics."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.context import Context
from rclpy.node import Node
from std_srvs.srv import Trigger

from groot_ros.errors import UserError
from groot_ros.nodes.spinning import Spinner
from groot_ros_msgs.srv import SetInstruction

SERVICE_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class TopicStatus:
    """A topic as the recorder sees it; `problem` is empty when all is well."""

    name: str
    problem: str
    values: dict[str, str]


@dataclass(frozen=True)
class RecorderStatus:
    """The recorder's last status; `received_s` is on time.monotonic, None before the first."""

    received_s: float | None = None
    problem: str = ""
    values: dict[str, str] = field(default_factory=dict)
    topics: tuple[TopicStatus, ...] = ()


class RecorderClient:
    """Client of the recorder node of the name `recorder`; UserError when it does not answer."""

    def __init__(self, recorder: str = "/recorder") -> None:
        self.recorder = "/" + recorder.strip("/")
        self.status = RecorderStatus()
        self._context = Context()
        rclpy.init(context=self._context)
        self._node = Node("record_client", context=self._context)
        self._node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        self._spinner = Spinner(self._node, self._context)

    def close(self) -> None:
        self._spinner.close(ANSWER_TIMEOUT_S)
        self._node.destroy_node()
        self._context.shutdown()

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        own = [status for status in message.status if status.name == self.recorder]
        if not own:
            return
        prefix = f"{self.recorder}: "
        topics = tuple(
            TopicStatus(status.name.removeprefix(prefix), _problem(status), _values(status))
            for status in message.status
            if status.name.startswith(prefix)
        )
        self.status = RecorderStatus(time.monotonic(), _problem(own[0]), _values(own[0]), topics)

    def trigger(self, service: str) -> tuple[bool, str]:
        """Call start, stop, discard, rerecord, success or failure: whether it was done, answer."""
        answer = self._call(Trigger, service, Trigger.Request())
        return answer.success, answer.message

    def set_instruction(self, instruction: str) -> tuple[bool, str]:
        request = SetInstruction.Request(instruction=instruction)
        answer = self._call(SetInstruction, "set_instruction", request)
        return answer.success, answer.message

    def bring_up(self) -> None:
        """Configure and activate the recorder."""
        for number in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
            request = ChangeState.Request(transition=Transition(id=number))
            if not self._call(ChangeState, "change_state", request).success:
                raise UserError(f"{self.recorder} refused to start: its own output says why")

    def _call(self, kind: type, service: str, request: Any) -> Any:
        name = f"{self.recorder}/{service}"
        client = self._node.create_client(kind, name)
        try:
            if not client.wait_for_service(SERVICE_TIMEOUT_S):
                raise UserError(
                    f"no recorder answers at {self.recorder}: start one with `ros2 launch "
                    "groot_ros record.launch.py robot:=...`"
                )
            answered = threading.Event()
            future = client.call_async(request)
            future.add_done_callback(lambda _: answered.set())
            if not answered.wait(ANSWER_TIMEOUT_S):
                raise UserError(f"{name} did not answer within {ANSWER_TIMEOUT_S:g} s")
            return future.result()
        finally:
            self._node.destroy_client(client)


def _problem(status: DiagnosticStatus) -> str:
    return "" if status.level == DiagnosticStatus.OK else str(status.message)


def _values(status: DiagnosticStatus) -> dict[str, str]:
    return {pair.key: pair.value for pair in status.values}
