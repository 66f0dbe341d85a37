"""Records of MCAP out of bytes that may be damaged.

Layout of the records: https://mcap.dev/spec. A record counts only if its fields fill it exactly,
so that noise is not taken for one; behind damage the next such record is looked for.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Protocol

import lz4.frame
import zstandard
from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import (
    Attachment,
    AttachmentIndex,
    Channel,
    ChunkIndex,
    DataEnd,
    Footer,
    Header,
    McapRecord,
    Message,
    MessageIndex,
    Metadata,
    MetadataIndex,
    Schema,
    Statistics,
    SummaryOffset,
)

RECORD = struct.Struct("<BQ")
MESSAGE = struct.Struct("<HIQQ")
"""Channel, sequence number, log time and publish time in front of a message's data."""
# Name of the metadata record behind which messages lie that repair has written again, and that are
# older than those before it.
MOVED = "groot_ros_moved"
# Opcodes from here on are private: every reader skips such a record.
PRIVATE = 0x80
_CHUNK = struct.Struct("<QQQI")
_CHUNK_INDEX, _INDEX_PLACE, _INDEX_REST = (struct.Struct(f"<{f}") for f in ("QQQQI", "HQ", "QI"))
_SIZES = struct.Struct("<QQ")
_LENGTH = struct.Struct("<I")
_SIZE = struct.Struct("<Q")
# No record is longer; a longer one is damage.
_MOST_BYTES = 2**40
_BLOCK = 2**22
# An opcode and a length below 4 GiB; looked for at every byte.
_HEAD = re.compile(rb"(?=[\x01-\x0f].{4}\x00{4})", re.DOTALL)
_IN_FILE = frozenset(int(opcode) for opcode in Opcode)
_IN_CHUNK = frozenset({int(Opcode.SCHEMA), int(Opcode.CHANNEL), int(Opcode.MESSAGE)})
_READERS: dict[int, Callable[[ReadDataStream], McapRecord]] = {
    Opcode.HEADER: Header.read,
    Opcode.FOOTER: Footer.read,
    Opcode.SCHEMA: Schema.read,
    Opcode.CHANNEL: Channel.read,
    Opcode.MESSAGE_INDEX: MessageIndex.read,
    Opcode.ATTACHMENT: Attachment.read,
    Opcode.ATTACHMENT_INDEX: AttachmentIndex.read,
    Opcode.STATISTICS: Statistics.read,
    Opcode.METADATA: Metadata.read,
    Opcode.METADATA_INDEX: MetadataIndex.read,
    Opcode.SUMMARY_OFFSET: SummaryOffset.read,
    Opcode.DATA_END: DataEnd.read,
}


class DamagedRecord(Exception):
    """Bytes that are not the record they should be."""


class Bytes(Protocol):
    """Bytes at offsets, of a file or of a chunk."""

    @property
    def size(self) -> int: ...
    def read(self, offset: int, length: int) -> bytes: ...


@dataclass(frozen=True)
class FileBytes:
    """An open file; what is read does not move its position."""

    descriptor: int

    @property
    def size(self) -> int:
        return os.fstat(self.descriptor).st_size

    def read(self, offset: int, length: int) -> bytes:
        # A damaged length would ask for all memory.
        length = min(length, self.size - offset)
        pieces = []
        while length > 0 and (piece := os.pread(self.descriptor, length, offset)):
            pieces.append(piece)
            offset, length = offset + len(piece), length - len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


@dataclass(frozen=True)
class ChunkBytes:
    """The records in a chunk."""

    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self, offset: int, length: int) -> bytes:
        return self.data[offset : offset + length]


class _Strict(ReadDataStream):
    def read(self, length: int) -> bytes:
        data = super().read(length) if length else b""
        if len(data) != length:
            raise DamagedRecord("a field reaches beyond its record")
        return data


def parse(opcode: int, body: bytes) -> Any:
    """The record in a body; DamagedRecord where its fields do not fill the body exactly."""
    stream = _Strict(BytesIO(body))
    try:
        if opcode == Opcode.CHUNK_INDEX:
            return _chunk_index(body)
        record = _READERS[opcode](stream)
    except (McapError, ValueError, KeyError, struct.error, MemoryError) as error:
        raise DamagedRecord(f"opcode {opcode}: {error}") from error
    if stream.count != len(body):
        raise DamagedRecord(f"opcode {opcode}: its fields do not fill it")
    return record


