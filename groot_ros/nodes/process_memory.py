"""How a node's process keeps its memory."""

from __future__ import annotations

import time

from groot_ros import allocator

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
        self._due_s = time.monotonic() + PERIOD_S
        allocator.keep_freed(allocator.LARGEST_BYTES, HEAPS)

    def look(self) -> None:
        """Return free memory to the system if that is due."""
        now_s = time.monotonic()
        if now_s >= self._due_s:
            self._due_s = now_s + PERIOD_S
            allocator.give_back()
