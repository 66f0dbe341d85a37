"""Writes rosbag2 bags (MCAP) that stay readable up to the last flush whatever happens."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import yaml
from mcap.writer import CompressionType, Writer

from groot_ros.data.bags.message_definitions import Definition, find_definition
from groot_ros.data.bags.metadata import CUSTOM_DATA, BagFile, Topic, write_metadata
from groot_ros.errors import UserError
from groot_ros.files.folder_lock import lock
from groot_ros.files.part import part_path

RESERVE_FILE = "reserve"
# Freed when the disk is full, so that there is room for the index of about an hour.
RESERVE_BYTES = 8 * 2**20


class BagWriter:
    """A bag under construction in `<path>.part`, renamed to `path` by `finish`.

    Messages reach the file when a chunk of 1 MiB is full or at `flush`; OSError from any method
    when the disk is full. `abandon` leaves what was written to `groot-ros repair`.
    """

    def __init__(self, path: Path, compress: bool = False) -> None:
        self.path = path
        self.part = part_path(path)
        for existing in (self.path, self.part):
            if existing.exists():
                raise UserError(f"{existing} exists already: give the recording another name")
        self._compression = CompressionType.ZSTD if compress else CompressionType.NONE
        self._custom_data: dict[str, str] = {}
        self._definitions: dict[str, tuple[Topic, Definition]] = {}
        self._files: list[BagFile] = []
        self._finished_bytes = 0
        self.part.mkdir(parents=True)
        with (self.part / RESERVE_FILE).open("wb") as reserve:
            os.posix_fallocate(reserve.fileno(), 0, RESERVE_BYTES)
        self._open_file()

    def _open_file(self) -> None:
        name = f"{self.path.name}_{len(self._files)}.mcap"
        self._file = (self.part / name).open("xb")
        # `groot-ros repair` leaves a file alone that is still written.
        lock(self._file)
        self._writer = Writer(self._file, compression=self._compression)
        self._writer.start(profile="ros2", library="groot_ros")
        self._files.append(BagFile(name))
        self._channels: dict[str, int] = {}
        self._schemas: dict[str, int] = {}
        for topic, definition in self._definitions.values():
            self._register(topic, definition)
        if self._custom_data:
            self._writer.add_metadata(CUSTOM_DATA, self._custom_data)
        self.flush()

    def add_topic(self, topic: Topic) -> None:
        """Make a topic known; UserError when its message type is not installed."""
        definition = find_definition(topic.type)
        if not topic.digest:
            topic = Topic(topic.name, topic.type, topic.qos, definition.digest)
        self._definitions[topic.name] = (topic, definition)
        self._register(topic, definition)

    def _register(self, topic: Topic, definition: Definition) -> None:
        if topic.type not in self._schemas:
            self._schemas[topic.type] = self._writer.register_schema(
                topic.type, "ros2msg", definition.text.encode()
            )
        metadata = {
            "offered_qos_profiles": yaml.safe_dump([dict(qos) for qos in topic.qos]),
            "topic_type_hash": topic.digest,
        }
        self._channels[topic.name] = self._writer.register_channel(
            topic.name, "cdr", self._schemas[topic.type], metadata
        )

    def knows(self, topic: str) -> bool:
        """Whether a topic was added."""
        return topic in self._channels

    def write(self, topic: str, log_time_ns: int, publish_time_ns: int, data: bytes) -> None:
        """Append a serialised message of a topic that was added."""
        self._writer.add_message(self._channels[topic], log_time_ns, data, publish_time_ns)
        self._files[-1].count(self._definitions[topic][0], log_time_ns)

    def annotate(self, custom_data: Mapping[str, str]) -> None:
        """Set entries of the bag's custom_data; they survive a crash from now on."""
        self._custom_data.update(custom_data)
        self._writer.add_metadata(CUSTOM_DATA, self._custom_data)
        self.flush()

    def flush(self) -> None:
        """Hand everything to the operating system; a killed process loses nothing of it."""
        self._writer.flush()

    def split(self) -> None:
        """Go on in a new file."""
        self._close_file()
        self._open_file()

    def _close_file(self) -> None:
        self._writer.finish()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._finished_bytes += self._file.tell()
        self._file.close()

    @property
    def messages(self) -> int:
        return sum(file.messages for file in self._files)

    @property
    def bytes(self) -> int:
        """Size of the bag so far."""
        return self._finished_bytes + (0 if self._file.closed else self._file.tell())

    @property
    def file_bytes(self) -> int:
        """Size of the file that is written now."""
        return self._file.tell()

    @property
    def file_seconds(self) -> float:
        """Time between the first and the last message of the file that is written now."""
        return (self._files[-1].end_ns - self._files[-1].start_ns) / 1e9

    def finish(self) -> Path:
        """Write the index and metadata.yaml and give the bag its final name."""
        self._close_file()
        topics = [topic for topic, _ in self._definitions.values()]
        write_metadata(
            self.part, "mcap", topics=topics, files=self._files, custom_data=self._custom_data
        )
        (self.part / RESERVE_FILE).unlink(missing_ok=True)
        self.part.rename(self.path)
        return self.path

    def abandon(self) -> None:
        """Close the files as they are and free the reserve; for after an OSError."""
        # What did not fit on the disk is tried again at close, and fails again.
        with suppress(OSError):
            self._file.close()
        (self.part / RESERVE_FILE).unlink(missing_ok=True)

    def discard(self) -> None:
        """Delete the bag."""
        self.abandon()
        shutil.rmtree(self.part)
