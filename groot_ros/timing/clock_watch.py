"""Whether somebody set the clock."""

from __future__ import annotations

import time
from collections.abc import Callable

# Between two readings that belong together nothing else may have run for longer.
READ_NS = 200_000
ATTEMPTS = 20
# What slews a clock is slower than this between two readings.
JUMP_NS = 2_000_000


class ClockWatch:
    """Compares a clock with a steady one whenever it is read.

    Not safe for several threads: whoever owns it guards it.
    """

    def __init__(
        self, clock: Callable[[], int], steady: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._clock = clock
        self._steady = steady
        self._offset_ns: int | None = None

    def read(self) -> tuple[int, int]:
        """The time in ns, and by how much it was set since the last reading, 0 for not at all."""
        for _ in range(ATTEMPTS):
            before_ns = self._steady()
            now_ns = self._clock()
            if self._steady() - before_ns < READ_NS:
                break
        offset_ns = now_ns - before_ns
        last_ns = offset_ns if self._offset_ns is None else self._offset_ns
        self._offset_ns = offset_ns
        jump_ns = offset_ns - last_ns
        return now_ns, jump_ns if abs(jump_ns) > JUMP_NS else 0
