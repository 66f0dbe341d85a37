"""An operator who lets simulated time pass and stops it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from groot_ros.errors import UserError
from groot_ros.nodes.lockstep_member import LockstepMember
from groot_ros.nodes.lockstep_messages import REPORT_TOPIC, REPORTS_QOS
from groot_ros.nodes.lockstep_traffic import TrafficNode
from groot_ros.observation.fields import NS, to_ns
from groot_ros.timing.lockstep import Tick
from groot_ros_msgs.msg import LockstepReport

WAIT_S, LEAVE_S = 60.0, 0.3
SpinUntil = Callable[[Callable[[], bool], float], bool]


class OperatorClock(Protocol):
    """The operator's clock; simulated time can be stopped, wall time cannot."""

    @property
    def now_ns(self) -> int: ...
    @property
    def next_ns(self) -> int: ...
    def stop_at(self, time_ns: int) -> None: ...
    def go_on(self) -> None: ...
    def leave(self) -> None: ...
    def wait_for_members(self, names: list[str]) -> None: ...


class WallClock:
    """Wall time."""

    def __init__(self, node: TrafficNode, spin_until: SpinUntil) -> None:
        self._node = node
        self._spin_until = spin_until

    @property
    def now_ns(self) -> int:
        """Time in ns since the epoch."""
        return int(self._node.get_clock().now().nanoseconds)

    @property
    def next_ns(self) -> int:
        """Time in ns at which a change made now takes effect."""
        return self.now_ns

    def stop_at(self, time_ns: int) -> None:
        """Return at a time."""
        self._spin_until(lambda: False, (time_ns - self.now_ns) / NS)

    def go_on(self) -> None:
        """Do nothing: the wall clock was not stopped."""

    def leave(self) -> None:
        """Do nothing: nobody waits for this node."""

    def wait_for_members(self, names: list[str]) -> None:
        """Do nothing: nobody waits for nodes."""


class LockstepOperatorClock:
    """Simulated time; `on_tick` is called at each tick, when all that was published is known."""

    def __init__(
        self, node: TrafficNode, spin_until: SpinUntil, on_tick: Callable[[int], None]
    ) -> None:
        self._name = node.get_fully_qualified_name()
        self._spin_until = spin_until
        self._on_tick = on_tick
        self._stop_ns: int | None = None
        self._told_ns = 0
        self._handled_ns: dict[str, int] = {}
        self._member = LockstepMember(node, self._handle)
        node.create_subscription(LockstepReport, REPORT_TOPIC, self._on_report, REPORTS_QOS)
        self._member.join()

    @property
    def now_ns(self) -> int:
        """The newest tick, 0 before the first one."""
        tick = self._member.newest
        return tick.stamp_ns if tick else 0

    @property
    def next_ns(self) -> int:
        """Time in ns of the next tick, at which a change made now takes effect."""
        tick = self._member.newest
        return tick.next_ns if tick else 0

    def stop_at(self, time_ns: int) -> None:
        """Let time pass to the first tick at `time_ns` or later, and stop it there with all nodes
        idle."""
        self._stop_ns = time_ns
        self._member.review()
        self._wait(self._stands)

    def go_on(self) -> None:
        """Let time pass again."""
        self._stop_ns = None
        self._member.review()

    def leave(self) -> None:
        """Leave the clock's members, so that time passes without this node."""
        self.go_on()
        self._member.leave()
        # Whoever ends at once may not be heard.
        self._spin_until(lambda: False, LEAVE_S)

    def wait_for_members(self, names: list[str]) -> None:
        """Return once the clock waits for these nodes."""
        wanted = set(names)

        def waited_for() -> bool:
            tick = self._member.newest
            return tick is not None and wanted <= tick.members

        self._wait(waited_for)

    def _wait(self, condition: Callable[[], bool]) -> None:
        """UserError when simulated time does not get there because it stands still."""
        before_ns = -1
        while not self._spin_until(condition, WAIT_S):
            if self.now_ns == before_ns:
                raise UserError(
                    f"simulated time stands still at {self.now_ns / NS:.2f} s: see the output of "
                    "the nodes"
                )
            before_ns = self.now_ns

    def _stands(self) -> bool:
        tick = self._member.newest
        if tick is None or self._stop_ns is None or tick.stamp_ns < self._stop_ns:
            return False
        # A clock that has not heard of this node yet goes on without it.
        others = tick.members - {self._name}
        return self._name in tick.members and all(
            self._handled_ns.get(name) == tick.stamp_ns for name in others
        )

    def _on_report(self, message: LockstepReport) -> None:
        self._handled_ns[message.node] = to_ns(message.stamp)

    def _handle(self, tick: Tick) -> bool:
        if tick.stamp_ns != self._told_ns:
            self._told_ns = tick.stamp_ns
            self._on_tick(tick.stamp_ns)
        return self._stop_ns is None or tick.stamp_ns < self._stop_ns
