"""Reading rosbag2 bags: MCAP and sqlite3, split, compressed; definitions come from the bag."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rosbags.highlevel import AnyReader
from rosbags.interfaces import Connection
from rosbags.typesys import Stores, get_typestore

from groot_ros.data.episode_info import EpisodeInfo
from groot_ros.errors import UserError

STORAGE_SUFFIXES = (".mcap", ".db3")
METADATA = "metadata.yaml"
NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class BagError(UserError):
    """A bag, or an episode in it, that cannot be converted; others can."""


@dataclass(frozen=True)
class TopicInfo:
    """A topic of a bag: message type and number of messages."""

    type_name: str
    count: int


class Bag:
    """An open bag; `close` it, or use `open_bag`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with _readable(path):
            # Bags of ROS 2 before Iron hold no definitions: the common types have not changed.
            store = get_typestore(Stores.ROS2_HUMBLE)
            self._reader = AnyReader([path], default_typestore=store)
            self._reader.open()
        with _readable(path):
            self.topics: Mapping[str, TopicInfo] = {
                name: TopicInfo(info.msgtype or "", info.msgcount)
                for name, info in self._reader.topics.items()
            }
            self.start_ns, self.end_ns = self._reader.start_time, self._reader.end_time
        self.custom_data: Mapping[str, str] = self._custom_data()
        self.info: EpisodeInfo | None = EpisodeInfo.from_custom_data(self.custom_data)

    @property
    def name(self) -> str:
        return self.path.stem if self.path.is_file() else self.path.name

    @property
    def duration_s(self) -> float:
        return max(0, self.end_ns - self.start_ns) / 1e9

    def _custom_data(self) -> dict[str, str]:
        storage = getattr(self._reader.readers[0], "storage", None)
        return dict(storage.metadata.custom or {}) if storage else {}

    def messages(
        self, topics: Collection[str], start_ns: int | None = None, stop_ns: int | None = None
    ) -> Iterator[tuple[str, int, Any]]:
        """Topic, time of arrival in ns and message, in the order of arrival.

        From `start_ns` on and before `stop_ns`; BagError where the bag is damaged.
        """
        connections = self._connections(topics)
        if not connections:
            return
        with _readable(self.path):
            for connection, arrival_ns, data in self._reader.messages(
                connections, start_ns, stop_ns
            ):
                message = self._reader.deserialize(data, connection.msgtype)
                yield connection.topic, arrival_ns, message

    def _connections(self, topics: Collection[str]) -> list[Connection]:
        return [c for c in self._reader.connections if c.topic in topics]

    def close(self) -> None:
        self._reader.close()


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        # A damaged bag makes the reader fail in any way: its sizes and offsets are noise.
        if isinstance(error, OSError) and error.errno in NO_SPACE:
            raise
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise BagError(
            f"bag {path} cannot be read ({reason}): it is damaged or was cut off, run "
            f"`groot-ros repair {path}`"
        ) from error


@contextmanager
def open_bag(path: Path) -> Iterator[Bag]:
    """The bag at a path; BagError when it is damaged, which names the remedy."""
    if path.is_dir() and not (path / METADATA).exists():
        raise BagError(
            f"bag {path} has no {METADATA}: the recording was cut off, run "
            f"`groot-ros repair {path}`"
        )
    bag = Bag(path)
    try:
        yield bag
    finally:
        bag.close()


def is_bag(path: Path) -> bool:
    """Whether a path is a bag, whole or not: a folder with storage files or one such file."""
    if path.is_file():
        return path.suffix in STORAGE_SUFFIXES
    return (path / METADATA).exists() or bool(_storage_files(path))


def _storage_files(folder: Path) -> list[Path]:
    suffixes = (*STORAGE_SUFFIXES, *(f"{suffix}.zstd" for suffix in STORAGE_SUFFIXES))
    return sorted(path for path in folder.glob("*") if path.name.endswith(suffixes))


def find_bags(paths: Sequence[Path]) -> list[Path]:
    """Bags at paths and in folders of bags, sorted by name; UserError where there is none."""
    bags: list[Path] = []
    for path in paths:
        if not path.exists():
            raise UserError(f"{path} does not exist, expected a bag or a folder of bags")
        found = [path] if is_bag(path) else sorted(p for p in path.glob("*") if is_bag(p))
        if not found:
            raise UserError(f"{path} holds no bags, expected folders with {METADATA}")
        bags += [bag for bag in found if bag not in bags]
    return bags


def bag_files(path: Path) -> list[Path]:
    """The files that make up a bag."""
    if path.is_file():
        return [path]
    return [*_storage_files(path), *path.glob(METADATA)]


def bag_hash(path: Path) -> str:
    """SHA-256 over the storage files of a bag, in the order of their names."""
    digest = hashlib.sha256()
    for file in [path] if path.is_file() else _storage_files(path):
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
