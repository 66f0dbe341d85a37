"""What processes that handle picture after picture side by side set for themselves."""

from __future__ import annotations

import cv2

from groot_ros.allocator import LARGEST_BYTES, keep_freed


def prepare_worker() -> None:
    """One thread of OpenCV, because processes that share cores would wait for those of one
    another; and freed pictures are kept for the next ones."""
    cv2.setNumThreads(1)
    keep_freed(2 * LARGEST_BYTES)
