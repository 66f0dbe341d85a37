"""Makes an MCAP file whole again in place: index, checksums, and what is whole out of damage.

Layout of the records: https://mcap.dev/spec. Damaged bytes stay where they are, below the head of
a private record that every reader skips; whole messages out of them are written again at the end.
"""

from __future__ import annotations

import os
import shutil
import struct
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

from isal.isal_zlib import crc32
from mcap.data_stream import RecordBuilder
from mcap.opcode import Opcode
from mcap.records import (
    Chunk,
    DataEnd,
    Footer,
    Header,
    McapRecord,
    Message,
    MessageIndex,
    Metadata,
    MetadataIndex,
    Statistics,
    SummaryOffset,
)
from mcap.writer import MCAP0_MAGIC

from groot_ros.data.bags.mcap_records import (
    MOVED,
    PRIVATE,
    RECORD,
    ChunkBytes,
    FileBytes,
    Found,
    Gap,
    decompress,
    read_message,
    walk,
)
from groot_ros.data.bags.mcap_scan import ChunkStretch, Scan, Stretch, scan_file
from groot_ros.errors import UserError
from groot_ros.files.folder_lock import lock

# Room for schemas, channels and the index of one chunk, and for what each chunk adds.
INDEX_BYTES = 2**20
INDEX_BYTES_PER_CHUNK = 1024
# A chunk that is written again holds about so much.
CHUNK_BYTES = 2**20
# Where a chunk's checksum lies from its beginning: behind head, two times and a size.
_CRC_OFFSET = RECORD.size + 24
_CRC = struct.Struct("<I")


class NotNow(UserError):
    """A file that can be repaired later: it is being written, or its disk is full."""


def repair(path: Path) -> list[str]:
    """Write what a file lacks; a complete file is left as it is and may be read-only.

    What was done, a sentence each. UserError when nothing of an MCAP file is in it, NotNow when
    it is being written or its disk has no room for the index.
    """
    with path.open("rb") as reading:
        _check_not_written(reading, path)
        scan = scan_file(reading, path)
    if not scan.damage:
        return []
    # Unbuffered, so that nothing is tried again behind our back when the disk is full.
    with path.open("r+b", buffering=0) as file:
        _check_not_written(file, path)
        _check_room(path, scan)
        try:
            return _Repair(file, scan).run()
        except OSError:
            # A limit other than the disk: better an index without what was torn than none.
            file.truncate(scan.end)
            scan = scan_file(file, path)
            scan.saved.clear()
            return _Repair(file, scan).run()


def _check_not_written(file: BinaryIO, path: Path) -> None:
    if not lock(file):
        raise NotNow(f"{path} is being written: stop the recording first")


def _check_room(path: Path, scan: Scan) -> None:
    """Before anything is changed: the index must fit on the disk."""
    again = sum(len(message.data) for message in scan.saved)
    again += sum(chunk.size for chunk in scan.chunks if not chunk.is_indexed)
    needed = INDEX_BYTES + INDEX_BYTES_PER_CHUNK * len(scan.chunks) + again
    if shutil.disk_usage(path.parent).free < needed:
        raise NotNow(
            f"{path} needs {needed / 1e6:.0f} MB more for its index: make room on its disk"
        )


