"""The clock of a simulated robot, in a thread that makes its states and pictures.

    clock = LockstepClock(node, period_ns, real_time_factor)
    while not clock.ended:
        node.publish(measure(clock.time_ns))    # what is due at this time
        clock.tick()                            # all members handle it; what they command has been
        robot.advance(period_s)                 # through the node's callbacks when this returns

`node` is a TrafficNode that another thread spins. What the robot obeys is what was commanded at
exactly this tick.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from rosgraph_msgs.msg import Clock

from groot_ros.nodes.lockstep_messages import (
    REPORT_TOPIC,
    REPORTS_QOS,
    TICK_QOS,
    TICK_TOPIC,
    to_tick_message,
)
from groot_ros.nodes.lockstep_traffic import TrafficNode
from groot_ros.nodes.messages import to_time
from groot_ros.observation.fields import to_ns
from groot_ros.timing.lockstep import PATIENCE_S, REPEAT_S, Counts, Members, Tick
from groot_ros_msgs.msg import LockstepReport, LockstepTick

# A delay longer than this is not made up for.
LONGEST_CATCH_UP_S = 0.2


class LockstepClock:
    """Publishes /clock and ticks, and waits for the members; `_changed` guards the book.

    `real_time_factor` is simulated time per time at most, 0 for as much as the machine can.
    `repeat` publishes the newest states and pictures once more: a node that joins while time
    stands may have been connected too late for them.
    """

    def __init__(
        self,
        node: TrafficNode,
        period_ns: int,
        real_time_factor: float = 1.0,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.repeat: Callable[[], None] = lambda: None
        self.time_ns = period_ns
        self._patience_s = patience_s
        self._node = node
        self._period_ns = period_ns
        self._period_s = period_ns / 1e9 / real_time_factor if real_time_factor > 0 else 0.0
        self._due_s: float | None = None
        self._changed = threading.Condition()
        self._members = Members()
        self._ended = threading.Event()
        self._clock = node.create_publisher(Clock, "/clock", 1)
        self._ticks = node.create_publisher(LockstepTick, TICK_TOPIC, TICK_QOS)
        node.create_subscription(LockstepReport, REPORT_TOPIC, self._on_report, REPORTS_QOS)
        node.arrived = self._on_arrival

    @property
    def ended(self) -> bool:
        """Whether the thread has to end."""
        return self._ended.is_set()

    @property
    def members(self) -> frozenset[str]:
        """Names of the nodes that the clock waits for."""
        with self._changed:
            return self._members.names

    def close(self) -> None:
        """Make `tick` return."""
        self._ended.set()
        self._on_arrival()

    def tick(self) -> None:
        """Publish a tick and wait until all members have handled it; then advance by one
        period."""
        with self._changed:
            published = self._members.take()
        published |= self._node.traffic.take_sent()
        self._wait_for_members(published)
        self._wait_for_messages()
        self._wait_for_wall()
        self.time_ns += self._period_ns
        self._clock.publish(Clock(clock=to_time(self.time_ns)))

    def _wait_for_members(self, published: Counts) -> None:
        """Members may come while this waits: they are told the tick too."""
        deadline_s = time.monotonic() + self._patience_s
        told = self._tell(published)
        told_s = time.monotonic()
        while not self.ended:
            with self._changed:
                names, missing = self._members.names, self._members.missing(self.time_ns)
                if names <= told and missing:
                    self._changed.wait(min(REPEAT_S, max(0.0, deadline_s - time.monotonic())))
                    names, missing = self._members.names, self._members.missing(self.time_ns)
            if not missing:
                return
            if time.monotonic() > deadline_s:
                self._go_on_without(missing)
                return
            if not names <= told or time.monotonic() - told_s > REPEAT_S:
                self.repeat()
                told |= self._tell(self._node.traffic.take_sent())
                told_s = time.monotonic()

    def _tell(self, published: Counts) -> frozenset[str]:
        names = self.members
        tick = Tick(self.time_ns, self._period_ns, names, published)
        self._ticks.publish(to_tick_message(tick))
        return names

    def _wait_for_messages(self) -> None:
        """What members have published for the clock's own node is here when this returns."""
        deadline_s = time.monotonic() + self._patience_s
        while not self.ended:
            with self._changed:
                missing = self._node.traffic.missing(self._members.published)
                if not missing:
                    return
                self._changed.wait(max(0.0, deadline_s - time.monotonic()))
            if time.monotonic() > deadline_s:
                self._node.get_logger().warning(
                    f"simulated time has waited {self._patience_s:g} s for a message on "
                    f"{', '.join(missing)} and goes on without it"
                )
                return

    def _go_on_without(self, missing: list[str]) -> None:
        with self._changed:
            self._members.drop(missing)
        self._node.get_logger().warning(
            f"simulated time has waited {self._patience_s:g} s for {', '.join(missing)} and goes "
            "on without: the machine is too slow for it, or it hangs"
        )

    def _wait_for_wall(self) -> None:
        if self._period_s == 0.0:
            return
        now_s = time.monotonic()
        due_s = now_s if self._due_s is None else self._due_s + self._period_s
        if now_s - due_s > LONGEST_CATCH_UP_S:
            due_s = now_s
        self._due_s = due_s
        self._ended.wait(max(0.0, due_s - now_s))

    def _on_report(self, message: LockstepReport) -> None:
        published = dict(zip(message.topics, message.counts, strict=True))
        with self._changed:
            self._members.report(message.node, message.member, to_ns(message.stamp), published)
            self._changed.notify_all()

    def _on_arrival(self) -> None:
        with self._changed:
            self._changed.notify_all()
