"""How a node's process keeps its memory."""

from __future__ import annotations

import ctypes
from contextlib import suppress

# Of glibc's malloc.h; the values are in bytes and heaps.
M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, M_ARENA_MAX = -3, -1, -8
LARGE_BYTES = 128 << 10
HEAPS = 2


def return_what_is_freed() -> None:
    """Pictures come and go in several threads, and glibc keeps a heap for each, with holes that
    nothing fits into: the process would grow for hours. Two heaps, and what is large apart from
    them, is given back when it is freed. Other C libraries are left as they are.
    """
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(M_ARENA_MAX, HEAPS)
        library.mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
        library.mallopt(M_TRIM_THRESHOLD, LARGE_BYTES)
