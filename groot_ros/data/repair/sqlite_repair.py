"""Saves what a damaged sqlite3 bag still holds into a new one.

The pages of a database are gone through one by one, as its index may be what is damaged. Format:
https://www.sqlite.org/fileformat2.html, sections 1.6 (pages) and 2.1 (records).
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from groot_ros.data.bags.sqlite_storage import BESIDE, SQLITE_ERRORS
from groot_ros.errors import UserError

DAMAGED = ".damaged"
_LEAF = 0x0D
_PAGE_SIZES = [2**n for n in range(9, 17)]
_PAGE_SIZE = 4096
_SCHEMA = """
CREATE TABLE schema(schema_version INTEGER PRIMARY KEY, ros_distro TEXT NOT NULL);
CREATE TABLE metadata(id INTEGER PRIMARY KEY, metadata_version INTEGER NOT NULL,
  metadata TEXT NOT NULL);
CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL,
  serialization_format TEXT NOT NULL, offered_qos_profiles TEXT NOT NULL,
  type_description_hash TEXT NOT NULL);
CREATE TABLE message_definitions(id INTEGER PRIMARY KEY, topic_type TEXT NOT NULL,
  encoding TEXT NOT NULL, encoded_message_definition TEXT NOT NULL,
  type_description_hash TEXT NOT NULL);
CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER NOT NULL,
  timestamp INTEGER NOT NULL, data BLOB NOT NULL);
