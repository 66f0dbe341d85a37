"""Gives an MCAP file that was cut off in the middle its index back, in place.

Layout of the records: https://mcap.dev/spec.
"""

from __future__ import annotations

import os
import shutil
import struct
import zlib
from dataclasses import dataclass
from fcntl import LOCK_EX, LOCK_NB, flock
from io import RawIOBase
from pathlib import Path

from mcap.data_stream import RecordBuilder
from mcap.opcode import Opcode
from mcap.records import (
    Chunk,
    DataEnd,
    Footer,
    McapRecord,
    Message,
    MessageIndex,
    Statistics,
    SummaryOffset,
)
from mcap.writer import MCAP0_MAGIC

from groot_ros.data.mcap_scan import (
    RECORD,
    Contents,
    Scan,
    add_message_index,
    chunk_index,
    scan_file,
)
from groot_ros.errors import UserError

# Room for schemas, channels and the index of one chunk, and for what each chunk adds.
INDEX_BYTES = 2**20
INDEX_BYTES_PER_CHUNK = 1024


@dataclass(frozen=True)
class RepairedFile:
    """A file's contents and what was done to it; nothing if it was complete."""

    contents: Contents
    actions: tuple[str, ...]


def repair(path: Path) -> RepairedFile:
    """Cut off what a crash tore, write the index; a complete file is left as it is."""
    # Unbuffered, so that nothing is tried again behind our back when the disk is full.
    with path.open("r+b", buffering=0) as file:
        _check_not_written(file, path)
        scan = scan_file(file, path)
        if scan.complete:
            return RepairedFile(scan.contents, ())
        _check_room(path, scan)
        try:
            _append(file, scan)
        except OSError:
            # A limit other than the disk: better an index without the torn chunk than none.
            file.truncate(scan.end)
            scan = scan_file(file, path)
            _append(file, scan)
    actions = [f"index of {scan.contents.messages} messages written"]
    if saved := sum(isinstance(record, Message) for record in scan.rest):
        actions.append(f"{saved} messages saved from a torn chunk")
    if scan.damaged_chunks:
        actions.append(f"{scan.damaged_chunks} damaged chunks left out of the index")
    return RepairedFile(scan.contents, tuple(actions))


def _check_not_written(file: RawIOBase, path: Path) -> None:
    try:
        flock(file.fileno(), LOCK_EX | LOCK_NB)
    except BlockingIOError as error:
        raise UserError(f"{path} is being written: stop the recording first") from error


def _check_room(path: Path, scan: Scan) -> None:
    """Before anything is changed: the index must fit on the disk."""
    needed = INDEX_BYTES + INDEX_BYTES_PER_CHUNK * len(scan.contents.chunks)
    if shutil.disk_usage(path.parent).free < needed:
        raise UserError(
            f"{path} needs {needed / 1e6:.0f} MB more for its index: make room on its disk"
        )


def _append(file: RawIOBase, scan: Scan) -> None:
    """Everything that the file lacks, in the place of what is torn."""
    file.truncate(scan.end)
    file.seek(scan.end)
    _write_message_indexes(file, scan)
    _write_rest(file, scan)
    _write_summary(file, scan.contents)
    file.flush()
    os.fsync(file.fileno())


def _write_message_indexes(file: RawIOBase, scan: Scan) -> None:
    """Those of the newest chunk that the file does not have."""
    for channel_id, entries in scan.unindexed.items():
        offset = file.tell()
        _write(file, MessageIndex(channel_id, entries))
        add_message_index(scan.contents.chunks[-1], channel_id, offset, file.tell() - offset)


def _write_rest(file: RawIOBase, scan: Scan) -> None:
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
    scan.contents.chunks.append(chunk_index(chunk, offset, file.tell() - offset))
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
    head = RECORD.pack(Opcode.FOOTER, 20) + struct.pack("<QQ", start, offset_start)
    checksum = zlib.crc32(head, zlib.crc32(summary))
    _write(file, Footer(start, offset_start, checksum))
    _write_all(file, MCAP0_MAGIC)
