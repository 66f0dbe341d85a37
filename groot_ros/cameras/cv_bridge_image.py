"""Pictures by cv_bridge where it is installed, of what it was tested to read as we do.

Others are not left to it: where rows end in padding its versions differ, some misread them; it
knows neither uyvy nor yuyv, and its byte order fails beside numpy 2.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Convert = Callable[[Any, str], NDArray[np.uint8]]

# Bytes of a pixel, by encoding.
EQUAL = {
    **{"rgb8": 3, "bgr8": 3, "rgba8": 4, "bgra8": 4, "mono8": 1},
    **dict.fromkeys(("bayer_rggb8", "bayer_bggr8", "bayer_gbrg8", "bayer_grbg8"), 1),
}


def is_read_equally(message: Any) -> bool:
    """Whether an Image is of those that both read to the same picture: without padding."""
    size = EQUAL.get(message.encoding)
    return (
        size is not None
        and message.step == size * message.width > 0
        and len(message.data) == message.step * message.height > 0
        and not message.is_bigendian
    )


def read_by_cv_bridge(message: Any) -> NDArray[np.uint8] | None:
    """Picture (H, W, 3) uint8 RGB of an Image; None where cv_bridge is not to read it."""
    if not is_read_equally(message) or (convert := find_cv_bridge()) is None:
        return None
    return convert(message, "rgb8")


@cache
def find_cv_bridge() -> Convert | None:
    """What cv_bridge converts an Image to an encoding with; None without one that works."""
    try:
        from cv_bridge import CvBridge

        convert: Convert = CvBridge().imgmsg_to_cv2
        convert(_smallest(), "rgb8")
    except Exception:
        # Its part in C++ does not load beside another numpy than its own, in whichever way.
        return None
    return convert


def _smallest() -> SimpleNamespace:
    return SimpleNamespace(
        height=1, width=1, encoding="bgr8", is_bigendian=0, step=3, data=bytes(3)
    )