def _chunk_index(body: bytes) -> ChunkIndex:
    """As `parse`; there is one for each picture of a raw camera, and field by field is slow."""
    start_ns, end_ns, offset, length, size = _CHUNK_INDEX.unpack_from(body)
    place = _CHUNK_INDEX.size + size
    places = dict(_INDEX_PLACE.iter_unpack(body[_CHUNK_INDEX.size : place]))
    index_length, name_length = _INDEX_REST.unpack_from(body, place)
    place += _INDEX_REST.size
    name = body[place : place + name_length]
    compressed, uncompressed = _SIZES.unpack(body[place + name_length :])
    return ChunkIndex(
        message_start_time=start_ns,
        message_end_time=end_ns,
        chunk_start_offset=offset,
        chunk_length=length,
        message_index_offsets=places,
        message_index_length=index_length,
        compression=name.decode(),
        compressed_size=compressed,
        uncompressed_size=uncompressed,
    )


def read_message(body: bytes) -> Message:
    """The message in a body that has at least its fixed fields."""
    channel, sequence, log_ns, publish_ns = MESSAGE.unpack_from(body)
    return Message(channel, log_ns, body[MESSAGE.size :], publish_ns, sequence)


@dataclass(frozen=True)
class ChunkHead:
    """What stands before the records of a chunk; times in ns, sizes in bytes."""

    start_ns: int
    end_ns: int
    size: int
    crc: int
    compression: str
    data_offset: int
    """From the beginning of the chunk's body."""
    data_length: int

    @classmethod
    def read(cls, body: bytes) -> ChunkHead:
        """Out of the beginning of a chunk's body; DamagedRecord where it cannot be one."""
        try:
            start_ns, end_ns, size, crc = _CHUNK.unpack_from(body)
            (name_length,) = _LENGTH.unpack_from(body, _CHUNK.size)
            place = _CHUNK.size + _LENGTH.size
            name = bytes(body[place : place + name_length])
            (data_length,) = _SIZE.unpack_from(body, place + name_length)
        except struct.error as error:
            raise DamagedRecord("a chunk without its head") from error
        if name not in (b"", b"zstd", b"lz4"):
            raise DamagedRecord(f"a chunk with compression {name[:20]!r}")
        offset = place + name_length + _SIZE.size
        return cls(start_ns, end_ns, size, crc, name.decode(), offset, data_length)


# Enough for the head of any chunk.
CHUNK_HEAD_BYTES = _CHUNK.size + _LENGTH.size + 8 + _SIZE.size


def decompress(compression: str, data: bytes, size: int) -> bytes:
    """The records of a chunk; DamagedRecord where they cannot be had whole."""
    try:
        if compression == "zstd":
            # The size in the frame is trusted only if it is the chunk's.
            found = zstandard.ZstdDecompressor().decompress(data, max_output_size=size)
        elif compression == "lz4":
            found = lz4.frame.decompress(data)
        else:
            found = bytes(data)
    except (zstandard.ZstdError, RuntimeError, MemoryError, ValueError) as error:
        raise DamagedRecord(f"a chunk that does not decompress: {error}") from error
    if len(found) != size:
        raise DamagedRecord(f"a chunk of {len(found)} bytes that should have {size}")
    return found


def decompress_beginning(compression: str, data: bytes) -> bytes:
    """As much of a torn or damaged chunk's records as can be had."""
    if not compression:
        return bytes(data)
    stream: Any = (
        zstandard.ZstdDecompressor().decompressobj()
        if compression == "zstd"
        else lz4.frame.LZ4FrameDecompressor()
    )
    pieces: list[bytes] = []
    try:
        for start in range(0, len(data), 4096):
            pieces.append(stream.decompress(bytes(data[start : start + 4096])))
    except (zstandard.ZstdError, RuntimeError, MemoryError, ValueError, EOFError):
        pass
    return b"".join(pieces)


@dataclass(frozen=True)
class Found:
    """A record: its opcode, where it begins and how long its body is."""

    opcode: int
    offset: int
    length: int

    @property
    def end(self) -> int:
        return self.offset + RECORD.size + self.length

    def body(self, source: Bytes) -> bytes:
        return source.read(self.offset + RECORD.size, self.length)


@dataclass(frozen=True)
class Gap:
    """Bytes between two offsets that are no records."""

    start: int
    stop: int


IsChannel = Callable[[int], bool]


def walk(source: Bytes, offset: int, is_channel: IsChannel) -> Iterator[Found | Gap]:
    """Records from an offset on and the gaps between them, to the end of the bytes.

    `is_channel` tells whether messages of a channel's number may come.
    """
    known = _IN_CHUNK
    if isinstance(source, FileBytes):
        # What looks like a message behind damage is most likely in a damaged chunk.
        known = _IN_FILE - _IN_CHUNK if has_chunks(source) else _IN_FILE
    size = source.size
    while offset < size:
        found = _record_at(source, offset, known | _IN_CHUNK)
        if found is not None:
            yield found
            offset = found.end
            continue
        # A damaged record has a head at least.
        behind = _next_record(source, offset + RECORD.size, known, is_channel)
        yield Gap(offset, size if behind is None else behind)
        if behind is None:
            return
        offset = behind


