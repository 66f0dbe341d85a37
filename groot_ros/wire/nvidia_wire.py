"""NVIDIA's message format, as in gr00t/policy/server_client.py: msgpack in two forms.

Until their commit 3df8b38 (2026-05-07) an array is a .npy file in a map, since then it is a map
of msgpack_numpy (keys `nd`, `type`, `kind`, `shape`, `data`); a ModalityConfig changed its marker
with it. Both are read; who answers writes the form that was asked in.

Their format has no compressed pictures; the `__jpeg__` map is an addition that only servers of
this package read.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from groot_ros.wire import bounded
from groot_ros.wire.bounded import AnyArray, Lease, WireError

ARRAY = "__ndarray_class__"
MODALITY = "__ModalityConfig_class__"
NEW_MODALITY = "__ModalityConfig__"
JPEG = "__jpeg__"

# What numpy writes. Its own reader evaluates the header as Python, which strangers may not have.
_HEADER = re.compile(
    rb"\{ *'descr': *'([^']{1,8})', *'fortran_order': *(True|False), *"
    rb"'shape': *\(([0-9, ]{0,120})\),? *\} *\n?"
)
_MAGIC = b"\x93NUMPY"


class Form(Enum):
    """How arrays are written."""

    NPY = "npy"
    """Until 2026-05-07."""
    MSGPACK_NUMPY = "msgpack_numpy"
    """Since."""


@dataclass(frozen=True)
class Received:
    """A message; `form` is the one it is written in, None where nothing in it shows that."""

    value: Any
    form: Form | None


@dataclass(frozen=True)
class Jpegs:
    """Pictures (..., H, W, 3) that are to be sent as JPEG of a quality."""

    images: AnyArray
    quality: int = bounded.JPEG_QUALITY


def pack(value: Any, form: Form = Form.NPY) -> bytes:
    """A message; arrays, `Jpegs` and what msgpack knows. WireError names anything else."""
    return bounded.pack(value, lambda inner: _encode(inner, form))


def read(message: bytes, lease: Lease | None = None) -> Received:
    """A message and its form; a ModalityConfig becomes the dict of its fields."""
    lease = lease or Lease()
    forms: set[Form] = set()
    value = bounded.unpack(message, lambda inner: _decode(inner, lease, forms), lease)
    # A server that marks a ModalityConfig for both reads both.
    newest = next((form for form in (Form.MSGPACK_NUMPY, Form.NPY) if form in forms), None)
    return Received(value, newest)


def unpack(message: bytes, lease: Lease | None = None) -> Any:
    """The value of a message in either form."""
    return read(message, lease).value


def modality_map(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A ModalityConfig as NVIDIA's clients of either form rebuild it: nothing tells which asks."""
    return {MODALITY: True, NEW_MODALITY: True, "as_json": dict(fields)}


def _encode(value: Any, form: Form = Form.NPY) -> Any:
    if isinstance(value, Jpegs):
        stack = value.images.reshape(-1, *value.images.shape[-3:])
        files = bounded.encode_jpegs(stack, value.quality)
        return {JPEG: True, "frames": files, "shape": list(value.images.shape)}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        bounded.only_numbers([value])
        return _npy_map(value) if form is Form.NPY else _numpy_map(value)
    raise TypeError(f"values of type {type(value).__name__} have no form in this format")


def _npy_map(array: AnyArray) -> dict[str, Any]:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return {ARRAY: True, "as_npy": stream.getvalue()}


def _numpy_map(array: AnyArray) -> dict[bytes, Any]:
    shape = array.shape
    data = array.tobytes()
    return {b"nd": True, b"type": array.dtype.str, b"kind": b"", b"shape": shape, b"data": data}


def _decode(value: dict[Any, Any], lease: Lease, forms: set[Form]) -> Any:
    if ARRAY in value:
        forms.add(Form.NPY)
        return _read_npy(value.get("as_npy"))
    if b"nd" in value:
        forms.add(Form.MSGPACK_NUMPY)
        return _read_numpy(value)
    if MODALITY in value or NEW_MODALITY in value:
        forms.add(Form.MSGPACK_NUMPY if NEW_MODALITY in value else Form.NPY)
        return _read_modality(value.get("as_json"))
    if JPEG in value:
        return _read_jpegs(value, lease)
    return value


def _read_numpy(value: Mapping[Any, Any]) -> Any:
    """An array or one number of msgpack_numpy, whose pickled objects are refused."""
    data, dtype = value.get(b"data"), value.get(b"type")
    if value[b"nd"] is True:
        return bounded.make_array(data, dtype, value.get(b"shape"))
    return bounded.make_array(data, dtype, ())[()]


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
    return bounded.reshaped(pictures, value.get("shape"))
