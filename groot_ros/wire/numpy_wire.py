"""The message format of openpi and Positronic: msgpack with arrays as bytes, dtype and shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from groot_ros.wire import bounded
from groot_ros.wire.bounded import AnyArray, Lease, WireError

ARRAY = b"__ndarray__"
SCALAR = b"__npgeneric__"
JPEG = b"__jpeg__"
COMMAND = b"__cmd__"


def pack(value: Any) -> bytes:
    """A message; arrays, numpy scalars and what msgpack knows. WireError names anything else."""
    return bounded.pack(value, _encode)


def unpack(message: bytes, lease: Lease | None = None) -> Any:
    """The value of a message; a Positronic command becomes the dict of its fields."""
    lease = lease or Lease()
    return bounded.unpack(message, lambda value: _decode(value, lease), lease)


def jpeg_map(image: AnyArray, quality: int = bounded.JPEG_QUALITY) -> dict[bytes, Any]:
    """Pictures (..., H, W, 3) as JPEG files, for `pack`; servers of protocol 3 take more than 4
    dimensions."""
    frames = image.reshape(-1, *image.shape[-3:])
    shape = {b"shape": image.shape} if image.ndim > 4 else {b"ndim": image.ndim}
    return {JPEG: True, b"frames": bounded.encode_jpegs(frames, quality), **shape}


def _encode(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        bounded.only_numbers([value])
        data = {b"data": value.tobytes(), b"dtype": value.dtype.str, b"shape": value.shape}
        return {ARRAY: True, **data}
    if isinstance(value, np.generic):
        return {SCALAR: True, b"data": value.item(), b"dtype": value.dtype.str}
    raise TypeError(f"values of type {type(value).__name__} have no form in this format")


def _decode(value: dict[Any, Any], lease: Lease) -> Any:
    if ARRAY in value:
        return bounded.make_array(value.get(b"data"), value.get(b"dtype"), value.get(b"shape"))
    if SCALAR in value:
        return bounded.make_scalar(value.get(b"data"), value.get(b"dtype"))
    if JPEG in value:
        return _read_jpegs(value, lease)
    if COMMAND in value:
        if not isinstance(value[COMMAND], dict):
            raise WireError("a command lacks its fields")
        return value[COMMAND]
    return value


def _read_jpegs(value: Mapping[Any, Any], lease: Lease) -> AnyArray:
    pictures = bounded.decode_jpegs(value.get(b"frames"), lease)
    if b"shape" in value:
        return bounded.reshaped(pictures, value[b"shape"])
    dimensions = value.get(b"ndim")
    if dimensions == 3 and len(pictures) == 1:
        return np.asarray(pictures[0])
    if dimensions == 4:
        return pictures
    raise WireError(f"{len(pictures)} JPEG pictures as an array of {dimensions!r:.20} dimensions")
