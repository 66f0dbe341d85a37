"""Pictures by cv_bridge where it is installed, of what it reads as we do.

Others are not left to it: where rows end in padding its versions differ, some misread them; it
knows neither uyvy nor yuyv, and its byte order fails beside numpy 2.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

logger = logging.getLogger(__name__)

Convert = Callable[[Any, str], NDArray[np.uint8]]
Read = Callable[[Any], NDArray[np.uint8]]

# Bytes of a pixel, by encoding.
EQUAL = {
    **{"rgb8": 3, "bgr8": 3, "rgba8": 4, "bgra8": 4, "mono8": 1},
    **dict.fromkeys(("bayer_rggb8", "bayer_bggr8", "bayer_gbrg8", "bayer_grbg8"), 1),
}
# Of the pictures with which it is tried.
HEIGHT, WIDTH = 6, 8


def is_read_equally(message: Any) -> bool:
    """Whether an Image is of those that both read to the same picture: without padding."""
    size = EQUAL.get(message.encoding)
    return (
        size is not None
        and message.step == size * message.width > 0
        and len(message.data) == message.step * message.height > 0
        and not message.is_bigendian
    )


def read_by_cv_bridge(message: Any, own: Read) -> NDArray[np.uint8] | None:
    """Picture (H, W, 3) uint8 RGB of an Image; None where cv_bridge is not to read it.

    `own` is our own way, with which it is compared.
    """
    if not is_read_equally(message) or (convert := find_cv_bridge(own)) is None:
        return None
    return convert(message, "rgb8")


@cache
def find_cv_bridge(own: Read) -> Convert | None:
    """What cv_bridge converts an Image to an encoding with; None without one that works and reads
    a picture of each encoding as `own` does."""
    try:
        from cv_bridge import CvBridge

        convert: Convert = CvBridge().imgmsg_to_cv2
        for encoding in EQUAL:
            trial = _trial(encoding)
            if not np.array_equal(convert(trial, "rgb8"), own(trial)):
                raise ValueError(f"it reads {encoding} as another picture")
    # Its part in C++ does not load beside another numpy than its own, in whichever way.
    except Exception as error:
        if not isinstance(error, ModuleNotFoundError) or error.name != "cv_bridge":
            logger.warning(
                "cv_bridge is installed but does not work (%r): pictures are read without it",
                error,
            )
        return None
    return convert


def _trial(encoding: str) -> SimpleNamespace:
    """An Image of many colours."""
    step = EQUAL[encoding] * WIDTH
    data = np.random.default_rng(0).integers(0, 256, HEIGHT * step, dtype=np.uint8)
    return SimpleNamespace(
        height=HEIGHT,
        width=WIDTH,
        encoding=encoding,
        is_bigendian=0,
        step=step,
        data=data.tobytes(),
    )
