"""What every lifecycle node here shares: guarded transitions, parameters, an orderly end."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

import rclpy
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.lifecycle.node import LifecycleNodeMixin
from rclpy.node import Node
from rclpy.qos import ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions

from groot_ros.errors import UserError
from groot_ros.nodes import parameters
from groot_ros.nodes.lockstep_member import LockstepMember
from groot_ros.nodes.lockstep_traffic import CountedLifecyclePublisher, TrafficNode
from groot_ros.nodes.process_memory import ProcessMemory
from groot_ros.timing.lockstep import Tick

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# How often a node looks whether a signal has come.
SIGNAL_PERIOD_S = 0.1
# How long a callback may keep the node from ending, and how long it may take to end.
NOTICE_S, END_S = 1.0, 4.0
FAILURES_PERIOD_S = 1.0
_CHANGE_STATE = vars(LifecycleNodeMixin)["_LifecycleNodeMixin__on_change_state"]


class GuardedLifecycleNode(TrafficNode, LifecycleNode):
    """A lifecycle node that a wrong request or a failing transition cannot kill.

    Subclasses implement `configure`, `activate`, `deactivate`, `cleanup`; a UserError there
    refuses the transition and is logged as it is, anything else with its traceback. With a
    parameter `lockstep` that is true, a simulator's clock waits for the node while it is active:
    `handle_tick` does what is due.
    """

    NAME = ""
    PARAMETERS: type
    lockstep: LockstepMember | None = None
    """From configure to cleanup, where the parameter says so."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(self.NAME, **kwargs)
        parameters.declare(self, self.PARAMETERS)
        parameters.guard(self, self.PARAMETERS, self._is_configured, self.parameter_changed)

    def create_lifecycle_publisher(self, *args: Any, **kwargs: Any) -> Any:
        """As of any lifecycle node, but counted."""
        publisher: Any = self.create_publisher(
            *args, publisher_class=CountedLifecyclePublisher, **kwargs
        )
        self._managed_entities.add(publisher)
        return publisher

    def configure(self) -> None:
        """Read parameters, build everything that is needed."""

    def activate(self) -> None:
        """Start working."""

    def deactivate(self) -> None:
        """Stop working; called also when the node ends."""

    def cleanup(self) -> None:
        """Undo configure; called also when the node ends and after a configure that failed."""

    def parameter_changed(self, name: str, value: Any) -> None:
        """Apply a new, checked value of a parameter that is not read-only."""

    def rest(self) -> None:
        """Stop all motion; called in a thread of its own when the node has to end, also while a
        callback blocks it."""

    def handle_tick(self, tick: Tick) -> bool:
        """Do the work of a tick of simulated time; False while it is not complete."""
        return True

    def now_ns(self) -> int:
        """The time in ns: in lockstep that of the newest tick, else that of the node's clock."""
        if self.lockstep and (tick := self.lockstep.newest):
            return tick.stamp_ns
        return int(self.get_clock().now().nanoseconds)

    def heard_ns(self) -> int:
        """Time in ns at which a message published now is received: in lockstep at the next tick,
        else at once."""
        if self.lockstep and (tick := self.lockstep.newest):
            return tick.next_ns
        return self.now_ns()

    @property
    def stream_reliability(self) -> ReliabilityPolicy:
        """Reliability of subscriptions to a robot: best effort is compatible with all publishers,
        but loses messages that a clock in lockstep would wait for."""
        return ReliabilityPolicy.RELIABLE if self.lockstep else ReliabilityPolicy.BEST_EFFORT

    @property
    def state_id(self) -> int:
        """Id of the lifecycle state (lifecycle_msgs/State)."""
        return int(self._state_machine.current_state[0])

    @property
    def is_active(self) -> bool:
        """Whether the node is in the state active."""
        return bool(self.state_id == State.PRIMARY_STATE_ACTIVE)

    def _is_configured(self) -> bool:
        return bool(self.state_id != State.PRIMARY_STATE_UNCONFIGURED)

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        result = self._guarded("configure", self._configure, super().on_configure, state)
        if result != TransitionCallbackReturn.SUCCESS:
            self._guarded("cleanup", self._cleanup, super().on_cleanup, state)
        return result

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        # Publishers must be active before `activate` starts what publishes.
        result = super().on_activate(state)
        if result != TransitionCallbackReturn.SUCCESS:
            return result
        result = self._guarded("activate", self._activate, None, state)
        if result != TransitionCallbackReturn.SUCCESS:
            super().on_deactivate(state)
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._guarded("deactivate", self._deactivate, super().on_deactivate, state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._guarded("cleanup", self._cleanup, super().on_cleanup, state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        self.end()
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        self.end()
        return TransitionCallbackReturn.SUCCESS

    def end(self) -> None:
        """Stop and free everything, whatever the state."""
        for step in (self._deactivate, self._cleanup):
            try:
                step()
            except Exception:
                self.get_logger().error(f"while ending: {traceback.format_exc()}")

    def _configure(self) -> None:
        if self.has_parameter("lockstep") and self.get_parameter("lockstep").value is True:
            self.lockstep = LockstepMember(self, self.handle_tick)
        self.configure()
        _collect_garbage()

    def _activate(self) -> None:
        self.activate()
        if self.lockstep:
            self.lockstep.join()

    def _deactivate(self) -> None:
        self.deactivate()
        if self.lockstep:
            self.lockstep.leave()

    def _cleanup(self) -> None:
        self.cleanup()
        if self.lockstep:
            self.lockstep.close()
            self.lockstep = None

    def _guarded(
        self,
        name: str,
        own: Callable[[], None],
        inherited: Callable[[LifecycleState], TransitionCallbackReturn] | None,
        state: LifecycleState,
    ) -> TransitionCallbackReturn:
        try:
            own()
            return inherited(state) if inherited else TransitionCallbackReturn.SUCCESS
        except UserError as error:
            self.get_logger().error(f"{name} refused: {error}")
        except Exception:
            # rclpy swallows exceptions of transitions; without this nobody would see them.
            self.get_logger().error(f"{name} failed: {traceback.format_exc()}")
        return TransitionCallbackReturn.FAILURE

    def _LifecycleNodeMixin__on_change_state(
        self, request: ChangeState.Request, response: ChangeState.Response
    ) -> ChangeState.Response:
        """Overrides a private of rclpy, where an invalid request ends the node."""
        wanted: Transition = request.transition
        available = self._state_machine.available_transitions
        possible = {t[1] for t in available} if wanted.label else {t[0] for t in available}
        if (wanted.label or wanted.id) not in possible:
            label = self._state_machine.current_state[1]
            self.get_logger().warning(
                f"transition {wanted.label or wanted.id} is not possible from state {label}"
            )
            response.success = False
            return response
        answer: ChangeState.Response = _CHANGE_STATE(self, request, response)
        return answer


def _collect_garbage() -> None:
    """Free what the last configuration left, while nothing moves.

    Subscriptions and their callbacks hold each other, so that only a full collection frees them.
    One comes every quarter of an hour, and stops all threads while it looks through the heap; what
    there is now is left out of those.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def run_node(node_class: Callable[[], Node]) -> int:
    """Spin a node until SIGINT, SIGTERM, SIGHUP or shutdown, then end it; the exit code is 0."""
    stop, noticed, ended = threading.Event(), threading.Event(), threading.Event()
    node: Node | None = None

    def rest() -> None:
        if isinstance(node, GuardedLifecycleNode):
            node.rest()

    def on_signal(*_: object) -> None:
        stop.set()
        threading.Thread(target=_leave_unless, args=[noticed, ended, rest], daemon=True).start()

    for number in STOP_SIGNALS:
        # With nohup a closed terminal ends nothing.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, on_signal)
    memory = ProcessMemory()
    # rclpy's own handler ends the middleware before the node could say goodbye.
    rclpy.init(args=sys.argv, signal_handler_options=SignalHandlerOptions.NO)
    node = node_class()
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        while not stop.is_set() and rclpy.ok():
            _spin_once(executor, node)
            memory.look()
    finally:
        noticed.set()
        if isinstance(node, GuardedLifecycleNode):
            node.end()
    executor.shutdown(timeout_sec=SIGNAL_PERIOD_S)
    node.destroy_node()
    if rclpy.ok():
        rclpy.shutdown(uninstall_handlers=False)
    # The middleware gives its shared memory back with the last reference, before _leave().
    node = None
    del executor
    gc.unfreeze()
    gc.collect()
    # Ctrl-C reaches a launched node twice; the second one must not kill it on its way out.
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    ended.set()
    _leave()
    return 0


def _spin_once(executor: SingleThreadedExecutor, node: Node) -> None:
    """One callback; a node that moves a robot must not end by what arrives."""
    try:
        executor.spin_once(timeout_sec=SIGNAL_PERIOD_S)
    except Exception:
        if rclpy.ok():
            node.get_logger().error(
                f"goes on after a callback that failed: {traceback.format_exc()}",
                throttle_duration_sec=FAILURES_PERIOD_S,
            )


def _leave_unless(
    noticed: threading.Event, ended: threading.Event, rest: Callable[[], None]
) -> None:
    """A transition that takes long, such as loading a model, must not delay the end either, nor a
    middleware that waits for somebody who has gone already; but an arm comes to rest first."""
    in_order = noticed.wait(NOTICE_S)
    try:
        rest()
    except Exception:
        traceback.print_exc()
    if not in_order or not ended.wait(END_S):
        os._exit(0)


def _leave() -> None:
    """A network in the middle of a long computation must not delay the end of the process."""
    workers = [t for t in threading.enumerate() if t is not threading.main_thread() and t.daemon]
    if workers:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
