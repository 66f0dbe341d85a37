"""Reading MCAP files of ROS 2, by their index where it is complete and by going through otherwise.

Layout of the records: https://mcap.dev/spec.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from isal.isal_zlib import crc32
from mcap.opcode import Opcode
from mcap.records import Channel, ChunkIndex, Metadata, MetadataIndex, Schema, Statistics
from mcap.writer import MCAP0_MAGIC
from numpy.typing import NDArray

from groot_ros.data.bags.mcap_records import (
    CHUNK_HEAD_BYTES,
    MESSAGE,
    MOVED,
    RECORD,
    ChunkHead,
    DamagedRecord,
    FileBytes,
    decompress,
    parse,
)
from groot_ros.data.bags.mcap_scan import NoMcap, Stretch, scan_file
from groot_ros.data.bags.metadata import CUSTOM_DATA, parse_metadata
from groot_ros.data.bags.storage import (
    LATEST_NS,
    STEP_BACK_NS,
    Damaged,
    Lost,
    MessageSource,
    Raw,
    Stream,
    joined,
    merged,
)

# The metadata record in which rosbag2 keeps its own metadata.yaml.
ROSBAG2 = "rosbag2"
ROSBAG2_KEY = "serialized_metadata"
_FOOTER_BYTES = RECORD.size + 20
# A message index has a head, a channel, a length and 16 bytes for each message.
_INDEX_HEAD, _INDEX_ENTRY = RECORD.size + 6, 16


class McapFile:
    """An open MCAP file; Damaged where it is not whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with ExitStack() as stack:
            self._file = stack.enter_context(path.open("rb"))
            self._bytes = FileBytes(self._file.fileno())
            contents = self._indexed() or self._scanned()
            stack.pop_all()
        filled = [stretch for stretch in contents.stretches if stretch.counts]
        self._stretches = sorted(filled, key=lambda stretch: stretch.offset)
        self._moved_offset = min(
            (index.offset for index in contents.metadata_indexes if index.name == MOVED),
            default=self._bytes.size,
        )
        self._numbers: dict[int, Stream] = {}
        for number, channel in sorted(contents.channels.items()):
            schema = contents.schemas.get(channel.schema_id)
            self._numbers[number] = Stream(
                topic=channel.topic,
                type_name=schema.name if schema else "",
                encoding=channel.message_encoding,
                count=contents.counts[number],
                schema=schema.data.decode(errors="replace") if schema else "",
                schema_encoding=schema.encoding if schema else "",
                qos=channel.metadata.get("offered_qos_profiles", ""),
                digest=channel.metadata.get("topic_type_hash", ""),
            )
        self.start_ns = min((stretch.start_ns for stretch in filled), default=0)
        self.end_ns = max((stretch.end_ns for stretch in filled), default=0)
        self.custom_data, self.parts = own_words(contents.metadata)

    @property
    def streams(self) -> Sequence[Stream]:
        return list(self._numbers.values())

    @property
    def checked(self) -> list[tuple[int, int]]:
        """Where the records of chunks with a checksum begin and end, in the order of the file."""
        return [
            (stretch.data_offset, stretch.data_offset + stretch.data_length)
            for stretch in self._stretches
            if stretch.crc
        ]

    def close(self) -> None:
        self._file.close()

    def _scanned(self) -> _Contents:
        try:
            scan = scan_file(self._file, self._path)
        except NoMcap as error:
            raise Lost(f"is no MCAP file: it {error.found}") from None
        if scan.damage:
            raise Damaged(scan.damage)
        return _Contents(
            schemas=scan.schemas,
            channels=scan.channels,
            stretches=scan.stretches,
            counts=scan.counts,
            metadata=scan.metadata,
            metadata_indexes=scan.metadata_indexes,
        )

    def _indexed(self) -> _Contents | None:
        """What the summary says; None where it does not account for every message."""
        size, source = self._bytes.size, self._bytes
        footer_start = size - _FOOTER_BYTES - len(MCAP0_MAGIC)
        if source.read(0, len(MCAP0_MAGIC)) != MCAP0_MAGIC or footer_start < len(MCAP0_MAGIC):
            return None
        tail = source.read(footer_start, _FOOTER_BYTES + len(MCAP0_MAGIC))
        if tail[0] != Opcode.FOOTER or not tail.endswith(MCAP0_MAGIC):
            return None
        try:
            footer = parse(Opcode.FOOTER, tail[RECORD.size : _FOOTER_BYTES])
            if not len(MCAP0_MAGIC) < footer.summary_start < footer_start:
                return None
            data = source.read(footer.summary_start, footer_start - footer.summary_start)
            checked = tail[: _FOOTER_BYTES - 4]
            if footer.summary_crc not in (0, crc32(checked, crc32(data))):
                return None
            return self._summary(data)
        except DamagedRecord:
            return None

    def _summary(self, data: bytes) -> _Contents | None:
        found = _Contents()
        statistics: Statistics | None = None
        indexed = 0
        for opcode, body in _records(data):
            if opcode not in (
                Opcode.SCHEMA,
                Opcode.CHANNEL,
                Opcode.STATISTICS,
                Opcode.CHUNK_INDEX,
                Opcode.METADATA_INDEX,
            ):
                continue
            record = parse(opcode, body)
            if isinstance(record, Schema):
                found.schemas[record.id] = record
            elif isinstance(record, Channel):
                found.channels[record.id] = record
            elif isinstance(record, Statistics):
                statistics = record
            elif isinstance(record, MetadataIndex):
                found.metadata.append(self._metadata(record))
                found.metadata_indexes.append(record)
            elif isinstance(record, ChunkIndex):
                stretch = self._chunk(record)
                found.stretches.append(stretch)
                indexed += stretch.counts.total()
        if statistics is None or indexed != statistics.message_count:
            return None
        found.counts.update(statistics.channel_message_counts)
        named = {channel.schema_id for channel in found.channels.values()} - {0}
        if (
            not (+found.counts).keys() <= found.channels.keys()
            or not named <= found.schemas.keys()
        ):
            return None
        return found if found.counts.total() == indexed else None

    def _metadata(self, index: MetadataIndex) -> Metadata:
        body = self._bytes.read(index.offset + RECORD.size, index.length - RECORD.size)
        record: Metadata = parse(Opcode.METADATA, body)
        return record

    def _chunk(self, index: ChunkIndex) -> Stretch:
        """Counts are by the sizes of the message indexes, which lie one behind the other."""
        start = index.chunk_start_offset + RECORD.size
        head = ChunkHead.read(self._bytes.read(start, CHUNK_HEAD_BYTES))
        places = sorted((place, number) for number, place in index.message_index_offsets.items())
        end = index.chunk_start_offset + index.chunk_length + index.message_index_length
        ends = [*(place for place, _ in places[1:]), end][: len(places)]
        counts = Counter(
            {
                number: (stop - place - _INDEX_HEAD) // _INDEX_ENTRY
                for (place, number), stop in zip(places, ends, strict=True)
            }
        )
        return Stretch(
            offset=index.chunk_start_offset,
            length=index.chunk_length,
            data_offset=start + head.data_offset,
            data_length=head.data_length,
            compression=head.compression,
            size=head.size,
            crc=head.crc,
            start_ns=index.message_start_time,
            end_ns=index.message_end_time,
            counts=+counts,
            index_length=index.message_index_length if places else 0,
        )

    def messages(
        self, streams: Collection[Stream], start_ns: int | None, stop_ns: int | None
    ) -> Iterator[Raw]:
        """From `start_ns` on and before `stop_ns`, in the order of arrival."""
        wanted = {number: s for number, s in self._numbers.items() if s in streams}
        first = 0 if start_ns is None else start_ns
        last = 2**64 if stop_ns is None else stop_ns - 1
        return merged(
            MessageSource(stretch.start_ns, partial(self._within, stretch, wanted, first, last))
            for stretch in self._stretches
            if stretch.end_ns >= first
            and stretch.start_ns <= last
            and not stretch.counts.keys().isdisjoint(wanted)
        )

    def steps_back(self) -> Sequence[tuple[int, int]]:
        """Times in ns after and before each step back of the clock, in the order of the file."""
        steps, newest = [], dict[Stream, int]()
        stretches = [s for s in self._stretches if s.offset <= self._moved_offset]
        if not _may_step_back(stretches):
            return []
        for stretch in stretches:
            for stream, found in self._times(stretch):
                # A time of 0 or of another century is none: its recorder had no clock.
                times = found[(found > 0) & (found < LATEST_NS)].astype(np.int64)
                if not len(times):
                    continue
                before = np.append(newest.get(stream, times[0]), times[:-1])
                newest[stream] = int(times[-1])
                for index in np.flatnonzero(before - times > STEP_BACK_NS):
                    steps.append((int(times[index]), int(before[index])))
        return joined(steps)

    def _times(self, stretch: Stretch) -> Iterator[tuple[Stream, NDArray[np.uint64]]]:
        """Streams and the times (N,) in ns of their messages in the order of the file."""
        if not stretch.index_length:
            times: dict[Stream, list[int]] = {}
            for time_ns, stream, _ in self._in_file_order(stretch, self._numbers, 0, 2**64):
                times.setdefault(stream, []).append(time_ns)
            for stream, found in times.items():
                yield stream, np.array(found, np.uint64)
            return
        try:
            for opcode, body in _records(self._bytes.read(stretch.end, stretch.index_length)):
                if opcode == Opcode.MESSAGE_INDEX and len(body) > _INDEX_HEAD - RECORD.size:
                    entries = np.frombuffer(body, "<u8", offset=_INDEX_HEAD - RECORD.size)
                    pairs = entries.reshape(-1, 2)
                    stream = self._numbers[int.from_bytes(body[:2], "little")]
                    yield stream, pairs[np.argsort(pairs[:, 1], kind="stable"), 0]
        except (DamagedRecord, KeyError, ValueError) as error:
            raise Damaged(f"is damaged behind the chunk at byte {stretch.offset}") from error

    def _within(
        self, stretch: Stretch, wanted: Mapping[int, Stream], first_ns: int, last_ns: int
    ) -> Iterator[Raw]:
        found = self._in_file_order(stretch, wanted, first_ns, last_ns)
        found.sort(key=_time)
        return iter(found)

    def _in_file_order(
        self, stretch: Stretch, wanted: Mapping[int, Stream], first_ns: int, last_ns: int
    ) -> list[Raw]:
        data = self._bytes.read(stretch.data_offset, stretch.data_length)
        try:
            data = decompress(stretch.compression, data, stretch.size)
        except DamagedRecord as error:
            raise Damaged(f"is damaged at byte {stretch.offset} ({error})") from error
        if stretch.crc and crc32(data) != stretch.crc:
            raise Damaged(f"has a chunk at byte {stretch.offset} whose checksum is wrong")
        found: list[Raw] = []
        place, end = 0, len(data)
        while place < end:
            if place + RECORD.size > end:
                raise Damaged(f"is damaged in the chunk at byte {stretch.offset}")
            opcode, length = RECORD.unpack_from(data, place)
            begin, place = place + RECORD.size, place + RECORD.size + length
            if place > end or (opcode == Opcode.MESSAGE and length < MESSAGE.size):
                raise Damaged(f"is damaged in the chunk at byte {stretch.offset}")
            if opcode != Opcode.MESSAGE:
                continue
            number, _, time_ns, _ = MESSAGE.unpack_from(data, begin)
            if number in wanted and first_ns <= time_ns <= last_ns:
                found.append((time_ns, wanted[number], data[begin + MESSAGE.size : place]))
        return found


