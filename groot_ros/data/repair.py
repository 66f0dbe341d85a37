"""Makes bags readable again that a crash, a full disk or a lost metadata.yaml left behind."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from groot_ros.data import mcap_repair
from groot_ros.data.bag_metadata import FILE, BagFile, Topic, write_metadata
from groot_ros.data.bag_writer import CUSTOM_DATA, PART_SUFFIX, RESERVE_FILE
from groot_ros.errors import UserError


@dataclass(frozen=True)
class Repaired:
    """What `repair_bag` found and did."""

    path: Path
    messages: int
    seconds: float
    actions: tuple[str, ...]


@dataclass
class _Content:
    """What the files of a bag hold."""

    topics: dict[str, Topic]
    files: list[BagFile]
    custom_data: dict[str, str]
    actions: list[str]


def repair_bag(path: Path, custom_data: Mapping[str, str] | None = None) -> Repaired:
    """Complete a bag's files in place, write its metadata.yaml, take `.part` from its name.

    No whole message is ever removed. `custom_data` is added to what the bag says of itself.
    UserError when there is no bag, when it is damaged in a way that no interruption explains, or
    when the name without `.part` is taken.
    """
    folder, files = _find_files(path)
    final = folder
    if folder.name.endswith(PART_SUFFIX):
        final = folder.with_name(folder.name.removesuffix(PART_SUFFIX))
        if final.exists():
            raise UserError(f"{final} exists already: move it away, then repair {folder} again")
    content = _Content({}, [], {}, [])
    for file in files:
        _READERS[file.suffix](file, content)
    content.custom_data |= custom_data or {}
    if content.actions or custom_data or not (folder / FILE).is_file():
        storage = _STORAGES[files[0].suffix]
        topics = list(content.topics.values())
        write_metadata(folder, storage, topics, content.files, content.custom_data)
        content.actions.append(f"{FILE} written")
    (folder / RESERVE_FILE).unlink(missing_ok=True)
    if final != folder:
        folder.rename(final)
        content.actions.append(f"renamed to {final.name}")
    return _summary(final, content)


def _summary(path: Path, content: _Content) -> Repaired:
    filled = [file for file in content.files if file.messages]
    start_ns = min((file.start_ns for file in filled), default=0)
    end_ns = max((file.end_ns for file in filled), default=0)
    messages = sum(file.messages for file in filled)
    seconds = (end_ns - start_ns) / 1e9
    return Repaired(path, messages, seconds, tuple(content.actions))


def _find_files(path: Path) -> tuple[Path, list[Path]]:
    """Folder of a bag and its files in the order of their numbers."""
    if not path.exists():
        raise UserError(f"{path} does not exist: give the folder of a bag or one of its files")
    folder = path if path.is_dir() else path.parent
    files = [file for file in folder.iterdir() if file.suffix in _READERS]
    if not files:
        raise UserError(f"{folder} holds no bag, expected .mcap or .db3 files in it")
    if len({file.suffix for file in files}) > 1:
        raise UserError(f"{folder} holds .mcap and .db3 files, expected one kind: sort them")
    return folder, sorted(files, key=_number)


def _number(file: Path) -> tuple[int, str]:
    tail = file.stem.rpartition("_")[2]
    return (int(tail) if tail.isdigit() else 0, file.name)


def _read_mcap(file: Path, content: _Content) -> None:
    result = mcap_repair.repair(file)
    content.actions += [f"{file.name}: {action}" for action in result.actions]
    contents = result.contents
    bag_file = BagFile(file.name, contents.start_ns, contents.end_ns)
    for channel_id, channel in contents.channels.items():
        schema = contents.schemas.get(channel.schema_id)
        content.topics[channel.topic] = Topic(
            channel.topic,
            schema.name if schema else "",
            _qos(channel.metadata.get("offered_qos_profiles", "")),
            channel.metadata.get("topic_type_hash", ""),
        )
        count = contents.counts.get(channel_id, 0)
        bag_file.counts[channel.topic] = bag_file.counts.get(channel.topic, 0) + count
    content.files.append(bag_file)
    for record in contents.metadata:
        if record.name == CUSTOM_DATA:
            content.custom_data |= record.metadata


def _read_sqlite(file: Path, content: _Content) -> None:
    """Opening the database already rolls an interrupted transaction back."""
    bag_file = BagFile(file.name)
    try:
        with closing(sqlite3.connect(file)) as database:
            rows = database.execute(
                "SELECT t.name, t.type, t.offered_qos_profiles, COUNT(m.id), MIN(m.timestamp), "
                "MAX(m.timestamp) FROM topics t LEFT JOIN messages m ON m.topic_id = t.id "
                "GROUP BY t.id"
            ).fetchall()
    except sqlite3.DatabaseError as error:
        raise UserError(
            f"{file} cannot be read ({error}): try `sqlite3 {file.name} .recover`, which saves "
            "what a damaged database still holds"
        ) from error
    for name, message_type, qos, *_ in rows:
        content.topics[name] = Topic(name, message_type, _qos(qos))
    filled = [row for row in rows if row[3]]
    bag_file.counts = {row[0]: row[3] for row in filled}
    bag_file.start_ns = min((row[4] for row in filled), default=0)
    bag_file.end_ns = max((row[5] for row in filled), default=0)
    content.files.append(bag_file)


def _qos(text: str) -> tuple[Any, ...]:
    return tuple(yaml.safe_load(text) or ()) if text else ()


_STORAGES = {".mcap": "mcap", ".db3": "sqlite3"}
_READERS: dict[str, Callable[[Path, _Content], None]] = {
    ".mcap": _read_mcap,
    ".db3": _read_sqlite,
}
