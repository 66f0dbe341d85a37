"""Pictures of depth, or of any one number of more than 8 bits a pixel, as grey.

Numbers: whole ones are mm and 0 where nothing was measured, floating ones m and NaN or infinite
there (REP 118). compressedDepth is PNG behind a head of 12 bytes; floating depth z is in it as
q = a / z + b with the head's last two numbers a and b, and 0 for none
(compressed_depth_image_transport, codec.cpp).
"""

from __future__ import annotations

import re
import struct
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from groot_ros.errors import UserError

Range = tuple[float, float]

_DEPTH = re.compile(r"mono16|(16|32)[US](C1?)?|(32|64)F(C1?)?")
_HEAD = struct.Struct("<iff")
COMPRESSED_DEPTH = "compressedDepth"
MM = 1e-3


def is_depth(encoding: str) -> bool:
    """Whether an encoding is one number of more than 8 bits a pixel."""
    return bool(_DEPTH.fullmatch(encoding))


def depth_to_rgb(values: NDArray[Any], range_m: Range | None, what: str) -> NDArray[np.uint8]:
    """Grey picture (H, W, 3) uint8 RGB of depth (H, W).

    What is nearer than the range is 1 and what is further 255, with equal steps between; 0 is
    what was not measured. UserError without a range, that names `what`.
    """
    if range_m is None:
        raise UserError(
            f"{what} is depth or has more than 8 bits, of which nobody knows how they become a "
            "picture: set depth_range: [NEAR, FAR] (in m; whole numbers count as mm) at the "
            "camera in the robot file, or name its colour topic"
        )
    near_m, far_m = range_m
    depth_m = values.astype(np.float32)
    if values.dtype.kind != "f":
        depth_m *= MM
    is_measured = np.isfinite(depth_m) & (depth_m > 0)
    share = (np.where(is_measured, depth_m, near_m) - near_m) / (far_m - near_m)
    grey = np.rint(1 + 254 * np.clip(share, 0, 1)).astype(np.uint8)
    grey[~is_measured] = 0
    return np.repeat(grey[..., None], 3, axis=2)


def compressed_depth(form: str, data: NDArray[np.uint8]) -> NDArray[Any]:
    """Depth (H, W), in mm or floating in m, of a message with format "...compressedDepth...";
    UserError where it does not decode."""
    image = None
    if "rvl" not in form and len(data) > _HEAD.size:
        image = cv2.imdecode(data[_HEAD.size :], cv2.IMREAD_UNCHANGED)
    if image is None or image.ndim != 2:
        raise UserError(
            f"compressed image of {len(data)} bytes with format {form!r} does not decode, "
            "expected PNG: set the format of compressedDepth to png at its publisher"
        )
    if not form.startswith("32FC1"):
        return image
    _, a, b = _HEAD.unpack_from(data.tobytes())
    numbers = image.astype(np.float32)
    return np.where(image == 0, np.nan, a / np.where(image == 0, 1, numbers - b))