CREATE INDEX timestamp_idx ON messages (timestamp ASC);
INSERT INTO schema(schema_version, ros_distro) VALUES (4, 'unknown');
"""


def repair_sqlite(path: Path) -> list[str]:
    """Take in what an interrupted recording left beside a database, and replace a damaged one.

    What was done, a sentence each; the damaged file is kept beside it. UserError when nothing can
    be saved.
    """
    beside = [path.with_name(path.name + suffix) for suffix in BESIDE]
    unfinished = any(file.exists() and file.stat().st_size for file in beside)
    if unfinished:
        with suppress(*SQLITE_ERRORS), closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            database.execute("SELECT COUNT(*) FROM messages").fetchone()
    if _is_whole(path):
        return [f"{path.name}: what lay beside it was taken in"] if unfinished else []
    return _save(path)


def _is_whole(path: Path) -> bool:
    try:
        uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        with closing(sqlite3.connect(uri, uri=True)) as database:
            database.text_factory = bytes
            if database.execute("PRAGMA integrity_check(1)").fetchone()[0] not in (b"ok", "ok"):
                return False
            query = "SELECT timestamp, topic_id, length(data) FROM messages"
            numbers = {row[0] for row in database.execute("SELECT id FROM topics")}
            for time_ns, topic, length in database.execute(query):
                if not (isinstance(time_ns, int) and topic in numbers and length is not None):
                    return False
            size = os.path.getsize(path)
            pages = database.execute("PRAGMA page_count").fetchone()[0]
            return bool(size >= pages * database.execute("PRAGMA page_size").fetchone()[0])
    except SQLITE_ERRORS:
        return False


def _known_once(
    rows: Iterator[tuple[int, int, int, bytes]], topics: Collection[int]
) -> Iterator[tuple[int, int, int, bytes]]:
    """Messages of known topics; of two with one number, the second gets a negative one."""
    seen: dict[int, int] = {}
    others = 0
    for number, topic, time_ns, data in rows:
        if topic not in topics:
            continue
        content = hash((topic, time_ns, data))
        if number not in seen:
            seen[number] = content
            yield number, topic, time_ns, data
        elif seen[number] != content:
            others += 1
            yield -others, topic, time_ns, data


@dataclass
class _Rows:
    topics: dict[int, tuple[str, ...]] = field(default_factory=dict)
    definitions: dict[int, tuple[str, ...]] = field(default_factory=dict)
    metadata: dict[int, tuple[int, str]] = field(default_factory=dict)


def _save(path: Path) -> list[str]:
    if shutil.disk_usage(path.parent).free < 1.1 * path.stat().st_size:
        raise UserError(
            f"{path} needs as much room again for what is saved out of it: make room on its disk"
        )
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    database = _Database(path)
    rows = database.definitions()
    if not rows.topics:
        raise UserError(f"{path} holds no topics that could be saved: restore it from a copy")
    with ExitStack() as stack:
        stack.callback(new.unlink, missing_ok=True)
        with closing(sqlite3.connect(new)) as target:
            target.executescript(_SCHEMA)
            for table, found in (
                ("topics", rows.topics),
                ("message_definitions", rows.definitions),
                ("metadata", rows.metadata),
            ):
                for number, values in found.items():
                    marks = ",".join("?" * (1 + len(values)))
                    target.execute(f"INSERT INTO {table} VALUES({marks})", (number, *values))
            messages = _known_once(database.messages(), rows.topics)
            target.executemany("INSERT INTO messages VALUES(?, ?, ?, ?)", messages)
            target.commit()
            (count,) = target.execute("SELECT COUNT(*) FROM messages").fetchone()
        stack.pop_all()
    kept = path.with_name(path.name + DAMAGED)
    path.rename(kept)
    for suffix in (*BESIDE, "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    new.rename(path)
    return [f"{path.name}: {count} messages saved, the damaged file is {kept.name}"]


class _Database:
    """The rows of a database, page by page."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("rb") as file:
            head = file.read(100)
            stored = int.from_bytes(head[16:18], "big")
            size = 65536 if stored == 1 else stored
            self._page = size if size in _PAGE_SIZES else _PAGE_SIZE
            reserved = head[20] if len(head) > 20 and head[20] < 64 else 0
            self._usable = self._page - reserved

    def definitions(self) -> _Rows:
        """Everything but the messages, told apart by what it looks like."""
        rows = _Rows()
        for number, values in self._records(with_blobs=False):
            match values:
                case [_, str(name), str(kind), str(encoding), *rest] if name.startswith("/"):
                    texts = [value if isinstance(value, str) else "" for value in (*rest, "", "")]
                    rows.topics.setdefault(number, (name, kind, encoding, *texts[:2]))
                case [_, str(kind), ("ros2msg" | "ros2idl") as encoding, str(text), *rest]:
                    digest = rest[0] if rest and isinstance(rest[0], str) else ""
                    rows.definitions.setdefault(number, (kind, encoding, text, digest))
                case [_, int(version), str(text)] if "relative_file_paths" in text:
                    rows.metadata[number] = (version, text)
        return rows

    def messages(self) -> Iterator[tuple[int, int, int, bytes]]:
        """Number, topic, time in ns and data of every whole message."""
        for number, values in self._records(with_blobs=True):
            match values:
                case [_, int(topic), int(time_ns), bytes(data)]:
                    yield number, topic, time_ns, data

    def _records(self, with_blobs: bool) -> Iterator[tuple[int, list[Any]]]:
        with self._path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            for page in range(-(-size // self._page)):
                data = os.pread(file.fileno(), self._page, page * self._page)
                start = 100 if page == 0 else 0
                if len(data) > start + 8 and data[start] == _LEAF:
                    yield from self._cells(file.fileno(), data, start, with_blobs)

    def _cells(
        self, descriptor: int, page: bytes, start: int, with_blobs: bool
    ) -> Iterator[tuple[int, list[Any]]]:
        count = int.from_bytes(page[start + 3 : start + 5], "big")
        for index in range(min(count, self._page // 4)):
            place = start + 8 + 2 * index
            # As sqlite does: a pointer never leads out of its page.
            offset = int.from_bytes(page[place : place + 2], "big") % self._page
            try:
                length, at = _varint(page, offset)
                number, at = _varint(page, at)
                payload = self._payload(descriptor, page, at, length)
                columns = list(_columns(payload))
            except (IndexError, ValueError, UnicodeDecodeError):
                continue
            if with_blobs or not any(isinstance(value, bytes) for value in columns):
                yield number, columns

    def _payload(self, descriptor: int, page: bytes, offset: int, length: int) -> bytes:
        """A cell's content, from its page and those that it overflows to (section 1.6)."""
        most = self._usable - 35
        if length <= most:
            payload = page[offset : offset + length]
        else:
            least = (self._usable - 12) * 32 // 255 - 23
            local = least + (length - least) % (self._usable - 4)
            local = least if local > most else local
            if length > os.fstat(descriptor).st_size:
                raise ValueError("longer than the file")
            pieces, missing = [page[offset : offset + local]], length - local
            next_page = int.from_bytes(page[offset + local : offset + local + 4], "big")
            while missing > 0 and next_page:
                data = os.pread(descriptor, self._usable, (next_page - 1) * self._page)
                pieces.append(data[4 : 4 + missing])
                if len(data) < 5:
                    break
                missing -= len(pieces[-1])
                next_page = int.from_bytes(data[:4], "big")
            payload = b"".join(pieces)
        if len(payload) != length:
            raise ValueError("a torn cell")
        return payload


def _varint(data: bytes, offset: int) -> tuple[int, int]:
    """A number of up to nine bytes and where it ends (section 1.6)."""
    value = 0
    for index in range(9):
        byte = data[offset + index]
        if index == 8:
            return (value << 8) | byte, offset + 9
        value = (value << 7) | (byte & 0x7F)
        if byte < 0x80:
            return value, offset + index + 1
    raise ValueError("no number")


_INTEGER_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}


def _columns(payload: bytes) -> Iterator[Any]:
    """Values of a record: None, numbers, bytes and text (section 2.1)."""
    end, at = _varint(payload, 0)
    place = end
    while at < end:
        kind, at = _varint(payload, at)
        if kind in _INTEGER_BYTES:
            width = _INTEGER_BYTES[kind]
            value: Any = int.from_bytes(payload[place : place + width], "big", signed=True)
        elif kind in (8, 9):
            width, value = 0, kind - 8
        elif kind == 0:
            width, value = 0, None
        elif kind >= 12:
            width = (kind - 12) // 2
            value = payload[place : place + width]
            if len(value) != width:
                raise ValueError("a torn column")
            value = value.decode() if kind % 2 else value
        else:
            raise ValueError("a column of another kind")
        place += width
        yield value
