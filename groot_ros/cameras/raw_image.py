"""Pictures out of sensor_msgs Image and CompressedImage, live or from a bag, without ROS.

Works on any object with the message's fields. Encodings are those of
sensor_msgs/image_encodings.hpp, and nv12 and yuv420 (I420), which drivers use beside them. What
cv_bridge reads to the same picture it reads where it is installed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from groot_ros.cameras.cv_bridge_image import read_by_cv_bridge
from groot_ros.cameras.depth import (
    COMPRESSED_DEPTH,
    Range,
    compressed_depth,
    depth_to_rgb,
    is_depth,
)
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
    "bayer_rggb8": cv2.COLOR_BayerBG2RGB,
    "bayer_bggr8": cv2.COLOR_BayerRG2RGB,
    "bayer_gbrg8": cv2.COLOR_BayerGR2RGB,
    "bayer_grbg8": cv2.COLOR_BayerGB2RGB,
}
# Luma in full, behind it a quarter of the chroma: in pairs, or U and then V.
_YUV420 = {
    "nv12": cv2.COLOR_YUV2RGB_NV12,
    "nv21": cv2.COLOR_YUV2RGB_NV21,
    "yuv420": cv2.COLOR_YUV2RGB_I420,
    "i420": cv2.COLOR_YUV2RGB_I420,
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
        raise _wrong_size(message, row, needed)
    shape: tuple[int, ...] = (message.height, message.width, channels)
    strides: tuple[int, ...] = (message.step, channels * dtype.itemsize, dtype.itemsize)
    if channels == 1:
        shape, strides = shape[:2], strides[:2]
    view: NDArray[Any] = np.ndarray(shape, dtype, memoryview(message.data), strides=strides)
    return view if dtype.isnative else view.astype(dtype.newbyteorder("="))


def _wrong_size(message: ImageMessage, row: int, needed: int) -> UserError:
    return UserError(
        f"image of {message.width}x{message.height} {message.encoding} has step {message.step} "
        f"and {len(message.data)} bytes, expected a step of at least {row} and {needed} bytes: "
        "check the camera driver"
    )


def image_to_rgb(
    message: ImageMessage, encoding: str = "", depth_range_m: Range | None = None
) -> NDArray[np.uint8]:
    """Picture (H, W, 3) uint8 RGB of an Image.

    Args:
        message: Of a live topic or of a bag.
        encoding: rgb8 or bgr8, what the camera means by 8UC3, which says nothing about colour.
        depth_range_m: What of depth becomes grey; see `depth_to_rgb`.

    UserError for what has no colour or more than 8 bits and is not depth with a range.
    """
    meant, what = message.encoding, f"image encoding {message.encoding!r}"
    if is_depth(meant):
        return depth_to_rgb(image_to_array(message), depth_range_m, what)
    _check_no_range(what, depth_range_m)
    if meant in _YUV420:
        return _yuv420_to_rgb(message)
    if (picture := read_by_cv_bridge(message, _to_rgb)) is not None:
        return _rgb(picture)
    return _to_rgb(message, encoding)


def _to_rgb(message: ImageMessage, encoding: str = "") -> NDArray[np.uint8]:
    """Without cv_bridge: what is no depth and whose chroma is in the pixels' own rows."""
    meant, what = message.encoding, f"image encoding {message.encoding!r}"
    array = image_to_array(message)
    if meant == "8UC3":
        if not encoding:
            raise UserError(
                f"{what} does not say which colour comes first: set encoding: bgr8 or encoding: "
                "rgb8 at the camera in the robot file"
            )
        meant = encoding
    if meant in _YUV422:
        return _rgb(cv2.cvtColor(_even_rows(array), _YUV422[meant])[:, : message.width])
    if meant in _BAYER:
        return _rgb(cv2.cvtColor(np.ascontiguousarray(array), _BAYER[meant]))
    if meant in _COLOUR:
        return _rgb(_COLOUR[meant](array))
    if re.fullmatch(r"([a-z]+|bayer_[a-z]{4})16", meant):
        raise UserError(_too_deep(what))
    raise UserError(
        f"{what} has no colour, expected for example rgb8, bgr8 or mono8: name the colour topic "
        "of the camera in the robot file"
    )


