"""Encoders that take the machine for themselves, and how that is undone.

SVT-AV1 lets all its threads, and the one that calls it, go before every other thread of the
machine where the process may ask for that (as root, so in most containers): SCHED_FIFO at priority
99, and it leaves the caller there. Whatever that starts afterwards inherits it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

FOREMOST = os.sched_get_priority_max(os.SCHED_FIFO)


@contextmanager
def unhurried() -> Iterator[Callable[[], None]]:
    """Encode like any other thread: call what this gives after the first frame, by when all of the
    encoder's threads are there; it is called once more at the end."""
    policy, priority = os.sched_getscheduler(0), os.sched_getparam(0)
    before = _threads()

    def calm() -> None:
        os.sched_setscheduler(0, policy, priority)
        for thread in _threads() - before:
            # It may have ended by now.
            with suppress(OSError):
                if os.sched_getparam(thread).sched_priority == FOREMOST:
                    os.sched_setscheduler(thread, policy, priority)

    try:
        yield calm
    finally:
        calm()


def _threads() -> set[int]:
    """Of this process."""
    return {int(name) for name in os.listdir("/proc/self/task")}
