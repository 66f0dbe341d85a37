"""Something done at a steady rate: by a thread that measures how steady it is, or by a clock that
is handed in."""

from __future__ import annotations

import math
import os
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

WINDOW = 1000
# Another thread may hold the interpreter this long; Python's own 5 ms are a whole command period.
SWITCH_INTERVAL_S = 0.0005
PRIORITY, NICENESS = 40, -10
# At 0.5 m/s the arm goes 0.1 mm in this time: so much may a command be too soon after a late one.
LATENESS_S = 0.0002


def prefer_this_thread() -> None:
    """For every thread beside a command loop: the interpreter's lock is no better than the thread
    that holds it."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS)


def due_after(due_s: float, period_s: float, made_s: float, spare_s: float) -> float:
    """When the tick is due after one that was due at a time and made its command at another."""
    return max(due_s, made_s - spare_s) + period_s


class _Loop:
    """What `tick` raises goes to `failed`, and the next tick comes all the same."""

    def __init__(
        self, rate_hz: float, tick: Callable[[], None], failed: Callable[[Exception], None]
    ) -> None:
        self.rate_hz = rate_hz
        self._tick = tick
        self._failed = failed

    def _do(self) -> None:
        try:
            self._tick()
        except Exception as error:
            # Whatever it is: a robot that gets no commands any more may go on as fast as it was.
            try:
                self._failed(error)
            except Exception:
                traceback.print_exc()


class SteppedLoop(_Loop):
    """Calls `tick` at a rate of the times that `step` is given."""

    jitter_s = 0.0

    def __init__(
        self, rate_hz: float, tick: Callable[[], None], failed: Callable[[Exception], None]
    ) -> None:
        super().__init__(rate_hz, tick, failed)
        self._ended = False
        self._due_ns = 0
        self._times_ns: deque[int] = deque(maxlen=WINDOW)

    def start(self) -> None:
        """Nothing happens before the first step."""

    def mark(self, spare_s: float) -> None:
        """The times are those that are given."""

    def close(self) -> None:
        """Do nothing any more."""
        self._ended = True

    @property
    def measured_rate_hz(self) -> float:
        """Ticks per second of the times that were given, over the last thousand."""
        if len(self._times_ns) < 2:
            return 0.0
        return (len(self._times_ns) - 1) * 1e9 / (self._times_ns[-1] - self._times_ns[0])

    def step(self, now_ns: int) -> None:
        """It is a later time now; tick if that is due."""
        period_ns = round(1e9 / self.rate_hz)
        late_ns = now_ns - self._due_ns
        if self._ended or -period_ns <= late_ns < 0:
            return
        if not 0 <= late_ns < period_ns:
            # The first time, or one after a jump of the clock.
            self._due_ns = now_ns
            self._times_ns.clear()
        self._due_ns += period_ns
        self._times_ns.append(now_ns)
        self._do()


class CommandLoop(_Loop):
    """Calls `tick` at a rate in a thread of its own until it is closed.

    A tick that is late does not make the next ones late, as far as the motion has time to spare.
    Beyond that lost time is lost: a tick is a period of motion, so no tick comes sooner after the
    last one's `mark` than a period less what that has said, or `LATENESS_S`. Where the system
    allows it (rtprio and nice in limits.conf) the thread is scheduled in real time and the one
    that starts it is preferred.
    """

    def __init__(
        self, rate_hz: float, tick: Callable[[], None], failed: Callable[[Exception], None]
    ) -> None:
        super().__init__(rate_hz, tick, failed)
        self._periods_s = np.zeros(WINDOW)
        self._ticks = 0
        self._marked_s, self._spare_s = 0.0, LATENESS_S
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="commands", daemon=True)

    def start(self) -> None:
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        prefer_this_thread()
        self._thread.start()

    def mark(self, spare_s: float) -> None:
        """Called from a tick: this is when its command is made; the next one may come by so much
        sooner than a period later."""
        self._marked_s, self._spare_s = time.monotonic(), max(spare_s, LATENESS_S)

    def close(self) -> None:
        """End the thread; returns when its last tick is over."""
        self._ended.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()

    @property
    def measured_rate_hz(self) -> float:
        """Ticks per second over the last thousand."""
        periods_s = self._measured_s
        return 1.0 / float(periods_s.mean()) if len(periods_s) else 0.0

    @property
    def jitter_s(self) -> float:
        """99th percentile of the error of the period over the last thousand ticks."""
        errors_s = np.abs(self._measured_s - 1.0 / self.rate_hz)
        rank = math.ceil(0.99 * len(errors_s)) - 1
        return float(np.partition(errors_s, rank)[rank]) if len(errors_s) else 0.0

    @property
    def _measured_s(self) -> NDArray[np.float64]:
        return self._periods_s[: min(self._ticks, WINDOW)]

    def _run(self) -> None:
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
        period_s = 1.0 / self.rate_hz
        last_s = time.monotonic()
        due_s = last_s + period_s
        while not self._ended.is_set():
            pause_s = due_s - time.monotonic()
            if pause_s > 0:
                time.sleep(pause_s)
            now_s = time.monotonic()
            self._periods_s[self._ticks % WINDOW] = now_s - last_s
            self._ticks += 1
            last_s = now_s
            self._do()
            made_s = max(now_s, self._marked_s)
            due_s = due_after(due_s, period_s, made_s, self._spare_s)