class _Repair:
    """Writes into one file; owns the scan while it changes."""

    def __init__(self, file: BinaryIO, scan: Scan) -> None:
        self._file = file
        self._source = FileBytes(file.fileno())
        self._scan = scan
        self._chunks: list[ChunkStretch] = []
        self._counts: Counter[int] = Counter()

    def run(self) -> list[str]:
        """Mend the file; what was done, a sentence each."""
        scan = self._scan
        actions = self._actions()
        again = self._chunks_to_move()
        self._file.truncate(scan.end)
        self._file.seek(scan.end)
        kept = [chunk for chunk in scan.chunks if chunk not in again]
        for chunk in kept:
            self._keep(chunk)
        for run in scan.runs:
            self._counts.update(run.counts)
        moved = [message for chunk in again for message in self._messages(chunk)]
        if moved or scan.saved:
            self._mark_moved()
        self._write_messages([*moved, *scan.saved])
        self._write_summary()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._mask([*scan.gaps, *(Gap(chunk.offset, chunk.end) for chunk in again)])
        os.fsync(self._file.fileno())
        return actions

    def _actions(self) -> list[str]:
        scan = self._scan
        total = scan.counts.total() + len(scan.saved)
        actions = [f"index of {total} messages written"]
        if scan.saved:
            state = "damaged" if scan.gaps else "torn"
            actions.append(f"{len(scan.saved)} messages saved from a {state} chunk")
        if scan.gaps:
            lost = sum(gap.stop - gap.start for gap in scan.gaps)
            actions.append(f"{lost} damaged bytes in {len(scan.gaps)} places left out")
        if wrong := sum(chunk.crc_is_wrong for chunk in scan.chunks):
            actions.append(
                f"{wrong} chunks with a wrong checksum kept, a message in each may be damaged"
            )
        if scan.unknown:
            actions.append(f"{scan.unknown} messages whose topic is lost left out")
        return actions

    def _chunks_to_move(self) -> list[ChunkStretch]:
        """Chunks that are written again: in the middle there is no room for a damaged index."""
        scan = self._scan
        with_indexes = any(chunk.index_offsets for chunk in scan.chunks)
        return [
            chunk
            for chunk in scan.chunks
            if not chunk.counts.keys() <= scan.channels.keys()
            or (
                with_indexes
                and not chunk.is_indexed
                and chunk.end + chunk.index_length != scan.end
            )
        ]

    def _keep(self, chunk: ChunkStretch) -> None:
        if chunk.crc_is_wrong:
            data = self._source.read(chunk.data_offset, chunk.data_length)
            os.pwrite(self._file.fileno(), _CRC.pack(crc32(data)), chunk.offset + _CRC_OFFSET)
        if chunk.end + chunk.index_length == self._scan.end:
            self._write_indexes(chunk)
        self._chunks.append(chunk)
        self._counts.update(chunk.counts)

    def _write_indexes(self, chunk: ChunkStretch) -> None:
        """Those that a chunk at the end of the file does not have yet."""
        for channel_id, entries in chunk.entries.items():
            if channel_id not in chunk.index_offsets:
                offset = self._file.tell()
                self._write(MessageIndex(channel_id, entries))
                chunk.index_offsets[channel_id] = offset
                chunk.index_length += self._file.tell() - offset

    def _messages(self, chunk: ChunkStretch) -> list[Message]:
        data = decompress(
            chunk.compression,
            self._source.read(chunk.data_offset, chunk.data_length),
            chunk.size,
        )
        found = []
        for item in walk(ChunkBytes(data), 0, lambda _: True):
            if isinstance(item, Found) and item.opcode == Opcode.MESSAGE:
                message = read_message(item.body(ChunkBytes(data)))
                if message.channel_id in self._scan.channels:
                    found.append(message)
        return found

    def _mark_moved(self) -> None:
        """Say that what follows is out of its order, which is no step of the recorder's clock."""
        offset, record = self._file.tell(), Metadata(MOVED, {})
        self._write(record)
        self._scan.metadata.append(record)
        length = self._file.tell() - offset
        self._scan.metadata_indexes.append(MetadataIndex(offset, length, MOVED))

    def _write_messages(self, messages: Sequence[Message]) -> None:
        """At the end of the file: in chunks, or without them where the file has none."""
        if self._scan.runs and not self._scan.chunks:
            definitions = self._definitions({message.channel_id for message in messages})
            for record in [*definitions, *messages]:
                self._write(record)
            self._counts.update(message.channel_id for message in messages)
            return
        begun, size = 0, 0
        for index, message in enumerate(messages, start=1):
            size += len(message.data)
            if size >= CHUNK_BYTES or index == len(messages):
                self._write_chunk(messages[begun:index])
                begun, size = index, 0

    def _definitions(self, channels: Iterable[int]) -> list[McapRecord]:
        scan = self._scan
        found = [scan.channels[number] for number in sorted(channels)]
        schemas = dict.fromkeys(c.schema_id for c in found if c.schema_id in scan.schemas)
        return [*(scan.schemas[number] for number in schemas), *found]

    def _write_chunk(self, messages: Sequence[Message]) -> None:
        builder = RecordBuilder()
        for record in self._definitions({message.channel_id for message in messages}):
            record.write(builder)
        offset = self._file.tell()
        stretch = ChunkStretch(offset, 0, 0, 0)
        for message in messages:
            stretch.count(message.channel_id, message.log_time)
            places = stretch.entries.setdefault(message.channel_id, [])
            places.append((message.log_time, builder.count))
            message.write(builder)
        data = builder.end()
        self._write(
            Chunk(
                compression="",
                data=data,
                message_end_time=stretch.end_ns,
                message_start_time=stretch.start_ns,
                uncompressed_crc=crc32(data),
                uncompressed_size=len(data),
            )
        )
        stretch.length = self._file.tell() - offset
        stretch.size = stretch.data_length = len(data)
        self._write_indexes(stretch)
        self._chunks.append(stretch)
        self._counts.update(stretch.counts)

    def _mask(self, gaps: Iterable[Gap]) -> None:
        """Make every reader skip what is damaged, and give the file its beginning back."""
        descriptor = self._file.fileno()
        os.pwrite(descriptor, MCAP0_MAGIC, 0)
        for gap in gaps:
            start, stop = gap.start, gap.stop
            if start == len(MCAP0_MAGIC):
                start += os.pwrite(descriptor, _header(stop - start), start)
            if stop - start >= RECORD.size:
                os.pwrite(descriptor, RECORD.pack(PRIVATE, stop - start - RECORD.size), start)

    def _write(self, record: McapRecord) -> None:
        builder = RecordBuilder()
        record.write(builder)
        _write_all(self._file, builder.end())

    def _write_summary(self) -> None:
        self._write(DataEnd(0))
        start = self._file.tell()
        builder, offsets = RecordBuilder(), list[SummaryOffset]()
        for opcode, records in self._groups():
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
        _write_all(self._file, summary)
        # The checksum covers the footer too, up to itself.
        head = RECORD.pack(Opcode.FOOTER, 20) + struct.pack("<QQ", start, offset_start)
        checksum = crc32(head, crc32(summary))
        self._write(Footer(start, offset_start, checksum))
        _write_all(self._file, MCAP0_MAGIC)

    def _groups(self) -> list[tuple[Opcode, list[McapRecord]]]:
        scan = self._scan
        stretches: list[Stretch] = [*self._chunks, *scan.runs]
        filled = [stretch for stretch in stretches if stretch.counts]
        statistics = Statistics(
            attachment_count=len(scan.attachments),
            channel_count=len(scan.channels),
            channel_message_counts=dict(self._counts),
            chunk_count=len(self._chunks),
            message_count=self._counts.total(),
            message_end_time=max((stretch.end_ns for stretch in filled), default=0),
            message_start_time=min((stretch.start_ns for stretch in filled), default=0),
            metadata_count=len(scan.metadata),
            schema_count=len(scan.schemas),
        )
        return [
            (Opcode.SCHEMA, [*scan.schemas.values()]),
            (Opcode.CHANNEL, [*scan.channels.values()]),
            (Opcode.STATISTICS, [statistics]),
            (Opcode.CHUNK_INDEX, [chunk.index() for chunk in self._chunks]),
            (Opcode.ATTACHMENT_INDEX, [*scan.attachments]),
            (Opcode.METADATA_INDEX, [*scan.metadata_indexes]),
        ]


def _write_all(file: BinaryIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _header(most_bytes: int) -> bytes:
    """The first record of a ROS 2 file, as long as its place where that is short."""
    builder = RecordBuilder()
    Header("ros2", "").write(builder)
    empty = builder.count
    if most_bytes < empty:
        return b""
    padding = most_bytes - empty
    library = "groot_ros"[:padding] if padding >= len("groot_ros") + RECORD.size else " " * padding
    builder = RecordBuilder()
    Header("ros2", library).write(builder)
    return bytes(builder.end())
