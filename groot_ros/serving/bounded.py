"""msgpack from anybody: read within limits, or refused in one sentence. Nothing is unpickled."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgpack
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage

from groot_ros.errors import UserError

AnyArray = NDArray[Any]
JPEG_QUALITY = 90


class WireError(UserError):
    """A message that cannot be read, or a value that cannot be sent."""


@dataclass(frozen=True)
class Limits:
    """What one message may hold."""

    message_bytes: int = 32 << 20
    containers: int = 10_000
    """Maps and arrays together: each takes far more memory than its one byte on the wire."""
    length: int = 100_000
    """Entries of one map or array."""
    pictures: int = 64
    """JPEG pictures in one stack."""
    pixels: int = 4096 * 4096
    """Of one JPEG picture."""


LIMITS = Limits()
DIMENSIONS = 8
DTYPE = re.compile(r"[<>=|]?(b1|[iu][1248]|f[248])")


def unpack(
    message: bytes, decode: Callable[[dict[Any, Any]], Any], limits: Limits = LIMITS
) -> Any:
    """The value of a message; `decode` turns every map into what it stands for.

    WireError for whatever is too large, cut off or malformed.
    """
    if len(message) > limits.message_bytes:
        raise WireError(
            f"the message has {len(message)} bytes, expected at most {limits.message_bytes}"
        )
    left = limits.containers

    def count(value: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise WireError(f"the message holds more than {limits.containers} maps and arrays")
        return value

    try:
        return msgpack.unpackb(
            message,
            object_hook=lambda value: decode(count(value)),
            list_hook=count,
            ext_hook=_refuse_extension,
            max_array_len=limits.length,
            max_map_len=limits.length,
        )
    except WireError:
        raise
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        reason = str(error) or type(error).__name__
        raise WireError(f"the message is no complete msgpack: {reason}") from None


def _refuse_extension(code: int, _: bytes) -> Any:
    raise WireError(f"the message holds msgpack's extension type {code}, which nothing here has")


def pack(value: Any, encode: Callable[[Any], Any]) -> bytes:
    """A message; `encode` turns what msgpack does not know into maps. WireError names the type."""
    try:
        return bytes(msgpack.packb(value, default=encode))
    except (ValueError, TypeError, OverflowError) as error:
        raise WireError(f"this cannot be sent: {error}") from None


def make_array(buffer: Any, dtype: Any, shape: Any, order: Literal["C", "F"] = "C") -> AnyArray:
    """Array of numbers over a buffer, read-only; WireError when the three do not agree."""
    if not isinstance(dtype, str) or not DTYPE.fullmatch(dtype):
        raise WireError(f"an array has dtype {dtype!r:.40}, expected one of numbers or booleans")
    if not isinstance(buffer, bytes) or not _is_shape(shape):
        raise WireError("an array lacks its bytes or its shape")
    kind = np.dtype(dtype)
    if math.prod(shape) * kind.itemsize != len(buffer):
        raise WireError(
            f"an array of shape {tuple(shape)} and dtype {dtype} has {len(buffer)} bytes, "
            f"expected {math.prod(shape) * kind.itemsize}"
        )
    try:
        array: AnyArray = np.frombuffer(buffer, kind).reshape(tuple(shape), order=order)
    except ValueError as error:
        raise WireError(f"an array of shape {tuple(shape)} cannot be made: {error}") from None
    return array.astype(kind.newbyteorder("="), copy=False)


def make_scalar(value: Any, dtype: Any) -> np.generic:
    """A numpy scalar; WireError when the value is not of that type."""
    if not isinstance(dtype, str) or not DTYPE.fullmatch(dtype):
        raise WireError(f"a number has dtype {dtype!r:.40}, expected one of numbers or booleans")
    if not isinstance(value, bool | int | float):
        raise WireError(f"a number of dtype {dtype} is a {type(value).__name__}")
    try:
        return np.dtype(dtype).type(value)
    except (ValueError, OverflowError) as error:
        raise WireError(f"a number of dtype {dtype} is {value}: {error}") from None


def _is_shape(shape: Any) -> bool:
    return (
        isinstance(shape, list | tuple)
        and len(shape) <= DIMENSIONS
        and all(type(size) is int and 0 <= size < 1 << 40 for size in shape)
    )


def encode_jpegs(images: AnyArray, quality: int = JPEG_QUALITY) -> list[bytes]:
    """JPEG of every picture of a stack (N, H, W, 3) uint8."""
    files = []
    for image in images:
        stream = io.BytesIO()
        PilImage.fromarray(np.ascontiguousarray(image)).save(stream, "JPEG", quality=quality)
        files.append(stream.getvalue())
    return files


def decode_jpegs(files: Any, limits: Limits = LIMITS) -> NDArray[np.uint8]:
    """Pictures (N, H, W, 3) of JPEG files of one size; WireError names what is wrong with them."""
    if not isinstance(files, Sequence) or isinstance(files, str | bytes):
        raise WireError("JPEG pictures are no list")
    if not 0 < len(files) <= limits.pictures:
        raise WireError(f"{len(files)} JPEG pictures, expected 1 to {limits.pictures}")
    pictures = [_decode_jpeg(file, limits) for file in files]
    if len({picture.shape for picture in pictures}) != 1:
        raise WireError("the JPEG pictures of one stack are not of one size")
    return np.stack(pictures)


def _decode_jpeg(file: Any, limits: Limits) -> NDArray[np.uint8]:
    if not isinstance(file, bytes):
        raise WireError(f"a JPEG picture is a {type(file).__name__}, expected bytes")
    try:
        with PilImage.open(io.BytesIO(file), formats=("JPEG",)) as picture:
            if picture.width * picture.height > limits.pixels or picture.mode != "RGB":
                raise WireError(
                    f"a JPEG picture is {picture.mode} {picture.width}x{picture.height}, expected "
                    f"RGB of at most {limits.pixels} pixels"
                )
            return np.asarray(picture)
    # PIL's readers raise whatever their parsing of damaged bytes runs into.
    except (OSError, SyntaxError, ValueError, PilImage.DecompressionBombError) as error:
        if isinstance(error, WireError):
            raise
        raise WireError(f"a JPEG picture cannot be read: {error}") from None


def only_numbers(arrays: Iterable[AnyArray]) -> None:
    """WireError for an array that is not of numbers or booleans."""
    for array in arrays:
        if not DTYPE.fullmatch(array.dtype.str):
            raise WireError(f"an array of dtype {array.dtype} cannot be sent, only numbers")
