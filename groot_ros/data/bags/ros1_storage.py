"""Reading bags of ROS 1."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rosbags.interfaces import Connection
from rosbags.rosbag1 import Reader

from groot_ros.data.bags.storage import BagError, Raw, Stream

MAGIC = b"#ROSBAG V2.0"
ENCODING = "ros1"


class Ros1File:
    """An open ROS 1 bag; BagError where it is not whole, for which ROS 1 has a tool."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reader = Reader(path)
        with self._readable():
            self._reader.open()
        # Every publisher has a connection of its own.
        counts: Counter[tuple[str, str, str]] = Counter()
        for connection in self._reader.connections:
            counts[_key(connection)] += connection.msgcount
        self._unique = {
            (topic, kind, schema): Stream(
                topic=topic,
                type_name=kind,
                encoding=ENCODING,
                count=count,
                schema=schema,
                schema_encoding="ros1msg",
            )
            for (topic, kind, schema), count in counts.items()
        }
        self._streams = {c.id: self._unique[_key(c)] for c in self._reader.connections}
        self.start_ns = self._reader.start_time if counts.total() else 0
        self.end_ns = self._reader.end_time - 1 if counts.total() else 0
        self.custom_data: Mapping[str, str] = {}
        self.parts: frozenset[str] = frozenset()

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """Damaged bytes make the reader, and what decompresses for it, fail in any way."""
        try:
            yield
        except Exception as error:
            if isinstance(error, OSError) and error.errno:
                raise
            reason = " ".join(str(error).split()).rstrip(".") or "its records do not fit"
            raise BagError(
                f"ROS 1 bag {self._path} cannot be read ({reason}): mend it with ROS 1's "
                "`rosbag reindex`, or restore it from a copy"
            ) from error

    @property
    def streams(self) -> Sequence[Stream]:
        return list(self._unique.values())

    def messages(
        self, streams: Collection[Stream], start_ns: int | None, stop_ns: int | None
    ) -> Iterator[Raw]:
        """From `start_ns` on and before `stop_ns`, in the order of arrival."""
        # An empty list would mean all of them.
        if not streams:
            return
        wanted = [c for c in self._reader.connections if self._streams[c.id] in streams]
        messages = self._reader.messages(wanted, start_ns, stop_ns)
        while True:
            with self._readable():
                if (found := next(messages, None)) is None:
                    return
            connection, time_ns, data = found
            yield time_ns, self._streams[connection.id], data

    def steps_back(self) -> Sequence[tuple[int, int]]:
        """ROS 1's index, by which its bags are read, keeps no order but that of time."""
        return []

    def close(self) -> None:
        self._reader.close()


def _key(connection: Connection) -> tuple[str, str, str]:
    return connection.topic, connection.msgtype, connection.msgdef.data
