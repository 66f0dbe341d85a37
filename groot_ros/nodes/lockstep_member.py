"""A node's part in simulated time that waits for it.

    self._lockstep = LockstepMember(self, self._handle)      # in configure
    self._lockstep.join()                                    # in activate
    def _handle(self, tick: Tick) -> bool: ...               # do what is due at tick.stamp_ns

`_handle` is called once everything that was published before the tick has been through the node's
callbacks. False means that something is still owed; it is called again after `review`, or when
something arrives. Wherever nobody publishes ticks, nothing happens.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from rclpy.duration import Duration

from groot_ros.nodes.lockstep_messages import (
    REPORT_QOS,
    REPORT_TOPIC,
    TICK_QOS,
    TICK_TOPIC,
    from_tick_message,
    to_report,
)
from groot_ros.nodes.lockstep_traffic import TrafficNode
from groot_ros.timing.lockstep import Tick, Turn
from groot_ros_msgs.msg import LockstepReport, LockstepTick

POLL_S = 0.001
# A publisher that is destroyed takes along what has not been delivered.
LEAVE_PATIENCE = Duration(seconds=0.5)


class LockstepMember:
    """Receives ticks, has them handled and reports; `_lock` guards the state.

    The handler is called by the spinning thread and by any that calls `review`, one at a time.
    """

    def __init__(self, node: TrafficNode, handle: Callable[[Tick], bool]) -> None:
        self._node = node
        self._handle = handle
        self._lock = threading.RLock()
        self._turn = Turn(node.get_fully_qualified_name(), node.traffic)
        self._reports = node.create_publisher(LockstepReport, REPORT_TOPIC, REPORT_QOS)
        self._ticks = node.create_subscription(LockstepTick, TICK_TOPIC, self._on_tick, TICK_QOS)
        node.arrived = self.review

    def join(self) -> None:
        """Make the clock wait for this node."""
        with self._lock:
            self._turn.join()
            self._report(True)

    def leave(self) -> None:
        """Make the clock no longer wait for this node."""
        with self._lock:
            if self._turn.joined:
                self._turn.leave()
                self._report(False)

    @property
    def newest(self) -> Tick | None:
        """The newest tick that was heard of, handled or not.

        Without the lock: who asks for the time may hold a lock that handling a tick takes.
        """
        return self._turn.newest

    def announced(self, topic: str) -> int:
        """Number of the newest message of a topic that was published before the tick."""
        with self._lock:
            return self._turn.announced(topic)

    def review(self) -> None:
        """Handle and report the tick if that is possible now, after a change."""
        with self._lock:
            tick = self._turn.due()
            if tick is not None and self._handle(tick):
                self._turn.handled(tick)
                self._report(True)

    def spin_until(self, condition: Callable[[], bool], patience_s: float) -> bool:
        """For a callback, which keeps the node from spinning: let time pass until a condition.

        Ticks are handled as they come, whatever else has not been received. False when none came
        for `patience_s` of wall time.
        """
        deadline_s = time.monotonic() + patience_s
        with self._lock:
            self._turn.waive()
        self.review()
        while not condition():
            with self._ticks.handle:
                taken = self._ticks.handle.take_message(LockstepTick, False)
            if taken is not None:
                with self._lock:
                    self._hear(from_tick_message(taken[0]))
                    self._turn.waive()
                self.review()
                deadline_s = time.monotonic() + patience_s
            elif time.monotonic() > deadline_s:
                return False
            else:
                time.sleep(POLL_S)
        return True

    def close(self) -> None:
        """Leave, and destroy the subscription to ticks."""
        self.leave()
        self._reports.wait_for_all_acked(LEAVE_PATIENCE)
        self._node.arrived = lambda: None
        self._node.destroy_subscription(self._ticks)
        self._node.destroy_publisher(self._reports)

    def _on_tick(self, message: LockstepTick) -> None:
        with self._lock:
            self._hear(from_tick_message(message))
        self.review()

    def _hear(self, tick: Tick) -> None:
        self._turn.come(tick)
        if self._turn.unheard(tick):
            self._report(self._turn.joined)

    def _report(self, is_member: bool) -> None:
        self._reports.publish(
            to_report(
                self._node.get_fully_qualified_name(),
                is_member,
                self._turn.handled_ns,
                self._turn.publishes(self._node.traffic.take_sent()),
            )
        )
