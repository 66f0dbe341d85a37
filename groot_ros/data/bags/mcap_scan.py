"""What an MCAP file holds, whole or damaged, found by going through it from its beginning.

Layout of the records: https://mcap.dev/spec.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from isal.isal_zlib import crc32
from mcap.opcode import Opcode
from mcap.records import (
    Attachment,
    AttachmentIndex,
    Channel,
    ChunkIndex,
    Footer,
    Header,
    McapRecord,
    Message,
    MessageIndex,
    Metadata,
    MetadataIndex,
    Schema,
    Statistics,
)
from mcap.writer import MCAP0_MAGIC

from groot_ros.data.bags.mcap_records import (
    MESSAGE,
    RECORD,
    Bytes,
    ChunkBytes,
    ChunkHead,
    DamagedRecord,
    FileBytes,
    Found,
    Gap,
    decompress,
    decompress_beginning,
    doubtful_messages,
    next_chunk,
    parse,
    read_message,
    walk,
)
from groot_ros.errors import UserError

# Damage is looked through for messages in pieces of this size.
_PIECE_BYTES = 2**26
_SUMMARY = (
    Opcode.STATISTICS,
    Opcode.CHUNK_INDEX,
    Opcode.METADATA_INDEX,
    Opcode.ATTACHMENT_INDEX,
    Opcode.SUMMARY_OFFSET,
)
_BEHIND = (*_SUMMARY, Opcode.DATA_END, Opcode.FOOTER)
_DATA = (Opcode.CHUNK, Opcode.MESSAGE, Opcode.MESSAGE_INDEX)
_FOOTER_BYTES = RECORD.size + 20 + len(MCAP0_MAGIC)


@dataclass(slots=True)
class Stretch:
    """Messages in a file: a chunk, or such that lie one after another without one.

    `data_offset` and `data_length` are where their records lie, compressed as the chunk says;
    `size` is their length without compression, `counts` are messages by the channel's number.
    """

    offset: int
    length: int
    data_offset: int
    data_length: int
    compression: str = ""
    size: int = 0
    crc: int = 0
    start_ns: int = 0
    end_ns: int = 0
    counts: Counter[int] = field(default_factory=Counter)
    index_length: int = 0
    """Of the message indexes that follow a chunk."""

    def count(self, channel_id: int, time_ns: int) -> None:
        """Take a message into account."""
        first = not self.counts
        self.start_ns = time_ns if first else min(self.start_ns, time_ns)
        self.end_ns = time_ns if first else max(self.end_ns, time_ns)
        self.counts[channel_id] += 1

    @property
    def end(self) -> int:
        return self.offset + self.length


@dataclass(slots=True)
class ChunkStretch(Stretch):
    """A chunk that was looked through: its messages' times and places, and its index so far.

    `entries` are forgotten once they are known to be in the file. `crc_is_wrong` where the
    checksum does not fit what the chunk holds.
    """

    entries: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    index_offsets: dict[int, int] = field(default_factory=dict)
    crc_is_wrong: bool = False

    @property
    def is_indexed(self) -> bool:
        """Whether the file holds the chunk's complete message index."""
        return self.index_offsets.keys() >= self.counts.keys()

    def index(self) -> ChunkIndex:
        """Its record for the summary."""
        return ChunkIndex(
            chunk_length=self.length,
            chunk_start_offset=self.offset,
            compression=self.compression,
            compressed_size=self.data_length,
            message_end_time=self.end_ns,
            message_index_length=self.index_length,
            message_index_offsets=self.index_offsets,
            message_start_time=self.start_ns,
            uncompressed_size=self.size,
        )


@dataclass
class Scan:
    """All that a file holds.

    `gaps` are what is damaged, up to `end`, where the last whole record ends; behind it there is
    a summary, or what a crash tore. `saved` are messages out of the damage, `unknown` are
    messages whose topic nothing tells any more.
    """

    schemas: dict[int, Schema] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    chunks: list[ChunkStretch] = field(default_factory=list)
    runs: list[Stretch] = field(default_factory=list)
    metadata: list[Metadata] = field(default_factory=list)
    metadata_indexes: list[MetadataIndex] = field(default_factory=list)
    attachments: list[AttachmentIndex] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    saved: list[Message] = field(default_factory=list)
    unknown: int = 0
    has_magic: bool = True
    has_header: bool = False
    ends_properly: bool = False
    summary_is_true: bool = True
    end: int = len(MCAP0_MAGIC)

    @property
    def stretches(self) -> list[Stretch]:
        """Chunks and runs in the order of the file."""
        return sorted([*self.chunks, *self.runs], key=lambda stretch: stretch.offset)

    @property
    def damage(self) -> str:
        """What is wrong with the file, or nothing."""
        if not self.has_magic or not self.has_header:
            return "does not begin as an MCAP file"
        if self.gaps:
            return f"is damaged at byte {self.gaps[0].start}"
        if not self.ends_properly:
            return "was cut off"
        if any(chunk.crc_is_wrong for chunk in self.chunks):
            return "has a chunk whose checksum is wrong"
        if self.unknown:
            return "holds messages of a topic that nothing in it defines"
        if not self.summary_is_true:
            return "has an index that does not fit what it holds"
        return ""

    @property
    def counts(self) -> Counter[int]:
        """Messages by the channel's number, without those that were saved or are unknown."""
        total: Counter[int] = Counter()
        for stretch in (*self.chunks, *self.runs):
            total.update(stretch.counts)
        return Counter({k: n for k, n in total.items() if k in self.channels})


