"""A thread that does something at a steady rate and measures how steady it is."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

import numpy as np

WINDOW = 1000
# Another thread may hold the interpreter this long; Python's own 5 ms are a whole command period.
SWITCH_INTERVAL_S = 0.0005
PRIORITY, NICENESS = 40, -10


class CommandLoop:
    """Calls `tick` at a rate in a thread of its own until it is closed.

    A tick that comes late does not make the next ones late; missed ones are left out. What `tick`
    raises ends the loop and goes to `failed`. Where the system allows it (rtprio and nice in
    limits.conf) the thread is scheduled in real time and the one that starts it is preferred.
    """

    def __init__(
        self, rate_hz: float, tick: Callable[[], None], failed: Callable[[Exception], None]
    ) -> None:
        self.rate_hz = rate_hz
        self.missed = 0
        self._tick = tick
        self._failed = failed
        self._periods_s: deque[float] = deque(maxlen=WINDOW)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="commands", daemon=True)

    def start(self) -> None:
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        # The interpreter's lock is no better than the thread that holds it.
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
        self._thread.start()

    def close(self) -> None:
        """End the thread; returns when its last tick is over."""
        self._ended.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()

    @property
    def measured_rate_hz(self) -> float:
        """Ticks per second over the last thousand."""
        periods_s = list(self._periods_s)
        return 1.0 / float(np.mean(periods_s)) if periods_s else 0.0

    @property
    def jitter_s(self) -> float:
        """99th percentile of the error of the period over the last thousand ticks."""
        periods_s = np.array(self._periods_s)
        if not len(periods_s):
            return 0.0
        return float(np.percentile(np.abs(periods_s - 1.0 / self.rate_hz), 99))

    def _run(self) -> None:
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
        period_s = 1.0 / self.rate_hz
        due_s = last_s = time.monotonic()
        while not self._ended.is_set():
            due_s += period_s
            pause_s = due_s - time.monotonic()
            if pause_s > 0:
                time.sleep(pause_s)
            elif pause_s < -period_s:
                skipped = int(-pause_s // period_s)
                self.missed += skipped
                due_s += skipped * period_s
            now_s = time.monotonic()
            self._periods_s.append(now_s - last_s)
            last_s = now_s
            try:
                self._tick()
            except Exception as error:
                self._failed(error)
                return
