"""A node that does what an operator does: waits for nodes, changes states, calls services."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import rclpy
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import SetParameters
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.signals import SignalHandlerOptions
from std_srvs.srv import Trigger

from groot_ros.errors import UserError
from groot_ros_msgs.srv import SetInstruction

N = TypeVar("N", bound=Node)

SPIN_S = 0.05
SERVICE_WAIT_S = 120.0
CONFIGURE_WAIT_S = 300.0
CONFIGURE, CLEANUP = Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_CLEANUP
ACTIVATE, DEACTIVATE = Transition.TRANSITION_ACTIVATE, Transition.TRANSITION_DEACTIVATE
REACHED = {
    CONFIGURE: "configured",
    ACTIVATE: "activated",
    DEACTIVATE: "deactivated",
    CLEANUP: "cleaned up",
}
INACTIVE, ACTIVE = State.PRIMARY_STATE_INACTIVE, State.PRIMARY_STATE_ACTIVE
ACTIVATING = State.TRANSITION_STATE_ACTIVATING


@contextmanager
def running_node(make: Callable[[], N]) -> Iterator[N]:
    """A node in a process that is not a node otherwise; whoever has it spins it, also while it
    ends what it began after a KeyboardInterrupt."""
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = make()
    try:
        yield node
    finally:
        node.destroy_node()  # type: ignore[no-untyped-call]
        rclpy.try_shutdown()


class OperatorNode(Node):
    """Spins while it waits; everything else that it hears is heard then."""

    def spin_until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Whether the condition came true in time."""
        deadline_s = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline_s:
                return False
            rclpy.spin_once(self, timeout_sec=SPIN_S)
        return True

    def wait_for_state(self, node: str, state: int, alive: Callable[[], bool]) -> None:
        """Wait for a lifecycle node to be in a state; UserError when it is not."""
        deadline_s = time.monotonic() + CONFIGURE_WAIT_S
        while time.monotonic() < deadline_s and alive():
            # A node that loads a model answers late; who goes away meanwhile makes it warn.
            answer = self._call(GetState, f"{node}/get_state", GetState.Request(), alive)
            if answer and answer.current_state.id == state:
                return
            self.spin_until(lambda: False, SPIN_S)
        raise UserError(f"node {node} was not ready within {CONFIGURE_WAIT_S:g} s: see its output")

    def transition(self, node: str, transition_id: int) -> None:
        """Change the state of a lifecycle node; UserError when it refuses."""
        request = ChangeState.Request(transition=Transition(id=transition_id))
        answer = self._call(ChangeState, f"{node}/change_state", request)
        if not (answer and answer.success):
            raise UserError(f"node {node} refused to be {REACHED[transition_id]}: see its output")

    def trigger(self, service: str) -> None:
        """Call a Trigger service; UserError when it refuses."""
        self._demand(Trigger, service, Trigger.Request())

    def tell(self, service: str, instruction: str) -> None:
        """Call a SetInstruction service; UserError when it refuses."""
        self._demand(SetInstruction, service, SetInstruction.Request(instruction=instruction))

    def set_parameter(self, node: str, name: str, value: Any) -> None:
        """Set a parameter of another node; UserError when it refuses."""
        parameter = Parameter(name, value=value).to_parameter_msg()
        request = SetParameters.Request(parameters=[parameter])
        answer = self._call(SetParameters, f"{node}/set_parameters", request)
        if not (answer and answer.results[0].successful):
            reason = answer.results[0].reason if answer else "no answer"
            raise UserError(f"parameter {name} of node {node} cannot be set: {reason}")

    def _demand(self, kind: type, service: str, request: Any) -> None:
        answer = self._call(kind, service, request)
        if not (answer and answer.success):
            reason = answer.message if answer else "no answer"
            raise UserError(f"{service} was refused: {reason}")

    def _call(
        self, kind: type, name: str, request: Any, alive: Callable[[], bool] = lambda: True
    ) -> Any:
        """Answer of a service, None when there is none in time."""
        client = self.create_client(kind, name)
        try:
            self.spin_until(lambda: client.service_is_ready() or not alive(), SERVICE_WAIT_S)
            if not client.service_is_ready():
                return None
            future = client.call_async(request)
            self.spin_until(lambda: future.done() or not alive(), SERVICE_WAIT_S)
            return future.result() if future.done() else None
        finally:
            self.destroy_client(client)
