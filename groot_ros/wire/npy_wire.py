"""NVIDIA's message format: msgpack with arrays as .npy files, as in gr00t/policy/server_client.py.

Their format has no compressed pictures; the `__jpeg__` map is an addition that only servers of
this package read.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from groot_ros.wire import bounded
from groot_ros.wire.bounded import AnyArray, Lease, WireError

ARRAY = "__ndarray_class__"
MODALITY = "__ModalityConfig_class__"
JPEG = "__jpeg__"

# What numpy writes. Its own reader evaluates the header as Python, which strangers may not have.
_HEADER = re.compile(
    rb"\{ *'descr': *'([^']{1,8})', *'fortran_order': *(True|False), *"
    rb"'shape': *\(([0-9, ]{0,120})\),? *\} *\n?"
)
_MAGIC = b"\x93NUMPY"


@dataclass(frozen=True)
class Jpegs:
    """Pictures (..., H, W, 3) that are to be sent as JPEG of a quality."""

    images: AnyArray
    quality: int = bounded.JPEG_QUALITY


def pack(value: Any) -> bytes:
    """A message; arrays, `Jpegs` and what msgpack knows. WireError names anything else."""
    return bounded.pack(value, _encode)


def unpack(message: bytes, lease: Lease | None = None) -> Any:
    """The value of a message; a ModalityConfig becomes the dict of its fields."""
    lease = lease or Lease()
    return bounded.unpack(message, lambda value: _decode(value, lease), lease)


def modality_map(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A ModalityConfig as NVIDIA's client rebuilds it."""
    return {MODALITY: True, "as_json": dict(fields)}


def _encode(value: Any) -> Any:
    if isinstance(value, Jpegs):
        stack = value.images.reshape(-1, *value.images.shape[-3:])
        files = bounded.encode_jpegs(stack, value.quality)
        return {JPEG: True, "frames": files, "shape": list(value.images.shape)}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        bounded.only_numbers([value])
        stream = io.BytesIO()
        np.save(stream, value, allow_pickle=False)
        return {ARRAY: True, "as_npy": stream.getvalue()}
    raise TypeError(f"values of type {type(value).__name__} have no form in this format")


def _decode(value: dict[Any, Any], lease: Lease) -> Any:
    if ARRAY in value:
        return _read_npy(value.get("as_npy"))
    if MODALITY in value:
        return _read_modality(value.get("as_json"))
    if JPEG in value:
        return _read_jpegs(value, lease)
    return value


def _read_modality(fields: Any) -> dict[str, Any]:
    """The fields of a ModalityConfig, which N1.5 sends as JSON text."""
    try:
        fields = json.loads(fields) if isinstance(fields, str) else fields
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise WireError("a ModalityConfig lacks its fields")
    return fields


def _read_npy(data: Any) -> AnyArray:
    if not isinstance(data, bytes) or data[:6] != _MAGIC or len(data) < 10:
        raise WireError("an array is no .npy file")
    size = 2 if data[6] == 1 else 4
    begin = 8 + size
    end = begin + int.from_bytes(data[8:begin], "little")
    header = _HEADER.fullmatch(data[begin : min(end, begin + 1000)])
    if header is None or end > len(data):
        raise WireError("an array's .npy header is not as numpy writes it")
    dtype, fortran, sizes = (part.decode("latin1") for part in header.groups())
    shape = [int(size) for size in sizes.split(",") if size.strip().isdigit()]
    return bounded.make_array(data[end:], dtype, shape, "F" if fortran == "True" else "C")


def _read_jpegs(value: Mapping[Any, Any], lease: Lease) -> AnyArray:
    pictures = bounded.decode_jpegs(value.get("frames"), lease)
    shape = value.get("shape")
    if not isinstance(shape, list) or not all(type(size) is int and size > 0 for size in shape):
        raise WireError("JPEG pictures lack their shape")
    try:
        return pictures.reshape(shape)
    except ValueError:
        raise WireError(
            f"JPEG pictures have shape {pictures.shape}, which is not {shape}"
        ) from None
