"""Pictures out of sensor_msgs Image and CompressedImage, live or from a bag, without ROS.

Works on any object with the message's fields. Encodings are those of
sensor_msgs/image_encodings.hpp; the results equal cv_bridge's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from groot_ros.errors import UserError


class ImageMessage(Protocol):
    """The fields of sensor_msgs/Image."""

    height: int
    width: int
    encoding: str
    is_bigendian: int
    step: int
    data: Any


class CompressedImageMessage(Protocol):
    """The fields of sensor_msgs/CompressedImage."""

    format: str
    data: Any


_NAMED = {"rgb": 3, "bgr": 3, "rgba": 4, "bgra": 4, "mono": 1}
_YUV422 = {
    "yuv422": cv2.COLOR_YUV2RGB_UYVY,
    "uyvy": cv2.COLOR_YUV2RGB_UYVY,
    "yuv422_yuy2": cv2.COLOR_YUV2RGB_YUY2,
    "yuyv": cv2.COLOR_YUV2RGB_YUY2,
}
# OpenCV names a Bayer pattern by its second row and column, ROS by its first.
_BAYER = {
    "bayer_rggb": cv2.COLOR_BayerBG2RGB,
    "bayer_bggr": cv2.COLOR_BayerRG2RGB,
    "bayer_gbrg": cv2.COLOR_BayerGR2RGB,
    "bayer_grbg": cv2.COLOR_BayerGB2RGB,
}
_KINDS = {"U": "u", "S": "i", "F": "f"}


def _layout(encoding: str) -> tuple[np.dtype[Any], int]:
    """Number type and channels of an encoding."""
    if encoding in _YUV422:
        return np.dtype(np.uint8), 2
    if match := re.fullmatch(r"(rgba?|bgra?|mono)(8|16)", encoding):
        return np.dtype(f"u{int(match[2]) // 8}"), _NAMED[match[1]]
    if match := re.fullmatch(r"(bayer_[rgb]{4})(8|16)", encoding):
        return np.dtype(f"u{int(match[2]) // 8}"), 1
    if match := re.fullmatch(r"(8|16|32|64)([USF])C?(\d+)?", encoding):
        return np.dtype(f"{_KINDS[match[2]]}{int(match[1]) // 8}"), int(match[3] or 1)
    raise UserError(
        f"image encoding {encoding!r} is not understood, expected one of sensor_msgs' encodings "
        "such as rgb8, bgr8, mono8 or bayer_rggb8: set it in the camera driver"
    )


def image_to_array(message: ImageMessage) -> NDArray[Any]:
    """Pixels (H, W) or (H, W, C) in the message's own type and order, a view where possible.

    Padded rows and foreign byte order are handled; UserError when the buffer is too small.
    """
    dtype, channels = _layout(message.encoding)
    dtype = dtype.newbyteorder(">" if message.is_bigendian else "<")
    row = message.width * channels * dtype.itemsize
    needed = message.step * (message.height - 1) + row
    is_empty = message.height == 0 or message.width == 0
    if is_empty or message.step < row or len(message.data) < needed:
        raise UserError(
            f"image of {message.width}x{message.height} {message.encoding} has step "
            f"{message.step} and {len(message.data)} bytes, expected a step of at least {row} and "
            f"{needed} bytes: check the camera driver"
        )
    shape: tuple[int, ...] = (message.height, message.width, channels)
    strides: tuple[int, ...] = (message.step, channels * dtype.itemsize, dtype.itemsize)
    if channels == 1:
        shape, strides = shape[:2], strides[:2]
    view: NDArray[Any] = np.ndarray(shape, dtype, memoryview(message.data), strides=strides)
    return view if dtype.isnative else view.astype(dtype.newbyteorder("="))


def image_to_rgb(message: ImageMessage) -> NDArray[np.uint8]:
    """Picture (H, W, 3) uint8 RGB; UserError for an encoding that has no colour, such as depth."""
    array = image_to_array(message)
    encoding = message.encoding
    if encoding in _YUV422:
        return _rgb(cv2.cvtColor(np.ascontiguousarray(array), _YUV422[encoding]))
    if encoding.startswith("bayer_"):
        mosaic = np.ascontiguousarray(_eight_bits(array))
        return _rgb(cv2.cvtColor(mosaic, _BAYER[encoding.rstrip("0123456789")]))
    for prefix, convert in _COLOUR.items():
        if re.fullmatch(prefix + "(8|16)", encoding):
            return _rgb(convert(_eight_bits(array)))
    raise UserError(
        f"image encoding {encoding!r} has no colour, expected for example rgb8, bgr8 or mono8: "
        "name the colour topic of the camera in the robot file"
    )


def _rgb(array: NDArray[Any]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(array, dtype=np.uint8)


def _eight_bits(array: NDArray[Any]) -> NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return array
    return np.rint(array * (255.0 / 65535.0)).astype(np.uint8)


def _swap(code: int) -> Callable[[NDArray[Any]], NDArray[Any]]:
    return lambda array: cv2.cvtColor(np.ascontiguousarray(array), code)


_COLOUR: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "rgb": lambda array: array,
    "bgr": _swap(cv2.COLOR_BGR2RGB),
    "rgba": lambda array: array[..., :3],
    "bgra": _swap(cv2.COLOR_BGRA2RGB),
    "mono": lambda array: np.repeat(array[..., None], 3, axis=2),
}


def compressed_to_rgb(message: CompressedImageMessage) -> NDArray[np.uint8]:
    """Picture (H, W, 3) uint8 RGB of a JPEG or PNG; UserError when it does not decode."""
    data = np.frombuffer(message.data, dtype=np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if image is None:
        raise UserError(
            f"compressed image of {data.size} bytes with format {message.format!r} does not "
            "decode, expected JPEG or PNG"
        )
    return _rgb(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