def _too_deep(what: str) -> str:
    return (
        f"{what} has more than 8 bits a channel: let the driver send 8 bits, or name another "
        "topic of the camera in the robot file"
    )


def _check_no_range(what: str, depth_range_m: Range | None) -> None:
    if depth_range_m is not None:
        raise UserError(
            f"{what} is no depth: take depth_range away from the camera in the robot file, or "
            "name its depth topic"
        )


def _even_rows(array: NDArray[Any]) -> NDArray[Any]:
    """YUV 4:2:2 (H, W, 2) with whole pairs of pixels: the last of an odd row has only one of its
    two chroma values and takes the other from its neighbour."""
    if array.shape[1] % 2:
        neighbour = max(array.shape[1] - 2, 0)
        array = np.concatenate([array, array[:, neighbour : neighbour + 1]], axis=1)
    return np.ascontiguousarray(array)


def _yuv420_to_rgb(message: ImageMessage) -> NDArray[np.uint8]:
    """Every 2x2 pixels, also incomplete ones at odd edges, share one pair of chroma values.

    Chroma rows of nv12 and nv21 lie one `step` apart like those of luma, of yuv420 half a step.
    """
    height, width, step = message.height, message.width, message.step
    rows, columns = (height + 1) // 2, (width + 1) // 2
    is_planar = message.encoding not in ("nv12", "nv21")
    chroma_step = step // 2 if is_planar else step
    chroma_row = columns if is_planar else 2 * columns
    planes = 2 if is_planar else 1
    needed = step * height + chroma_step * (planes * rows - 1) + chroma_row
    is_empty = height == 0 or width == 0
    if is_empty or step < 2 * columns or len(message.data) < needed:
        raise _wrong_size(message, 2 * columns, needed)
    data = np.frombuffer(memoryview(message.data), np.uint8)
    luma = np.ndarray((height, width), np.uint8, data, strides=(step, 1))
    luma = np.pad(luma, ((0, height % 2), (0, width % 2)), mode="edge")
    shape, strides = (planes * rows, chroma_row), (chroma_step, 1)
    chroma = np.ndarray(shape, np.uint8, data, offset=step * height, strides=strides)
    whole = np.concatenate([luma.ravel(), chroma.ravel()]).reshape(3 * rows, 2 * columns)
    return _rgb(cv2.cvtColor(whole, _YUV420[message.encoding])[:height, :width])


def _rgb(array: NDArray[Any]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(array, dtype=np.uint8)


def _swap(code: int) -> Callable[[NDArray[Any]], NDArray[Any]]:
    return lambda array: cv2.cvtColor(np.ascontiguousarray(array), code)


_COLOUR: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "rgb8": lambda array: array,
    "bgr8": _swap(cv2.COLOR_BGR2RGB),
    "rgba8": lambda array: array[..., :3],
    "bgra8": _swap(cv2.COLOR_BGRA2RGB),
    "mono8": lambda array: np.repeat(array[..., None], 3, axis=2),
}


def compressed_to_rgb(
    message: CompressedImageMessage, depth_range_m: Range | None = None
) -> NDArray[np.uint8]:
    """Picture (H, W, 3) uint8 RGB of a JPEG, PNG or WebP; depth and UserError as in
    `image_to_rgb`."""
    data = np.frombuffer(message.data, dtype=np.uint8)
    what = f"compressed image with format {message.format!r}"
    if COMPRESSED_DEPTH in message.format:
        return depth_to_rgb(compressed_depth(message.format, data), depth_range_m, what)
    image = _decoded(data, message, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    if image.dtype != np.uint8:
        image = _decoded(data, message, cv2.IMREAD_UNCHANGED)
        if image.ndim == 2:
            return depth_to_rgb(image, depth_range_m, what)
        raise UserError(_too_deep(what))
    _check_no_range(what, depth_range_m)
    return _rgb(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))


def _decoded(data: NDArray[np.uint8], message: CompressedImageMessage, how: int) -> NDArray[Any]:
    image = cv2.imdecode(data, how) if data.size else None
    if image is None:
        raise UserError(
            f"compressed image of {len(message.data)} bytes with format {message.format!r} does "
            "not decode, expected JPEG or PNG"
        )
    return image
