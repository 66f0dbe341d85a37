"""What an MCAP file holds that may be cut off in the middle, and where.

Layout of the records: https://mcap.dev/spec.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO, RawIOBase
from pathlib import Path

from mcap.data_stream import ReadDataStream, RecordBuilder
from mcap.exceptions import EndOfFile, McapError
from mcap.opcode import Opcode
from mcap.records import (
    Channel,
    Chunk,
    ChunkIndex,
    McapRecord,
    Message,
    MessageIndex,
    Metadata,
    MetadataIndex,
    Schema,
)
from mcap.stream_reader import CRCValidationError, breakup_chunk
from mcap.writer import MCAP0_MAGIC

from groot_ros.errors import UserError

RECORD = struct.Struct("<BQ")
_FOOTER_BYTES = RECORD.size + 20 + len(MCAP0_MAGIC)
# Sizes and times in front of a chunk's records: start, end, uncompressed size, checksum.
_CHUNK_HEAD = struct.Struct("<QQQI")
_BLOCK = 2**20


@dataclass
class Contents:
    """What the data section of a file holds, and where."""

    schemas: dict[int, Schema] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)
    chunks: list[ChunkIndex] = field(default_factory=list)
    metadata: list[Metadata] = field(default_factory=list)
    metadata_indexes: list[MetadataIndex] = field(default_factory=list)
    start_ns: int = 0
    end_ns: int = 0

    @property
    def messages(self) -> int:
        return sum(self.counts.values())

    def add(self, record: McapRecord) -> None:
        """Take a schema, channel or message into account."""
        if isinstance(record, Schema):
            self.schemas[record.id] = record
        elif isinstance(record, Channel):
            self.channels[record.id] = record
        elif isinstance(record, Message):
            time_ns = record.log_time
            self.start_ns = min(self.start_ns, time_ns) if self.counts else time_ns
            self.end_ns = max(self.end_ns, time_ns)
            self.counts[record.channel_id] = self.counts.get(record.channel_id, 0) + 1


@dataclass
class Scan:
    """`end` is where the whole records end; `rest` what is usable of a torn chunk behind it."""

    contents: Contents = field(default_factory=Contents)
    end: int = len(MCAP0_MAGIC)
    complete: bool = False
    rest: list[McapRecord] = field(default_factory=list)
    damaged_chunks: int = 0
    # The newest chunk, its index in the file and the message indexes it must have.
    unindexed: dict[int, list[tuple[int, int]]] = field(default_factory=dict)


def scan_file(file: RawIOBase, path: Path) -> Scan:
    """Everything whole in a file; UserError for damage that no interruption explains."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if file.read(len(MCAP0_MAGIC)) != MCAP0_MAGIC:
        raise UserError(f"{path} is no MCAP file: it does not begin as one")
    scan = Scan()
    while scan.end + RECORD.size <= size:
        file.seek(scan.end)
        opcode, length = RECORD.unpack(file.read(RECORD.size))
        if opcode == 0 or opcode > max(Opcode):
            _check_tail_is_empty(file, scan.end, path)
            break
        if scan.end + RECORD.size + length > size:
            if opcode == Opcode.CHUNK:
                scan.rest = list(_torn_records(file.read()))
            break
        if opcode == Opcode.DATA_END:
            scan.complete = _ends_properly(file, size)
            break
        _take(scan, opcode, file.read(length))
        scan.end += RECORD.size + length
    return scan


def _ends_properly(file: RawIOBase, size: int) -> bool:
    file.seek(size - _FOOTER_BYTES)
    tail = file.read()
    return tail[0] == Opcode.FOOTER and tail.endswith(MCAP0_MAGIC)


def _check_tail_is_empty(file: RawIOBase, end: int, path: Path) -> None:
    """A power cut leaves zeros behind the last record; anything else must not be cut off."""
    file.seek(end)
    while block := file.read(_BLOCK):
        if block.count(0) != len(block):
            raise UserError(
                f"{path} is damaged at byte {end}, which no interrupted recording explains: it "
                "was left as it is, restore it from a copy"
            )


def _take(scan: Scan, opcode: int, body: bytes) -> None:
    contents, stream = scan.contents, ReadDataStream(BytesIO(body))
    length = RECORD.size + len(body)
    if opcode == Opcode.CHUNK:
        _take_chunk(scan, Chunk.read(stream), length)
    elif opcode == Opcode.MESSAGE_INDEX:
        index = MessageIndex.read(stream)
        if scan.unindexed.pop(index.channel_id, None) is not None:
            add_message_index(contents.chunks[-1], index.channel_id, scan.end, length)
    elif opcode == Opcode.METADATA:
        record = Metadata.read(stream)
        contents.metadata.append(record)
        contents.metadata_indexes.append(MetadataIndex(scan.end, length, record.name))
    elif opcode == Opcode.SCHEMA:
        contents.add(Schema.read(stream))
    elif opcode == Opcode.CHANNEL:
        contents.add(Channel.read(stream))
    elif opcode == Opcode.MESSAGE:
        contents.add(Message.read(stream, len(body)))


def _take_chunk(scan: Scan, chunk: Chunk, length: int) -> None:
    try:
        records = breakup_chunk(chunk, validate_crc=True)
    except (CRCValidationError, EndOfFile, McapError, ValueError):
        scan.damaged_chunks += 1
        return
    scan.unindexed = {}
    offset = 0
    for record in records:
        scan.contents.add(record)
        if isinstance(record, Message):
            entry = (record.log_time, offset)
            scan.unindexed.setdefault(record.channel_id, []).append(entry)
        offset += _record_bytes(record)
    scan.contents.chunks.append(chunk_index(chunk, scan.end, length))


def _record_bytes(record: McapRecord) -> int:
    if isinstance(record, Message):
        return RECORD.size + 22 + len(record.data)
    builder = RecordBuilder()
    record.write(builder)
    return builder.count


def chunk_index(chunk: Chunk, offset: int, length: int) -> ChunkIndex:
    """Index of a chunk at an offset, without its message indexes."""
    return ChunkIndex(
        chunk_length=length,
        chunk_start_offset=offset,
        compression=chunk.compression,
        compressed_size=len(chunk.data),
        message_end_time=chunk.message_end_time,
        message_index_length=0,
        message_index_offsets={},
        message_start_time=chunk.message_start_time,
        uncompressed_size=chunk.uncompressed_size,
    )


def add_message_index(chunk: ChunkIndex, channel_id: int, offset: int, length: int) -> None:
    """Tell a chunk's index where one of its message indexes is."""
    chunk.message_index_offsets[channel_id] = offset
    chunk.message_index_length += length


def _torn_records(body: bytes) -> Iterator[McapRecord]:
    """The whole records in the beginning of an uncompressed chunk."""
    head = _CHUNK_HEAD.size
    if len(body) < head + 12:
        return
    (name_length,) = struct.unpack_from("<I", body, head)
    # A name means a compression; of that, a beginning alone is not worth the trouble.
    if name_length:
        return
    position = head + 4 + 8
    while position + RECORD.size <= len(body):
        opcode, length = RECORD.unpack_from(body, position)
        position += RECORD.size
        if position + length > len(body):
            return
        stream = ReadDataStream(BytesIO(body[position : position + length]))
        if opcode == Opcode.SCHEMA:
            yield Schema.read(stream)
        elif opcode == Opcode.CHANNEL:
            yield Channel.read(stream)
        elif opcode == Opcode.MESSAGE:
            yield Message.read(stream, length)
        position += length
