"""metadata.yaml of a rosbag2 bag, version 9, which ROS 2 Jazzy writes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any

import yaml

VERSION = 9
FILE = "metadata.yaml"
# Name of the MCAP metadata record that holds the bag's custom_data.
CUSTOM_DATA = "groot_ros"
# One publisher's quality of service as rosbag2 writes it: history, depth, reliability, ...
Qos = Mapping[str, Any]


@dataclass(frozen=True)
class Topic:
    """A topic in a bag; `digest` is the type's RIHS01 hash, empty where it is not known."""

    name: str
    type: str
    qos: tuple[Qos, ...] = ()
    digest: str = ""

    def offered(self, qos: tuple[Qos, ...]) -> Topic:
        """The same topic with another quality of service."""
        return replace(self, qos=qos)


@dataclass(frozen=True)
class Compression:
    """How a bag is compressed beyond what its storage does: format, and mode FILE or MESSAGE."""

    format: str = ""
    mode: str = ""


@dataclass
class BagFile:
    """A file of a bag: its name, first and last log time, messages by topic and type."""

    name: str
    start_ns: int = 0
    end_ns: int = 0
    counts: dict[tuple[str, str], int] = field(default_factory=dict)

    def count(self, topic: Topic, log_time_ns: int) -> None:
        """Take a message into account."""
        first = not self.counts
        self.start_ns = log_time_ns if first else min(self.start_ns, log_time_ns)
        self.end_ns = max(self.end_ns, log_time_ns)
        key = topic.name, topic.type
        self.counts[key] = self.counts.get(key, 0) + 1

    @property
    def messages(self) -> int:
        return sum(self.counts.values())


def write_metadata(
    folder: Path,
    storage: str,
    topics: Sequence[Topic],
    files: Sequence[BagFile],
    custom_data: Mapping[str, str],
    compression: Compression | None = None,
) -> None:
    """Write metadata.yaml into a bag's folder, whole or not at all."""
    filled = [file for file in files if file.messages]
    start_ns = min((file.start_ns for file in filled), default=0)
    end_ns = max((file.end_ns for file in filled), default=0)
    information = {
        "version": VERSION,
        "storage_identifier": storage,
        "duration": {"nanoseconds": end_ns - start_ns},
        "starting_time": {"nanoseconds_since_epoch": start_ns},
        "message_count": sum(file.messages for file in files),
        "topics_with_message_count": [
            {
                "topic_metadata": {
                    "name": topic.name,
                    "type": topic.type,
                    "serialization_format": "cdr",
                    "offered_qos_profiles": [dict(qos) for qos in topic.qos],
                    "type_description_hash": topic.digest,
                },
                "message_count": sum(
                    file.counts.get((topic.name, topic.type), 0) for file in files
                ),
            }
            for topic in topics
        ],
        "compression_format": compression.format if compression else "",
        "compression_mode": compression.mode if compression else "",
        "relative_file_paths": [file.name for file in files],
        "files": [
            {
                "path": file.name,
                "starting_time": {"nanoseconds_since_epoch": file.start_ns},
                "duration": {"nanoseconds": file.end_ns - file.start_ns},
                "message_count": file.messages,
            }
            for file in files
        ],
        "custom_data": dict(custom_data) or None,
        "ros_distro": os.environ.get("ROS_DISTRO", "unknown"),
    }
    _replace(folder / FILE, {"rosbag2_bagfile_information": information})


@dataclass(frozen=True)
class Information:
    """What metadata of any version says of a bag that its reading needs.

    `storage` is its plugin's name, `files` are the names of its files, `counts` the messages of
    each topic and type, `problem` is why it could not be read.
    """

    storage: str = ""
    files: tuple[str, ...] = ()
    counts: Mapping[tuple[str, str], int] = field(default_factory=dict)
    custom_data: Mapping[str, str] = field(default_factory=dict)
    qos: Mapping[str, tuple[Qos, ...]] = field(default_factory=dict)
    """Offered by the publishers of each topic."""
    problem: str = ""


def parse_metadata(text: str) -> Information:
    """What the text of a metadata.yaml says, or that of the copy in a file of the bag."""
    try:
        content = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        information = content.get("rosbag2_bagfile_information", content)
        # Versions before 4 name the folder too.
        names = information.get("relative_file_paths") or []
        custom = information.get("custom_data") or {}
        counts: dict[tuple[str, str], int] = {}
        qos: dict[str, tuple[Qos, ...]] = {}
        for entry in information.get("topics_with_message_count") or []:
            topic = entry["topic_metadata"]
            counts[topic["name"], topic["type"]] = int(entry["message_count"])
            qos[topic["name"]] = read_qos(topic.get("offered_qos_profiles"))
        return Information(
            storage=str(information.get("storage_identifier") or ""),
            files=tuple(PurePath(str(name)).name for name in names),
            counts=counts,
            custom_data={str(key): str(value) for key, value in custom.items()},
            qos=qos,
        )
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        return Information(problem=reason)


def read_information(folder: Path) -> Information:
    """What a folder's metadata.yaml says; nothing and a problem where it cannot be read."""
    try:
        return parse_metadata((folder / FILE).read_text())
    except FileNotFoundError:
        return Information()
    except (OSError, UnicodeDecodeError) as error:
        return Information(problem=str(error))


def read_qos(value: Any) -> tuple[Qos, ...]:
    """Profiles as metadata.yaml holds them: a list, or a text of YAML before version 9."""
    try:
        found = yaml.safe_load(value) if isinstance(value, str) else value
    except yaml.YAMLError:
        return ()
    return tuple(found) if isinstance(found, list) else ()


def read_metadata(folder: Path) -> dict[str, Any]:
    """What metadata.yaml says, without its outermost key."""
    content = yaml.safe_load((folder / FILE).read_text())
    return dict(content["rosbag2_bagfile_information"])


def set_custom_data(folder: Path, values: Mapping[str, str]) -> None:
    """Change entries of a finished bag's custom_data."""
    information = read_metadata(folder)
    information["custom_data"] = {**(information.get("custom_data") or {}), **values}
    _replace(folder / FILE, {"rosbag2_bagfile_information": information})


def _replace(path: Path, content: Mapping[str, Any]) -> None:
    beside = path.with_suffix(".yaml.tmp")
    with beside.open("w") as file:
        yaml.safe_dump(content, file, sort_keys=False, allow_unicode=True)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
