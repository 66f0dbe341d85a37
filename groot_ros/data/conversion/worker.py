"""What processes that handle picture after picture side by side set for themselves."""

from __future__ import annotations

import ctypes
from contextlib import suppress

import cv2

# Numbers of glibc's mallopt.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
# Larger than a decoded picture of 4K, which has 25 MB.
_PICTURE_BYTES = 32 * 2**20
_KEPT_BYTES = 2 * _PICTURE_BYTES


def prepare_worker() -> None:
    """One thread of OpenCV, because processes that share cores would wait for those of one
    another; and freed pictures are kept for the next ones: a page that the system takes back has
    to be cleared when it gives it again, which takes up to a tenth of a conversion."""
    cv2.setNumThreads(1)
    # Other C libraries have no such function.
    with suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_THRESHOLD, _PICTURE_BYTES)
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
