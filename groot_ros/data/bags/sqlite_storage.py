"""Reading sqlite3 bags of every schema version of rosbag2."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory

from groot_ros.data.bags.metadata import parse_metadata
from groot_ros.data.bags.storage import LATEST_NS, STEP_BACK_NS, Damaged, Lost, Raw, Stream, joined

MAGIC = b"SQLite format 3\0"
# A damaged database is told in a text that is damaged itself, too.
SQLITE_ERRORS = (sqlite3.Error, ValueError, OverflowError)
# What lies beside a database that was not closed.
BESIDE = ("-wal", "-journal")
_MESSAGES = "SELECT timestamp, topic_id, data FROM messages WHERE topic_id IN ({})"

# What repair could not tell the place of has a negative number.
_STEPS_BACK = (
    "SELECT timestamp, before FROM (SELECT timestamp, LAG(timestamp) OVER "
    "(PARTITION BY topic_id ORDER BY id) AS before FROM messages "
    "WHERE id > 0 AND timestamp > 0 AND timestamp < ?) "
    "WHERE before - timestamp > ?"
)


class SqliteFile:
    """An open sqlite3 file, which is never changed; Damaged where it is not whole."""

    def __init__(self, path: Path) -> None:
        if path.is_file() and path.stat().st_size == 0:
            raise Lost("is empty")
        with ExitStack() as stack:
            try:
                self._database = stack.enter_context(closing(_open(path, stack)))
                self._read()
            except SQLITE_ERRORS as error:
                raise Damaged(f"cannot be read ({error})") from error
            self._stack = stack.pop_all()

    def _read(self) -> None:
        columns = {row[1] for row in self._database.execute("PRAGMA table_info(topics)")}
        if not columns:
            raise Damaged("holds no topics: it is no bag, or was cut off at its beginning")
        definitions = self._definitions()
        # The first versions have neither.
        qos, digest = (
            f"t.{name}" if name in columns else "''"
            for name in ("offered_qos_profiles", "type_description_hash")
        )
        rows = self._database.execute(
            "SELECT t.id, t.name, t.type, t.serialization_format, COUNT(m.id), MIN(m.timestamp), "
            f"MAX(m.timestamp), {qos}, {digest} FROM topics t "
            "LEFT JOIN messages m ON m.topic_id = t.id GROUP BY t.id ORDER BY t.id"
        ).fetchall()
        self._numbers: dict[int, Stream] = {}
        for number, name, kind, encoding, count, _, _, profiles, type_hash in rows:
            schema_encoding, text = definitions.get(kind, ("", ""))
            self._numbers[number] = Stream(
                topic=_text(name),
                type_name=_text(kind),
                encoding=_text(encoding),
                count=count,
                schema=text,
                schema_encoding=schema_encoding,
                qos=_text(profiles),
                digest=_text(type_hash),
            )
        filled = [row for row in rows if row[4]]
        self.start_ns = min((row[5] for row in filled), default=0)
        self.end_ns = max((row[6] for row in filled), default=0)
        self.custom_data, self.parts = self._own_words()

    def _has(self, table: str) -> bool:
        found = self._database.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,))
        return found.fetchone() is not None

    def _definitions(self) -> dict[str, tuple[str, str]]:
        if not self._has("message_definitions"):
            return {}
        rows = self._database.execute(
            "SELECT topic_type, encoding, encoded_message_definition FROM message_definitions"
        )
        return {kind: (encoding or "", text or "") for kind, encoding, text in rows}

    def _own_words(self) -> tuple[Mapping[str, str], frozenset[str]]:
        if not self._has("metadata"):
            return {}, frozenset()
        row = self._database.execute(
            "SELECT metadata FROM metadata ORDER BY id DESC LIMIT 1"
        ).fetchone()
        information = parse_metadata(row[0] if row and row[0] else "")
        return information.custom_data, frozenset(information.files)

    @property
    def streams(self) -> Sequence[Stream]:
        return list(self._numbers.values())

    def messages(
        self, streams: Collection[Stream], start_ns: int | None, stop_ns: int | None
    ) -> Iterator[Raw]:
        """From `start_ns` on and before `stop_ns`, in the order of arrival."""
        numbers = [number for number, stream in self._numbers.items() if stream in streams]
        query = _MESSAGES.format(",".join("?" * len(numbers)))
        values = list(numbers)
        for bound, value in ((">=", start_ns), ("<", stop_ns)):
            if value is not None:
                query += f" AND timestamp {bound} ?"
                values.append(value)
        try:
            rows = self._database.execute(f"{query} ORDER BY timestamp", values)
            for time_ns, number, data in rows:
                yield time_ns, self._numbers[number], data
        except SQLITE_ERRORS as error:
            raise Damaged(f"cannot be read further ({error})") from error

    def steps_back(self) -> Sequence[tuple[int, int]]:
        """Times in ns after and before each step back of the clock, in the order of the file."""
        try:
            return joined(
                self._database.execute(_STEPS_BACK, (LATEST_NS, STEP_BACK_NS)).fetchall()
            )
        except SQLITE_ERRORS as error:
            raise Damaged(f"cannot be read further ({error})") from error

    def close(self) -> None:
        self._stack.close()


def _open(path: Path, stack: ExitStack) -> sqlite3.Connection:
    beside = [path.with_name(path.name + suffix) for suffix in BESIDE]
    unfinished = [file for file in beside if file.exists() and file.stat().st_size]
    if not unfinished:
        # Immutable, so that nothing is written beside it, as in a place that is read-only.
        uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        return _connect(uri)
    # To take in what lies beside it is a change, which is made to a copy.
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="groot_ros_")))
    for file in (path, *unfinished):
        shutil.copyfile(file, folder / file.name)
    return _connect((folder / path.name).as_uri())


def _text(value: object) -> str:
    """What any column may hold, as text."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")


def _connect(uri: str) -> sqlite3.Connection:
    # Frames are made in a thread of their own, but never in two at once.
    database = sqlite3.connect(uri, uri=True, check_same_thread=False)
    database.text_factory = lambda text: text.decode(errors="replace")
    return database