def has_chunks(file: FileBytes) -> bool:
    """Whether there is a chunk anywhere in a file."""
    return next_chunk(file, 0) is not None


def next_chunk(file: FileBytes, offset: int) -> Found | None:
    """The first record from an offset on that may be a chunk; a crash may have torn it."""
    place = _next_record(file, offset, frozenset({int(Opcode.CHUNK)}), lambda _: False)
    if place is None:
        return None
    opcode, length = RECORD.unpack(file.read(place, RECORD.size))
    return Found(opcode, place, length)


def _record_at(source: Bytes, offset: int, known: frozenset[int]) -> Found | None:
    """The record at an offset where one is expected."""
    head = source.read(offset, RECORD.size)
    if len(head) < RECORD.size:
        return None
    opcode, length = RECORD.unpack(head)
    found = Found(opcode, offset, length)
    if opcode == 0 or found.end > source.size:
        return None
    if opcode in known:
        return found if _is_whole(source, found) else None
    return found if opcode > max(_IN_FILE) and _goes_on(source, found.end) else None


def doubtful_messages(source: Bytes, gap: Gap, is_last: bool) -> Iterator[Found]:
    """Messages at the beginning of a gap that has room for them; the last one of a chunk ends with
    the chunk, whatever it says itself."""
    offset = gap.start
    while offset + RECORD.size <= gap.stop:
        opcode, length = RECORD.unpack(source.read(offset, RECORD.size))
        found = Found(opcode, offset, length)
        if is_last and found.end > gap.stop:
            found = Found(opcode, offset, gap.stop - offset - RECORD.size)
        is_message = opcode == Opcode.MESSAGE and found.length >= MESSAGE.size
        if not is_message or found.end > gap.stop:
            return
        yield found
        offset = found.end


def _is_whole(source: Bytes, found: Found) -> bool:
    if found.opcode == Opcode.MESSAGE:
        return found.length >= MESSAGE.size and _goes_on(source, found.end)
    try:
        if found.opcode == Opcode.CHUNK:
            prefix = source.read(found.offset + RECORD.size, min(CHUNK_HEAD_BYTES, found.length))
            head = ChunkHead.read(prefix)
            return head.data_offset + head.data_length == found.length
        parse(found.opcode, found.body(source))
    except DamagedRecord:
        return False
    return True


def _goes_on(source: Bytes, offset: int) -> bool:
    """Whether something that could be a record, an end or emptiness lies at an offset."""
    head = source.read(offset, RECORD.size)
    if len(head) < RECORD.size or not any(head):
        return True
    opcode, length = RECORD.unpack(head)
    return bool(opcode) and length < _MOST_BYTES


def _next_record(
    source: Bytes, offset: int, known: frozenset[int], is_channel: IsChannel
) -> int | None:
    """Where the next record begins that is beyond doubt."""
    while offset < source.size:
        block = source.read(offset, _BLOCK + RECORD.size)
        for match in _HEAD.finditer(block):
            place = offset + match.start()
            if match.start() >= _BLOCK:
                break
            found = _record_at(source, place, known)
            if found is None and Opcode.CHUNK in known:
                found = _torn_chunk_at(source, place)
            if found and _is_beyond_doubt(source, found, is_channel):
                return place
        offset += _BLOCK
    return None


def _torn_chunk_at(source: Bytes, offset: int) -> Found | None:
    """A chunk that reaches beyond the end of the file, as a crash leaves it."""
    head = source.read(offset, RECORD.size)
    if len(head) < RECORD.size or head[0] != Opcode.CHUNK:
        return None
    opcode, length = RECORD.unpack(head)
    try:
        chunk = ChunkHead.read(source.read(offset + RECORD.size, CHUNK_HEAD_BYTES))
    except DamagedRecord:
        return None
    whole = chunk.data_offset + chunk.data_length == length
    return Found(opcode, offset, length) if whole and chunk.start_ns <= chunk.end_ns else None


def _is_beyond_doubt(source: Bytes, found: Found, is_channel: IsChannel) -> bool:
    if found.opcode == Opcode.CHUNK:
        return True
    if found.opcode == Opcode.MESSAGE:
        channel, *_ = MESSAGE.unpack(source.read(found.offset + RECORD.size, MESSAGE.size))
        return is_channel(channel)
    # Short records are found in noise, but not two in a row.
    return (
        found.end == source.size
        or _record_at(source, found.end, _IN_FILE) is not None
        or _torn_chunk_at(source, found.end) is not None
    )
