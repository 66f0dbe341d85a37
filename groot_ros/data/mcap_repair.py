"""Gives an MCAP file that was cut off in the middle its index back, in place.

Layout of the records: https://mcap.dev/spec.
"""

from __future__ import annotations

import os
import struct
import zlib
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
    DataEnd,
    Footer,
    McapRecord,
    Message,
    MessageIndex,
    Metadata,
    MetadataIndex,
    Schema,
    Statistics,
    SummaryOffset,
)
from mcap.stream_reader import CRCValidationError, breakup_chunk
from mcap.writer import MCAP0_MAGIC

from groot_ros.errors import UserError

_RECORD = struct.Struct("<BQ")
_FOOTER_BYTES = _RECORD.size + 20 + len(MCAP0_MAGIC)
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


@dataclass(frozen=True)
class RepairedFile:
    """A file's contents and what was done to it; nothing if it was complete."""

    contents: Contents
    actions: tuple[str, ...]


@dataclass
class _Scan:
    """`end` is where the whole records end; `rest` what is usable of a torn chunk behind it."""

    contents: Contents = field(default_factory=Contents)
    end: int = len(MCAP0_MAGIC)
    complete: bool = False
    rest: list[McapRecord] = field(default_factory=list)
    damaged_chunks: int = 0
    # The newest chunk, its index in the file and the message indexes it must have.
    unindexed: dict[int, list[tuple[int, int]]] = field(default_factory=dict)


def repair(path: Path) -> RepairedFile:
    """Cut off what a crash tore, write the index; a complete file is left as it is."""
    # Unbuffered, so that nothing is tried again behind our back when the disk is full.
    with path.open("r+b", buffering=0) as file:
        scan = _scan(file, path)
        if scan.complete:
            return RepairedFile(scan.contents, ())
        try:
            _append(file, scan)
        except OSError:
            # A full disk: better an index without the torn chunk than none.
            file.truncate(scan.end)
            scan = _scan(file, path)
            _append(file, scan)
    actions = [f"index of {scan.contents.messages} messages written"]
    if saved := sum(isinstance(record, Message) for record in scan.rest):
        actions.append(f"{saved} messages saved from a torn chunk")
    if scan.damaged_chunks:
        actions.append(f"{scan.damaged_chunks} damaged chunks left out of the index")
    return RepairedFile(scan.contents, tuple(actions))


def _scan(file: RawIOBase, path: Path) -> _Scan:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if file.read(len(MCAP0_MAGIC)) != MCAP0_MAGIC:
        raise UserError(f"{path} is no MCAP file: it does not begin as one")
    scan = _Scan()
    while scan.end + _RECORD.size <= size:
        file.seek(scan.end)
        opcode, length = _RECORD.unpack(file.read(_RECORD.size))
        if opcode == 0 or opcode > max(Opcode):
            _check_tail_is_empty(file, scan.end, path)
            break
        if scan.end + _RECORD.size + length > size:
            if opcode == Opcode.CHUNK:
                scan.rest = list(_torn_records(file.read()))
            break
        if opcode == Opcode.DATA_END:
            scan.complete = _ends_properly(file, size)
            break
        _take(scan, opcode, file.read(length))
        scan.end += _RECORD.size + length
    return scan


def _append(file: RawIOBase, scan: _Scan) -> None:
    """Everything that the file lacks, in the place of what is torn."""
    file.truncate(scan.end)
    file.seek(scan.end)
    _write_message_indexes(file, scan)
    _write_rest(file, scan)
    _write_summary(file, scan.contents)
    file.flush()
    os.fsync(file.fileno())


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


def _take(scan: _Scan, opcode: int, body: bytes) -> None:
    contents, stream = scan.contents, ReadDataStream(BytesIO(body))
    length = _RECORD.size + len(body)
    if opcode == Opcode.CHUNK:
        _take_chunk(scan, Chunk.read(stream), length)
    elif opcode == Opcode.MESSAGE_INDEX:
        index = MessageIndex.read(stream)
        if scan.unindexed.pop(index.channel_id, None) is not None:
            _add_message_index(contents.chunks[-1], index.channel_id, scan.end, length)
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


