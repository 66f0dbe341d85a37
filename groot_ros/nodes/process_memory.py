"""How a node's process keeps its memory."""

from __future__ import annotations

import ctypes
import time
from contextlib import suppress

# Of glibc's malloc.h; the values are in bytes and heaps.
M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, M_ARENA_MAX = -3, -1, -8
# The most that glibc allows: what is larger lies apart from the heaps.
LARGE_BYTES = 32 << 20
HEAPS = 2
PERIOD_S = 60.0


class ProcessMemory:
    """Two heaps for all threads, of which now and then what is free goes back to the system.

    Pictures come and go in several threads, and glibc keeps a heap for each, with holes that
    nothing fits into: the process would grow for hours. Pictures apart from the heaps leave no
    holes, but each is new memory then, page by page, while the interpreter is locked: a raw one of
    640x480 held up every other thread for 2 ms instead of 0.4. Other C libraries are left as they
    are.
    """

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None)
        self._due_s = time.monotonic() + PERIOD_S
        with suppress(AttributeError):
            self._library.mallopt(M_ARENA_MAX, HEAPS)
            self._library.mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
            self._library.mallopt(M_TRIM_THRESHOLD, LARGE_BYTES)

    def look(self) -> None:
        """Give back what is free if that is due."""
        now_s = time.monotonic()
        if now_s >= self._due_s:
            self._due_s = now_s + PERIOD_S
            self.give_back()

    def give_back(self) -> None:
        """Whole pages that nothing lies in go back to the system, wherever they are."""
        with suppress(AttributeError):
            self._library.malloc_trim(0)