class NoMcap(UserError):
    """A file in which there is nothing that could be saved; `found` is what it is instead."""

    def __init__(self, path: Path, found: str) -> None:
        super().__init__(f"{path} is no MCAP file: it {found}, restore it from a copy")
        self.found = found


def scan_file(file: BinaryIO, path: Path) -> Scan:
    """Look through a file; NoMcap for one in which there is nothing of an MCAP file."""
    source = FileBytes(file.fileno())
    scanner = _Scanner(source)
    scan = scanner.run()
    if not (scan.channels or scan.chunks or scan.runs or (scan.has_magic and scan.has_header)):
        found = "is empty" if source.size == 0 else "holds nothing of one"
        raise NoMcap(path, found)
    return scan


class _Scanner:
    """Goes through a file once; owns the scan while it grows."""

    def __init__(self, source: FileBytes) -> None:
        self._source = source
        self._scan = Scan(has_magic=source.read(0, len(MCAP0_MAGIC)) == MCAP0_MAGIC)
        self._torn: list[Gap] = []
        self._behind: list[Found | Gap] = []
        self._summary: list[McapRecord] = []
        self._summary_start = 0
        # Where a whole chunk begins in what the newest, damaged one claims for itself; 0 for none.
        self._covered = 0

    def run(self) -> Scan:
        scan = self._scan
        for item in self._walk():
            if isinstance(item, Gap):
                (self._behind if self._behind else scan.gaps).append(item)
            elif item.opcode in _BEHIND or (self._behind and item.opcode not in _DATA):
                self._behind.append(item)
            else:
                # What looked like the end was a piece of it in a wrong place.
                scan.gaps += [Gap(*_place(stray)) for stray in self._behind]
                self._behind = []
                self._take(item)
                scan.end = item.end
        self._take_end()
        self._drop_torn_end()
        self._save()
        scan.summary_is_true = scan.ends_properly and self._summary_fits()
        return scan

    def _walk(self) -> Iterator[Found | Gap]:
        """All records; those of a whole chunk also where a damaged one claims its place."""
        self._covered = len(MCAP0_MAGIC)
        while self._covered:
            offset, self._covered = self._covered, 0
            for item in walk(self._source, offset, self._is_channel):
                yield item
                if self._covered:
                    break

    def _is_channel(self, number: int) -> bool:
        # Where no channel is known yet, its definition may still come.
        return number in self._scan.channels or not self._scan.channels

    def _drop_torn_end(self) -> None:
        """A gap at the end is what a crash tore, not damage between records."""
        scan = self._scan
        self._torn = [gap for gap in scan.gaps if gap.start >= scan.end]
        scan.gaps = [gap for gap in scan.gaps if gap.start < scan.end]

    def _take(self, found: Found) -> None:
        scan = self._scan
        if found.opcode != Opcode.MESSAGE_INDEX and scan.chunks and scan.chunks[-1].is_indexed:
            scan.chunks[-1].entries = {}
        if found.opcode == Opcode.MESSAGE:
            self._take_message(found)
        elif found.opcode == Opcode.CHUNK:
            self._take_chunk(found)
        elif found.opcode <= max(Opcode):
            record = parse(found.opcode, found.body(self._source))
            if isinstance(record, Header):
                scan.has_header = True
            elif isinstance(record, Schema | Channel):
                self._define(record)
            elif isinstance(record, MessageIndex):
                self._take_index(record, found)
            elif isinstance(record, Metadata):
                scan.metadata.append(record)
                length = found.end - found.offset
                scan.metadata_indexes.append(MetadataIndex(found.offset, length, record.name))
            elif isinstance(record, Attachment):
                scan.attachments.append(_attachment_index(record, found))

    def _define(self, record: McapRecord) -> None:
        if isinstance(record, Schema):
            self._scan.schemas.setdefault(record.id, record)
        elif isinstance(record, Channel):
            self._scan.channels.setdefault(record.id, record)

    def _take_message(self, found: Found) -> None:
        runs = self._scan.runs
        head = self._source.read(found.offset + RECORD.size, MESSAGE.size)
        channel, _, time_ns, _ = MESSAGE.unpack(head)
        if channel not in self._scan.channels:
            self._scan.gaps.append(Gap(found.offset, found.end))
            return
        if not runs or runs[-1].end != found.offset or runs[-1].length > 2**20:
            runs.append(Stretch(found.offset, 0, found.offset, 0))
        run = runs[-1]
        run.length = run.data_length = run.size = found.end - run.offset
        run.count(channel, time_ns)

    def _take_chunk(self, found: Found) -> None:
        try:
            self._scan.chunks.append(self._chunk(found))
        except DamagedRecord:
            self._covered = self._whole_chunk_in(found)
            self._scan.gaps.append(Gap(found.offset, self._covered or found.end))

    def _chunk(self, found: Found) -> ChunkStretch:
        body = found.body(self._source)
        head = ChunkHead.read(body)
        chunk = ChunkStretch(
            offset=found.offset,
            length=found.end - found.offset,
            data_offset=found.offset + RECORD.size + head.data_offset,
            data_length=head.data_length,
            compression=head.compression,
            size=head.size,
            crc=head.crc,
        )
        data = decompress(head.compression, body[head.data_offset :], head.size)
        self._look_through(chunk, data)
        return chunk

    def _whole_chunk_in(self, damaged: Found) -> int:
        """Where the first whole chunk begins in the place of a damaged one; 0 where none does."""
        found = next_chunk(self._source, damaged.offset + RECORD.size)
        while found and found.offset < damaged.end:
            with suppress(DamagedRecord):
                if not self._chunk(found).crc_is_wrong:
                    return found.offset
            found = next_chunk(self._source, found.offset + 1)
        return 0

    def _look_through(self, chunk: ChunkStretch, data: bytes) -> None:
        if chunk.crc and crc32(data) != chunk.crc:
            # Of a compressed chunk nothing can be trusted then.
            if chunk.compression:
                raise DamagedRecord("its checksum is wrong")
            chunk.crc_is_wrong = True
        definitions: list[McapRecord] = []
        for item in walk(ChunkBytes(data), 0, self._is_channel):
            if isinstance(item, Gap):
                raise DamagedRecord("a record in it")
            if item.opcode == Opcode.MESSAGE:
                place = item.offset + RECORD.size
                channel, _, time_ns, _ = MESSAGE.unpack_from(data, place)
                chunk.count(channel, time_ns)
                chunk.entries.setdefault(channel, []).append((time_ns, item.offset))
            elif item.opcode in (Opcode.SCHEMA, Opcode.CHANNEL):
                definitions.append(parse(item.opcode, item.body(ChunkBytes(data))))
        for record in definitions:
            self._define(record)

    def _take_index(self, record: MessageIndex, found: Found) -> None:
        if not self._scan.chunks:
            return
        chunk = self._scan.chunks[-1]
        if sorted(record.records) != sorted(chunk.entries.get(record.channel_id, [])):
            return
        if chunk.end + chunk.index_length == found.offset:
            chunk.index_offsets[record.channel_id] = found.offset
            chunk.index_length += found.end - found.offset

    def _take_end(self) -> None:
        """What lies behind the data: their end, a summary, a footer."""
        if not self._behind:
            return
        first, size = self._behind[0], self._source.size
        start, stop = _place(first)
        if not isinstance(first, Found) or first.opcode != Opcode.DATA_END:
            # The end of the data is damaged, and was taken for a gap.
            self._read_summary(start)
            return
        tail = self._source.read(max(0, size - _FOOTER_BYTES), _FOOTER_BYTES)
        self._scan.ends_properly = (
            tail[:1] == bytes([Opcode.FOOTER])
            and tail.endswith(MCAP0_MAGIC)
            and size - _FOOTER_BYTES >= stop
        )
        self._read_summary(stop)

    def _read_summary(self, offset: int) -> None:
        """Its definitions help where those in the data are damaged."""
        self._summary_start = offset
        for item in walk(self._source, offset, self._is_channel):
            if isinstance(item, Gap):
                self._scan.summary_is_true = False
                continue
            if item.opcode == Opcode.FOOTER:
                self._summary.append(parse(item.opcode, item.body(self._source)))
                return
            if item.opcode in _SUMMARY or item.opcode in (Opcode.SCHEMA, Opcode.CHANNEL):
                record = parse(item.opcode, item.body(self._source))
                self._summary.append(record)
                self._define(record)

    def _summary_fits(self) -> bool:
        """Whether the summary names all that the data hold; a file may do without one."""
        footer = next((r for r in self._summary if isinstance(r, Footer)), None)
        if not self._scan.summary_is_true or footer is None:
            return False
        if footer.summary_start == 0:
            return True
        named = {r.chunk_start_offset: r for r in self._summary if isinstance(r, ChunkIndex)}
        return (
            footer.summary_start == self._summary_start
            and self._checksum_fits(footer)
            # Without any the file is read from its beginning.
            and (not named or named.keys() == {chunk.offset for chunk in self._scan.chunks})
            and all(_fits(named[c.offset], c) for c in self._scan.chunks if named)
            and self._statistics_fit()
        )

    def _checksum_fits(self, footer: Footer) -> bool:
        start, stop = self._summary_start, self._source.size - _FOOTER_BYTES + RECORD.size + 16
        data = self._source.read(start, stop - start)
        return footer.summary_crc in (0, crc32(data))

    def _statistics_fit(self) -> bool:
        counts = self._scan.counts
        for record in self._summary:
            if isinstance(record, Statistics) and (
                record.message_count != counts.total()
                or any(counts[k] != n for k, n in record.channel_message_counts.items())
            ):
                return False
        named = {record.id for record in self._summary if isinstance(record, Channel)}
        return not named or named >= counts.keys()

    def _save(self) -> None:
        """Messages out of the damage, whose channels may have been defined behind them."""
        scan = self._scan
        records: list[Message] = []
        for gap in [*scan.gaps, *self._torn]:
            for piece in self._pieces(gap):
                records += self._records_in(piece)
        scan.saved = [record for record in records if record.channel_id in scan.channels]
        scan.unknown = len(records) - len(scan.saved)
        for stretch in scan.stretches:
            scan.unknown += sum(n for c, n in stretch.counts.items() if c not in scan.channels)

    def _pieces(self, gap: Gap) -> Iterator[bytes]:
        """A gap in pieces that are looked through by themselves; chunks whose own beginning is
        damaged are found by the summary."""
        begin = gap.start
        for index in self._summary:
            if not isinstance(index, ChunkIndex):
                continue
            start, length = index.chunk_start_offset, index.chunk_length
            if begin <= start and RECORD.size < length <= gap.stop - start:
                yield from self._slices(begin, start)
                head = RECORD.pack(Opcode.CHUNK, length - RECORD.size)
                yield head + self._source.read(start + RECORD.size, length - RECORD.size)
                begin = start + length
        yield from self._slices(begin, gap.stop)

    def _slices(self, start: int, stop: int) -> Iterator[bytes]:
        for begin in range(start, stop, _PIECE_BYTES):
            yield self._source.read(begin, min(_PIECE_BYTES, stop - begin))

    def _records_in(self, piece: bytes) -> list[Message]:
        if not any(piece):
            return []
        content, is_whole = piece, False
        if piece[:1] == bytes([Opcode.CHUNK]):
            try:
                head = ChunkHead.read(piece[RECORD.size :])
            except DamagedRecord:
                pass
            else:
                begin = RECORD.size + head.data_offset
                data = piece[begin : begin + head.data_length]
                content = decompress_beginning(head.compression, data)
                is_whole = len(content) == head.size
        source: Bytes = ChunkBytes(content)
        found: list[Message] = []
        for item in walk(source, 0, self._is_channel):
            if isinstance(item, Gap):
                # They are whole if only what follows them is damaged, or a length.
                last = is_whole and item.stop == source.size
                doubtful = doubtful_messages(source, item, last)
                found += [read_message(message.body(source)) for message in doubtful]
                continue
            body = item.body(source)
            if item.opcode == Opcode.MESSAGE:
                found.append(read_message(body))
            elif item.opcode in (Opcode.SCHEMA, Opcode.CHANNEL):
                self._define(parse(item.opcode, body))
        return found


def _place(item: Found | Gap) -> tuple[int, int]:
    """Where something begins and ends."""
    return (item.start, item.stop) if isinstance(item, Gap) else (item.offset, item.end)


def _attachment_index(record: Attachment, found: Found) -> AttachmentIndex:
    return AttachmentIndex(
        offset=found.offset,
        length=found.end - found.offset,
        log_time=record.log_time,
        create_time=record.create_time,
        data_size=len(record.data),
        name=record.name,
        media_type=record.media_type,
    )


def _fits(named: ChunkIndex, chunk: ChunkStretch) -> bool:
    """Whether a chunk's entry in the summary leads to it; message indexes may be left out."""
    found = chunk.index()
    if named.message_index_offsets and (
        named.message_index_offsets != found.message_index_offsets or not chunk.is_indexed
    ):
        return False
    covers = named.message_start_time <= chunk.start_ns and named.message_end_time >= chunk.end_ns
    return (
        named.chunk_length == found.chunk_length
        and named.compression == found.compression
        and named.compressed_size == found.compressed_size
        and named.uncompressed_size == found.uncompressed_size
        and (covers or not chunk.counts)
    )
