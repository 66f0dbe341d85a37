"""What a process of glibc keeps of the memory that it frees; other C libraries are left alone."""

from __future__ import annotations

import ctypes
from contextlib import suppress

# Of glibc's malloc.h; the values are in bytes and heaps.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
LARGEST_BYTES = 32 << 20
"""The most that glibc lets lie in its heaps, and more than a decoded picture of 4K."""


def keep_freed(kept_bytes: int, heaps: int | None = None) -> None:
    """What is freed stays in the process for what comes next, up to `kept_bytes` at the end of a
    heap, of which all threads share `heaps`.

    A page that the system takes back has to be cleared when it gives it again.
    """
    with suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        if heaps is not None:
            mallopt(M_ARENA_MAX, heaps)
        mallopt(M_MMAP_THRESHOLD, LARGEST_BYTES)
        mallopt(M_TRIM_THRESHOLD, kept_bytes)


def give_back() -> None:
    """Whole pages that nothing lies in go back to the system, wherever they are."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