def _take_chunk(scan: _Scan, chunk: Chunk, length: int) -> None:
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
    scan.contents.chunks.append(_chunk_index(chunk, scan.end, length))


def _record_bytes(record: McapRecord) -> int:
    if isinstance(record, Message):
        return _RECORD.size + 22 + len(record.data)
    builder = RecordBuilder()
    record.write(builder)
    return builder.count


def _chunk_index(chunk: Chunk, offset: int, length: int) -> ChunkIndex:
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


def _add_message_index(chunk: ChunkIndex, channel_id: int, offset: int, length: int) -> None:
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
    while position + _RECORD.size <= len(body):
        opcode, length = _RECORD.unpack_from(body, position)
        position += _RECORD.size
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


def _write_message_indexes(file: RawIOBase, scan: _Scan) -> None:
    """Those of the newest chunk that the file does not have."""
    for channel_id, entries in scan.unindexed.items():
        offset = file.tell()
        _write(file, MessageIndex(channel_id, entries))
        _add_message_index(scan.contents.chunks[-1], channel_id, offset, file.tell() - offset)


def _write_rest(file: RawIOBase, scan: _Scan) -> None:
    """What a torn chunk held, as a chunk of its own."""
    times = [record.log_time for record in scan.rest if isinstance(record, Message)]
    if not times:
        scan.rest.clear()
        return
    builder, entries = RecordBuilder(), dict[int, list[tuple[int, int]]]()
    for record in scan.rest:
        scan.contents.add(record)
        if isinstance(record, Message):
            entries.setdefault(record.channel_id, []).append((record.log_time, builder.count))
        record.write(builder)
    data = builder.end()
    chunk = Chunk(
        compression="",
        data=data,
        message_end_time=max(times),
        message_start_time=min(times),
        uncompressed_crc=zlib.crc32(data),
        uncompressed_size=len(data),
    )
    offset = file.tell()
    _write(file, chunk)
    scan.contents.chunks.append(_chunk_index(chunk, offset, file.tell() - offset))
    scan.unindexed = entries
    _write_message_indexes(file, scan)


def _write_all(file: RawIOBase, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _write(file: RawIOBase, record: McapRecord) -> None:
    builder = RecordBuilder()
    record.write(builder)
    _write_all(file, builder.end())


def _write_summary(file: RawIOBase, contents: Contents) -> None:
    _write(file, DataEnd(0))
    start = file.tell()
    statistics = Statistics(
        attachment_count=0,
        channel_count=len(contents.channels),
        channel_message_counts=contents.counts,
        chunk_count=len(contents.chunks),
        message_count=contents.messages,
        message_end_time=contents.end_ns,
        message_start_time=contents.start_ns,
        metadata_count=len(contents.metadata),
        schema_count=len(contents.schemas),
    )
    groups: list[tuple[Opcode, list[McapRecord]]] = [
        (Opcode.SCHEMA, list(contents.schemas.values())),
        (Opcode.CHANNEL, list(contents.channels.values())),
        (Opcode.STATISTICS, [statistics]),
        (Opcode.CHUNK_INDEX, list(contents.chunks)),
        (Opcode.METADATA_INDEX, list(contents.metadata_indexes)),
    ]
    builder, offsets = RecordBuilder(), list[SummaryOffset]()
    for opcode, records in groups:
        group_start = builder.count
        for record in records:
            record.write(builder)
        if records:
            length = builder.count - group_start
            offsets.append(SummaryOffset(opcode, start + group_start, length))
    offset_start = start + builder.count
    for offset in offsets:
        offset.write(builder)
    summary = builder.end()
    _write_all(file, summary)
    # The checksum covers the footer too, up to itself.
    head = _RECORD.pack(Opcode.FOOTER, 20) + struct.pack("<QQ", start, offset_start)
    checksum = zlib.crc32(head, zlib.crc32(summary))
    _write(file, Footer(start, offset_start, checksum))
    _write_all(file, MCAP0_MAGIC)