def _may_step_back(stretches: Iterable[Stretch]) -> bool:
    """Whether by their beginnings and ends a clock may step back in or between them."""
    newest_ns = 0
    for stretch in stretches:
        newest_ns = max(newest_ns, stretch.end_ns)
        if newest_ns - stretch.start_ns > STEP_BACK_NS:
            return True
    return False


def _time(item: Raw) -> int:
    return item[0]


@dataclass
class _Contents:
    """What summary or scan say of a file; `counts` are messages by the channel's number."""

    schemas: dict[int, Schema] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    stretches: list[Stretch] = field(default_factory=list)
    counts: Counter[int] = field(default_factory=Counter)
    metadata: list[Metadata] = field(default_factory=list)
    metadata_indexes: list[MetadataIndex] = field(default_factory=list)


def _records(data: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place < len(data):
        if place + RECORD.size > len(data):
            raise DamagedRecord("the summary ends in the middle of a record")
        opcode, length = RECORD.unpack_from(data, place)
        begin, place = place + RECORD.size, place + RECORD.size + length
        if place > len(data):
            raise DamagedRecord("a record reaches beyond the summary")
        yield opcode, data[begin:place]


def own_words(metadata: Iterable[Metadata]) -> tuple[dict[str, str], frozenset[str]]:
    """custom_data and names of the bag's files, out of a file's metadata; later records count."""
    custom: dict[str, str] = {}
    parts: frozenset[str] = frozenset()
    for record in metadata:
        if record.name == CUSTOM_DATA:
            custom |= record.metadata
        elif record.name == ROSBAG2:
            information = parse_metadata(record.metadata.get(ROSBAG2_KEY, ""))
            custom = {**information.custom_data, **custom}
            parts = frozenset(information.files)
    return custom, parts
