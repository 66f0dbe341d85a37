"""Random damage to bags, and whether `groot-ros repair` saves what can be saved."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copyfile, rmtree
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from mcap.reader import make_reader
from mcap.records import Channel, Chunk, Message
from mcap.stream_reader import StreamReader, breakup_chunk
from mcap.writer import CompressionType, IndexType, Writer
from numpy.random import Generator
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer as Rosbag2Writer
from rosbags.typesys import Stores, get_typestore

from groot_ros.cameras.image import IMAGE
from groot_ros.data.bags.reader import open_bag
from groot_ros.data.bags.serialized import MessageMaker
from groot_ros.data.bags.sqlite_storage import SQLITE_ERRORS
from groot_ros.data.repair.repair import repair_bag
from groot_ros.errors import UserError
from groot_ros.observation.fields import NS
from groot_ros.observation.signal_messages import FLOAT, JOINT_STATE

BEGIN_NS = 1_700_000_000 * NS
MESSAGES = 120
CHUNK_BYTES = 8_192
TOPICS = {"/joint_states": JOINT_STATE, "/camera": IMAGE, "/gripper": FLOAT}
# Damaged bytes come in sectors, after a power cut.
SECTOR = 512


def _payloads(seed: int) -> Iterator[tuple[str, int, bytes]]:
    rng, make = np.random.default_rng(seed), MessageMaker()
    for index in range(MESSAGES):
        time_ns = BEGIN_NS + index * 10_000_000
        yield "/joint_states", time_ns, make.joint_state(time_ns, {"a": 0.1, "b": float(index)})
        yield "/gripper", time_ns + 1, make.float64(float(index))
        if index % 4 == 0:
            picture = rng.integers(0, 256, (16, 24, 3), dtype=np.uint8)
            picture[:8] = 0
            yield "/camera", time_ns + 2, make.image(time_ns, "camera", picture)


def _write_mcap(path: Path, **options: Any) -> None:
    store = get_typestore(Stores.ROS2_JAZZY)
    with path.open("wb") as file:
        writer = Writer(file, chunk_size=CHUNK_BYTES, **options)
        writer.start("ros2", "groot_ros")
        channels = {}
        for topic, kind in TOPICS.items():
            text = store.generate_msgdef(kind, ros_version=2)[0].encode()
            schema = writer.register_schema(kind, "ros2msg", text)
            channels[topic] = writer.register_channel(topic, "cdr", schema)
        for topic, time_ns, data in _payloads(1):
            writer.add_message(channels[topic], time_ns, data, time_ns)
        writer.finish()


def _write_sqlite(path: Path) -> None:
    store = get_typestore(Stores.ROS2_JAZZY)
    with TemporaryDirectory() as name:
        folder = Path(name, "b")
        with Rosbag2Writer(folder, version=9, storage_plugin=StoragePlugin.SQLITE3) as bag:
            known = {t: bag.add_connection(t, kind, typestore=store) for t, kind in TOPICS.items()}
            for topic, time_ns, data in _payloads(2):
                bag.write(known[topic], time_ns, data)
        copyfile(folder / "b.db3", path)


KINDS: dict[str, Callable[[Path], None]] = {
    "plain.mcap": lambda path: _write_mcap(path, compression=CompressionType.NONE),
    "zstd.mcap": lambda path: _write_mcap(path, compression=CompressionType.ZSTD),
    "lz4.mcap": lambda path: _write_mcap(path, compression=CompressionType.LZ4),
    "no_crc.mcap": lambda path: _write_mcap(
        path, compression=CompressionType.NONE, enable_crcs=False
    ),
    "unchunked.mcap": lambda path: _write_mcap(path, use_chunking=False),
    "no_index.mcap": lambda path: _write_mcap(
        path, compression=CompressionType.NONE, index_types=IndexType.NONE, use_statistics=False
    ),
    "sqlite.db3": _write_sqlite,
}


def damage(data: bytes, rng: Generator) -> tuple[str, bytes]:
    """A random damage, by name, and what it leaves of a file."""
    size, content = len(data), bytearray(data)
    kind = rng.choice(["cut", "cut and zeros", "bits", "zeros", "noise", "sectors"])
    at = int(rng.integers(0, size))
    length = min(size - at, SECTOR * int(rng.integers(1, 64)))
    if kind == "cut":
        del content[at:]
    elif kind == "cut and zeros":
        content[at:] = bytes(int(rng.integers(1, size)))
    elif kind == "bits":
        for place in rng.integers(0, size, int(rng.integers(1, 9))):
            content[place] ^= 1 << int(rng.integers(0, 8))
    elif kind == "zeros":
        content[at : at + length] = bytes(length)
    elif kind == "noise":
        content[at : at + length] = rng.bytes(length)
    else:
        start = at - at % SECTOR
        other = int(rng.integers(0, size)) // SECTOR * SECTOR
        content[start : start + SECTOR] = data[other : other + SECTOR]
    return str(kind), bytes(content)


def independent_count(path: Path) -> int:
    """Messages that readers which are not this package's find in a damaged file, the most of
    them."""
    if path.suffix == ".db3":
        return _sqlite_count(path)
    return max(_stream_count(path), _index_count(path))


def _sqlite_count(path: Path) -> int:
    """Messages of topics that have a name; what was copied over another page is there once."""
    topics, found = set[int](), set[tuple[Any, ...]]()
    uri = f"{path.as_uri()}?mode=ro&immutable=1"
    with suppress(*SQLITE_ERRORS), closing(sqlite3.connect(uri, uri=True)) as database:
        database.text_factory = bytes
        with suppress(*SQLITE_ERRORS):
            for number, name in database.execute("SELECT id, name FROM topics"):
                if isinstance(name, bytes) and name.startswith(b"/"):
                    topics.add(number)
        for row in database.execute("SELECT id, topic_id, timestamp, data FROM messages"):
            if row[1] in topics and isinstance(row[2], int) and isinstance(row[3], bytes):
                found.add(row)
    return len(found)


def _stream_count(path: Path) -> int:
    """From the beginning to what cannot be understood; a chunk that is damaged is skipped."""
    count, channels = 0, set[int]()
    # The library of MCAP's makers fails on noise in any way.
    with suppress(Exception), path.open("rb") as file:
        for record in StreamReader(file, emit_chunks=True, record_size_limit=2**30).records:
            records = [record]
            if isinstance(record, Chunk):
                try:
                    records = list(breakup_chunk(record, validate_crc=True))
                except Exception:
                    continue
            for part in records:
                if isinstance(part, Channel):
                    channels.add(part.id)
                elif isinstance(part, Message):
                    count += part.channel_id in channels
    return count


def _index_count(path: Path) -> int:
    count = 0
    with suppress(Exception), path.open("rb") as file:
        for _ in make_reader(file, validate_crcs=True).iter_messages(log_time_order=False):
            count += 1
    return count


@dataclass
class RepairBenchmark:
    """Random damages drawn from a seed; failures are in `faults`."""

    damages: int = 10_000
    seed: int = 0
    first: int = 0
    """Number of the first damage, as faults name it."""
    kinds: tuple[str, ...] = tuple(KINDS)
    faults: list[str] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    found: int = 0
    """Messages that other readers found in the damaged files."""
    saved: int = 0

    def run(self) -> dict[str, Any]:
        """All of it at once."""
        for _ in self.steps():
            pass
        return self.result()

    def steps(self) -> Iterator[int]:
        """Damage, repair, count; the number of each damage when it is done."""
        with TemporaryDirectory() as name:
            folder = Path(name)
            originals = {}
            for kind in self.kinds:
                KINDS[kind](folder / kind)
                originals[kind] = (folder / kind).read_bytes()
            for number in range(self.first, self.first + self.damages):
                rng = np.random.default_rng([self.seed, number])
                kind = self.kinds[number % len(self.kinds)]
                what, content = damage(originals[kind], rng)
                bag = folder / "bag"
                rmtree(bag, ignore_errors=True)
                bag.mkdir()
                (bag / f"bag_0.{kind.rpartition('.')[2]}").write_bytes(content)
                outcome, expected, kept = self._try(bag, f"{number} {kind} {what}")
                self.outcomes[outcome] += 1
                self.found, self.saved = self.found + expected, self.saved + kept
                yield number

    def result(self) -> dict[str, Any]:
        """Counts by the outcome of the repair."""
        return {
            "damages": self.damages,
            "seed": self.seed,
            "first": self.first,
            "outcomes": dict(self.outcomes),
            "messages_of_an_independent_reader": self.found,
            "messages_after_repair": self.saved,
            "faults": self.faults,
        }

    def _try(self, bag: Path, what: str) -> tuple[str, int, int]:
        """What became of a bag, messages that others find in it and messages after its repair."""
        [file] = bag.iterdir()
        expected = independent_count(file)
        try:
            repaired = repair_bag(bag)
        except UserError as error:
            if expected:
                self.faults.append(f"{what}: {expected} messages given up: {error}")
            return "refused", expected, 0
        # Whatever else is raised is what is looked for.
        except Exception as error:
            self.faults.append(f"{what}: repair failed: {type(error).__name__}: {error}")
            return "failed", expected, 0
        try:
            kept, notes = _read(bag)
            again = repair_bag(bag)
        except Exception as error:
            self.faults.append(f"{what}: after repair: {type(error).__name__}: {error}")
            return "failed", expected, 0
        if kept < expected:
            self.faults.append(f"{what}: {kept} messages, another reader finds {expected}")
        if kept != repaired.messages:
            self.faults.append(f"{what}: {repaired.messages} promised, {kept} read")
        undone = [note for note in notes if "groot-ros repair" in note]
        if again.actions or undone:
            self.faults.append(f"{what}: again to do: {again.actions} {undone}")
        return "repaired", expected, kept


def _read(path: Path) -> tuple[int, Sequence[str]]:
    """Messages of a bag, each of them read, and its notes."""
    refused: list[str] = []
    with open_bag(path) as bag:
        wanted = {
            name: info.type_name for name, info in bag.topics.items() if not bag.obstacle(name)
        }
        messages = bag.messages(wanted, refuse=lambda topic, *_: refused.append(topic))
        read = sum(1 for _ in messages)
        # A damaged definition costs its topic.
        unread = sum(info.count for name, info in bag.topics.items() if name not in wanted)
        # Noise in a time can put it beyond every clock, which is counted, too.
        return read + len(refused) + unread + bag.beyond, bag.notes
