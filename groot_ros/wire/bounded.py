"""msgpack from anybody: read within limits, or refused in one sentence. Nothing is unpickled."""

from __future__ import annotations

import io
import math
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
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
class WireLimits:
    """What one message may hold."""

    message_bytes: int = 32 << 20
    containers: int = 10_000
    """Maps and arrays together: each takes far more memory than its one byte on the wire."""
    length: int = 100_000
    """Entries of one map or array."""
    entries: int = 1_000_000
    """Of all maps and arrays."""
    pictures: int = 64
    """JPEG pictures in one stack."""
    pixels: int = 4096 * 4096
    """Of one JPEG picture."""
    request_bytes: int = 128 << 20
    """What a message and its pictures take in memory."""
    server_bytes: int = 512 << 20
    """What all requests of a server take at once."""


LIMITS = WireLimits()


class Budget:
    """Bytes that the requests of a server take at once; owns the count, for every thread."""

    def __init__(self, most_bytes: int = LIMITS.server_bytes) -> None:
        self._most = most_bytes
        self._taken = 0
        self._lock = threading.Lock()

    @property
    def taken(self) -> int:
        """Bytes that are taken now."""
        return self._taken

    def take(self, size: int) -> None:
        """Count bytes before they are made; WireError when there are no more."""
        with self._lock:
            if self._taken + size > self._most:
                raise WireError(
                    f"the server is busy: requests hold {self._taken} bytes of at most "
                    f"{self._most}, wait for an answer"
                )
            self._taken += size

    def give_back(self, size: int) -> None:
        """Count bytes that are no longer held."""
        with self._lock:
            self._taken -= size


class Lease:
    """What one message may hold, taken from its server's budget until the end of `with`."""

    def __init__(self, budget: Budget | None = None, limits: WireLimits = LIMITS) -> None:
        self.limits = limits
        self._budget = budget
        self._taken = 0

    def take(self, size: int) -> None:
        """Count bytes before they are made; WireError when they are too many."""
        if self._taken + size > self.limits.request_bytes:
            raise WireError(
                f"the message and its pictures take {self._taken + size} bytes in memory, "
                f"expected at most {self.limits.request_bytes}"
            )
        if self._budget is not None:
            self._budget.take(size)
        self._taken += size

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, *_: object) -> None:
        if self._budget is not None:
            self._budget.give_back(self._taken)
        self._taken = 0


DIMENSIONS = 8
KEY_LENGTH = 4096
"""Of a key, and of the text that `peek` finds."""
DTYPE = re.compile(r"[<>=|]?(b1|[iu][1248]|f[248])")


def peek(message: bytes, key: str) -> Any:
    """The text that a message, a map, has under a key; None where it has none.

    Nothing else of the message is made: a stranger's is looked at before it is read.
    """
    unpacker = msgpack.Unpacker(
        max_buffer_size=max(len(message), 1),
        max_str_len=KEY_LENGTH,
        max_bin_len=KEY_LENGTH,
        max_array_len=0,
        max_map_len=0,
    )
    unpacker.feed(message)
    try:
        for _ in range(unpacker.read_map_header()):
            if unpacker.unpack() == key:
                value = unpacker.unpack()
                return value if isinstance(value, str) else None
            unpacker.skip()
    # msgpack's errors are of all these kinds; OutOfData is its own.
    except (ValueError, TypeError, OverflowError, RecursionError, msgpack.OutOfData):
        pass
    return None


def unpack(message: bytes, decode: Callable[[dict[Any, Any]], Any], lease: Lease) -> Any:
    """The value of a message; `decode` turns every map into what it stands for.

    WireError for whatever is too large, cut off or malformed.
    """
    limits = lease.limits
    if len(message) > limits.message_bytes:
        raise WireError(
            f"the message has {len(message)} bytes, expected at most {limits.message_bytes}"
        )
    # Its bytes lie in memory as they came and again as values.
    lease.take(2 * len(message))
    containers, entries = limits.containers, limits.entries

    def count(value: Any) -> Any:
        nonlocal containers, entries
        containers -= 1
        entries -= len(value)
        if containers < 0:
            raise WireError(f"the message holds more than {limits.containers} maps and arrays")
        if entries < 0:
            raise WireError(f"the message holds more than {limits.entries} values")
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
        found: np.generic = np.dtype(dtype).type(value)
        return found
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


def decode_jpegs(files: Any, lease: Lease) -> NDArray[np.uint8]:
    """Pictures (N, H, W, 3) of JPEG files of one size; WireError names what is wrong with them.

    Their size is known from their headers and taken from the lease before any is decoded.
    """
    if not isinstance(files, Sequence) or isinstance(files, str | bytes):
        raise WireError("JPEG pictures are no list")
    if not 0 < len(files) <= lease.limits.pictures:
        raise WireError(f"{len(files)} JPEG pictures, expected 1 to {lease.limits.pictures}")
    sizes = {_jpeg_size(file, lease.limits) for file in files}
    if len(sizes) != 1:
        raise WireError("the JPEG pictures of one stack are not of one size")
    width, height = sizes.pop()
    # One picture is decoded beside the stack.
    lease.take((len(files) + 1) * width * height * 3)
    stack = np.empty((len(files), height, width, 3), np.uint8)
    for picture, file in zip(stack, files, strict=True):
        with _jpeg(file) as opened:
            picture[:] = np.asarray(opened)
    return stack


def reshaped(pictures: NDArray[np.uint8], shape: Any) -> NDArray[np.uint8]:
    """Pictures (N, H, W, 3) in the shape that a message tells; WireError for another."""
    if not isinstance(shape, list) or not all(type(size) is int and size > 0 for size in shape):
        raise WireError("JPEG pictures lack their shape")
    try:
        return pictures.reshape(shape)
    except ValueError:
        raise WireError(
            f"JPEG pictures have shape {pictures.shape}, which is not {shape}"
        ) from None


def _jpeg_size(file: Any, limits: WireLimits) -> tuple[int, int]:
    if not isinstance(file, bytes):
        raise WireError(f"a JPEG picture is a {type(file).__name__}, expected bytes")
    with _jpeg(file) as picture:
        if picture.width * picture.height > limits.pixels or picture.mode != "RGB":
            raise WireError(
                f"a JPEG picture is {picture.mode} {picture.width}x{picture.height}, expected "
                f"RGB of at most {limits.pixels} pixels"
            )
        return picture.size


@contextmanager
def _jpeg(file: bytes) -> Iterator[PilImage.Image]:
    try:
        with PilImage.open(io.BytesIO(file), formats=("JPEG",)) as picture:
            yield picture
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
