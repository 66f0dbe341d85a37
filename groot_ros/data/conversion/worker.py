"""What processes that handle picture after picture side by side set for themselves."""

from __future__ import annotations

import gc

import cv2

from groot_ros.allocator import LARGEST_BYTES, keep_freed


def prepare_worker() -> None:
    """One thread of OpenCV, because processes that share cores would wait for those of one
    another; freed pictures are kept for the next ones; and the collection of garbage, which the
    messages of a bag start over and over, does not look through what was imported."""
    cv2.setNumThreads(1)
    keep_freed(2 * LARGEST_BYTES)
    if not gc.get_freeze_count():
        gc.collect()
        gc.freeze()
