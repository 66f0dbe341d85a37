"""metadata.yaml of a rosbag2 bag, version 9, which ROS 2 Jazzy writes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

VERSION = 9
FILE = "metadata.yaml"
# One publisher's quality of service as rosbag2 writes it: history, depth, reliability, ...
Qos = Mapping[str, Any]


@dataclass(frozen=True)
class Topic:
    """A topic in a bag; `digest` is the type's RIHS01 hash, empty where it is not known."""

    name: str
    type: str
    qos: tuple[Qos, ...] = ()
    digest: str = ""


@dataclass
class BagFile:
    """A file of a bag: its name, first and last log time and the messages of each topic."""

    name: str
    start_ns: int = 0
    end_ns: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, topic: str, log_time_ns: int) -> None:
        """Take a message into account."""
        first = not self.counts
        self.start_ns = log_time_ns if first else min(self.start_ns, log_time_ns)
        self.end_ns = max(self.end_ns, log_time_ns)
        self.counts[topic] = self.counts.get(topic, 0) + 1

    @property
    def messages(self) -> int:
        return sum(self.counts.values())


def write_metadata(
    folder: Path,
    storage: str,
    topics: Sequence[Topic],
    files: Sequence[BagFile],
    custom_data: Mapping[str, str],
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
                "message_count": sum(file.counts.get(topic.name, 0) for file in files),
            }
            for topic in topics
        ],
        "compression_format": "",
        "compression_mode": "",
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
