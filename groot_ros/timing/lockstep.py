"""Simulated time in lockstep: the clock stands still until everybody has done what is due.

One node is the clock, others are its members (conservative time management: Chandy and Misra
1979, "Distributed Simulation: A Case Study in Design and Verification of Distributed Programs").
The clock publishes a tick; a member handles it once it holds everything that was published before
it, and reports; when all have reported the clock goes on. What somebody publishes while handling
tick t is therefore known to all others at tick t + period, on whatever machine, beside whatever
load.

Topics have no order among each other, so ticks and reports name what was published by topic and
number, and `Traffic` tells what has arrived. `Members` is the clock's book, `Turn` a member's.
Nothing here knows ROS: `nodes/lockstep_clock.py` is the clock of a simulator or of a fake robot,
`nodes/lockstep_member.py` the member in a node.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

T = TypeVar("T")

REPEAT_S = 1.0
"""Wall time after which the clock tells a tick again, to nodes that have just been connected."""
PATIENCE_S = 20.0
"""Wall time that the clock waits for a member before it goes on without it."""

UNNUMBERED = 2**64 - 1
"""What a middleware without numbers says; nobody waits then, and order is not kept."""

Counts = dict[str, int]
"""By topic the number of the newest message, counted from 1 by its publisher."""


class Traffic:
    """What a node has published and received, by topic and number; safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sent: Counts = {}
        self._received: Counts = {}
        self._expected: set[str] = set()

    def expect(self, topic: str) -> None:
        """The node subscribes to a topic."""
        with self._lock:
            self._expected.add(topic)

    def sent(self, topic: str, count: int) -> None:
        """The node has published message number `count` of a topic."""
        with self._lock:
            self._sent[topic] = count

    def received(self, topic: str, count: int) -> None:
        """A callback of the node has had message number `count` of a topic."""
        with self._lock:
            # Not the largest one: a publisher that was started again counts from 1 again.
            self._received[topic] = count

    def take_sent(self) -> Counts:
        """What was published since the last call."""
        with self._lock:
            sent, self._sent = self._sent, {}
        return sent

    def missing(self, wanted: Mapping[str, int]) -> list[str]:
        """Topics of the node's own on which something of `wanted` has not arrived yet."""
        with self._lock:
            return [
                topic
                for topic, count in wanted.items()
                if topic in self._expected and self._received.get(topic, 0) < count
            ]


@dataclass(frozen=True)
class Tick:
    """A moment of simulated time; `published` is what came before it and is to be known."""

    stamp_ns: int
    period_ns: int
    members: frozenset[str] = frozenset()
    published: Mapping[str, int] = field(default_factory=dict)

    @property
    def next_ns(self) -> int:
        """When the next tick comes."""
        return self.stamp_ns + self.period_ns


class Inbox(Generic[T]):
    """Messages of one topic that count from the tick on that names them."""

    def __init__(self) -> None:
        self._messages: deque[tuple[int, T]] = deque()

    def put(self, count: int, message: T) -> None:
        """Message number `count` has arrived, maybe before others have handled the tick."""
        self._messages.append((count, message))

    def take(self, announced: int) -> list[T]:
        """Those up to number `announced`."""
        taken = []
        while self._messages and self._messages[0][0] % UNNUMBERED <= announced:
            taken.append(self._messages.popleft()[1])
        return taken


class Members:
    """The clock's book: who is waited for, and what they have reported. Guard it with a lock."""

    def __init__(self) -> None:
        self._handled_ns: dict[str, int] = {}
        self._published: Counts = {}

    @property
    def names(self) -> frozenset[str]:
        """Who is waited for."""
        return frozenset(self._handled_ns)

    def report(self, name: str, is_member: bool, handled_ns: int, published: Counts) -> None:
        """A node has handled a tick, joins or leaves; what it published is kept till `take`."""
        self._published |= published
        if is_member:
            self._handled_ns[name] = handled_ns
        else:
            self._handled_ns.pop(name, None)

    def missing(self, time_ns: int) -> list[str]:
        """Who has not handled the tick at a time."""
        return sorted(name for name, ns in self._handled_ns.items() if ns != time_ns)

    def drop(self, names: list[str]) -> None:
        """Wait for them no more; whoever reports again is waited for again."""
        for name in names:
            self._handled_ns.pop(name, None)

    @property
    def published(self) -> Counts:
        """What was reported since the last `take`."""
        return dict(self._published)

    def take(self) -> Counts:
        """What was reported since the last call."""
        published, self._published = self._published, {}
        return published


class Turn:
    """A member's book: which tick is to be handled. Guard it with a lock.

    `name` is the member's own. A tick is handled once, when all that it names has arrived; the
    first one must name the member, so that its time begins where the clock waits for it. Whom the
    clock has stopped waiting for still handles what comes, and is waited for again.

    A report may be lost. Each names all that was published since the last one that the clock is
    known to have, and is made again when a tick shows that the clock has not got it.
    """

    def __init__(self, name: str, traffic: Traffic) -> None:
        self._name = name
        self._traffic = traffic
        self._tick: Tick | None = None
        self._handled_ns = 0
        self._joined = self._named = False
        self._announced: Counts = {}
        self._published: Counts = {}

    def join(self) -> None:
        """Take part from the next tick on that names the member."""
        self._joined, self._named, self._handled_ns = True, False, 0
        self._published = {}

    def leave(self) -> None:
        """Take part no more."""
        self._joined = False

    @property
    def joined(self) -> bool:
        return self._joined

    @property
    def handled_ns(self) -> int:
        """The newest tick that was handled, 0 for none."""
        return self._handled_ns

    def come(self, tick: Tick) -> None:
        """A tick has come; the same one comes again when somebody has joined."""
        self._announced |= tick.published
        current = self._tick
        is_waited_for = self._name in tick.members
        has_handled = current is not None and current.stamp_ns == self._handled_ns
        if is_waited_for and has_handled and tick.stamp_ns != self._handled_ns:
            # The clock went on, so it has the report of that tick.
            self._published = {}
        self._named = self._named or is_waited_for
        if current and current.stamp_ns == tick.stamp_ns:
            # What came before it was named the first time; since then something was repeated.
            tick = replace(tick, published={**current.published, **tick.published})
        elif not is_waited_for:
            # Messages from before the node was waited for may never come.
            tick = replace(tick, published={})
        self._tick = tick

    def unheard(self, tick: Tick) -> bool:
        """Whether a tick that has come shows that the clock lacks the last report.

        Not so for a member that it has stopped waiting for: that one reports when it has handled
        a tick, and not before.
        """
        if self._joined:
            return tick.stamp_ns == self._handled_ns or not self._named
        return self._name in tick.members

    def publishes(self, sent: Counts) -> Counts:
        """What the next report names, given what was sent since the last one."""
        self._published |= sent
        return dict(self._published)

    def waive(self) -> None:
        """Handle the newest tick without what has not arrived."""
        if tick := self._tick:
            self._tick = replace(tick, published={})

    def announced(self, topic: str) -> int:
        """The number of the newest message of a topic that was published before the tick."""
        return self._announced.get(topic, 0)

    @property
    def newest(self) -> Tick | None:
        """The newest tick, handled or not."""
        return self._tick

    def due(self) -> Tick | None:
        """The tick to handle now, None while there is none or something has not arrived."""
        tick = self._tick
        if tick is None or not (self._joined and self._named):
            return None
        if tick.stamp_ns == self._handled_ns or self._traffic.missing(tick.published):
            return None
        return tick

    def handled(self, tick: Tick) -> None:
        """A tick has been handled."""
        self._handled_ns = tick.stamp_ns
