"""When an inference begins and when its chunk counts: on a robot, and in simulated time that waits
for both."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from enum import Enum, auto
from typing import Protocol

from groot_ros.timing.latency import Delay, Delays, Latency


class Turns(Protocol):
    """What an inference loop asks before and after each step.

    `begin` waits for an occasion to look whether there is something to infer; then it goes on with
    `space`, `observed` and `wait_due` if there is, and with `end` in any case.
    """

    def begin(self, timeout_s: float) -> bool: ...
    def space(self, period_s: float) -> None: ...
    def observed(self, stamp_ns: int) -> None: ...
    def wait_due(self) -> bool: ...
    def end(self) -> None: ...
    def restart(self) -> None: ...
    def wake(self) -> None: ...


class WallTurns:
    """On a robot: at once, and a chunk counts when it is made."""

    def __init__(self) -> None:
        self._wake = threading.Event()
        self._next_s = 0.0

    def begin(self, timeout_s: float) -> bool:
        """Wait to be woken, and no longer than that."""
        self._wake.wait(timeout_s)
        self._wake.clear()
        return True

    def space(self, period_s: float) -> None:
        """Wait until a period has passed since the last call."""
        if (pause_s := self._next_s - time.monotonic()) > 0:
            self._wake.wait(pause_s)
        self._next_s = time.monotonic() + period_s

    def observed(self, stamp_ns: int) -> None:
        """Record the beginning of an inference."""

    def wait_due(self) -> bool:
        """A chunk may be published as soon as it is made."""
        return True

    def end(self) -> None:
        """All is done."""

    def restart(self) -> None:
        """Begin an episode."""

    def wake(self) -> None:
        """There is something new to look at."""
        self._wake.set()


class _Doing(Enum):
    """What the inference thread does."""

    NOTHING = auto()
    ASKED = auto()
    """To look whether there is something to do at this tick."""
    LOOKING = auto()
    INFERRING = auto()
    PUBLISHING = auto()


class LockstepTurns:
    """Between the thread that hears of ticks and the one that infers.

    An inference begins at a tick and takes until its chunk is due, as `Latency` declares it; the
    next one begins at that time or later. `changed` is called, without the lock, when `handle` may
    have another answer. `_changed` guards everything.
    """

    def __init__(self, latency: Latency, changed: Callable[[], None] = lambda: None) -> None:
        self._delays = Delays(latency)
        self._tell = changed
        self._changed = threading.Condition()
        self._doing = _Doing.NOTHING
        self._entered = False
        self._now_ns = self._next_ns = self._free_ns = self._earliest_ns = 0
        self._delay = Delay(0, False)

    def enter(self) -> None:
        """From now on `handle` is called at every tick."""
        with self._changed:
            self._entered = True
            self._now_ns = self._free_ns = 0

    def leave(self) -> None:
        """There are no more ticks: nobody is to wait for one."""
        with self._changed:
            self._entered = False
            if self._doing is _Doing.ASKED:
                self._doing = _Doing.NOTHING
            self._changed.notify_all()

    def restart(self) -> None:
        """Restart the same sequence of delays, at the beginning of an episode."""
        with self._changed:
            self._delays.restart()

    def handle(self, now_ns: int, next_ns: int) -> bool:
        """Whether all is done that is due before the tick at `next_ns`."""
        with self._changed:
            if now_ns != self._now_ns:
                self._now_ns, self._next_ns = now_ns, next_ns
                if self._doing is _Doing.NOTHING and now_ns >= self._free_ns:
                    self._doing = _Doing.ASKED
                self._changed.notify_all()
            if self._doing is _Doing.INFERRING:
                return self._delay.due_ns > next_ns
            return self._doing is _Doing.NOTHING

    def begin(self, timeout_s: float) -> bool:
        """Wait to be asked; whether that was in time."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._doing is _Doing.ASKED, timeout_s):
                return False
            self._doing = _Doing.LOOKING
            return True

    def space(self, period_s: float) -> None:
        """The next inference begins a period later than this one, or still later."""
        with self._changed:
            self._earliest_ns = self._now_ns + round(period_s * 1e9)

    def observed(self, stamp_ns: int) -> None:
        """Record the beginning of an inference on pictures that were taken at a time in ns."""
        with self._changed:
            self._doing = _Doing.INFERRING
            self._delay = self._delays.next(stamp_ns)
        self._tell()

    def wait_due(self) -> bool:
        """Wait until the chunk may be published; False for one that is to be lost."""
        with self._changed:
            self._changed.wait_for(
                lambda: not self._entered or self._delay.due_ns <= self._next_ns
            )
            self._doing = _Doing.PUBLISHING
            self._free_ns = max(self._delay.due_ns, self._earliest_ns)
            return not self._delay.is_lost

    def end(self) -> None:
        """End the turn, its work done or none to do."""
        with self._changed:
            self._doing = _Doing.NOTHING
        self._tell()

    def wake(self) -> None:
        """The next tick comes anyway."""
