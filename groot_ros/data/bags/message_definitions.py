"""What a bag must say about its message types, from the ROS installation or from rosbags."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from rosbags.interfaces import Nodetype
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from groot_ros.data.bags.interface_texts import find_text
from groot_ros.errors import UserError

SEPARATOR = "=" * 80 + "\n"
HEADER = "std_msgs/msg/Header"


@dataclass(frozen=True)
class Definition:
    """A message type as MCAP's `ros2msg` schema wants it.

    `digest` is the RIHS01 type hash of ROS 2, `stamped` whether its stamp comes first.
    """

    type: str
    text: str
    digest: str
    stamped: bool


@cache
def find_definition(message_type: str) -> Definition:
    """Definition of a type such as `sensor_msgs/msg/Image` with all the types that it contains.

    Read from the `share` folders in AMENT_PREFIX_PATH, where a ROS package installs its .msg
    files, and from rosbags' copy of the standard messages of ROS 2 Jazzy otherwise.
    """
    if not (own := find_text(message_type)):
        return _standard_definition(message_type)
    contained = (f"MSG: {_short(name)}\n{text}" for name, text in _contained(message_type))
    parts = [own.text, *contained]
    text = SEPARATOR.join(part if part.endswith("\n") else part + "\n" for part in parts)
    return Definition(message_type, text, _digest(own.file, message_type), _stamped(own.text))


def _short(message_type: str) -> str:
    """The name inside a definition, where `pkg/Name` means `pkg/msg/Name`."""
    return message_type.replace("/msg/", "/")


def _contained(message_type: str) -> Iterator[tuple[str, str]]:
    """Types inside a type and their texts, each once."""
    waiting, seen = [message_type], {message_type}
    while waiting:
        found = find_text(current := waiting.pop(0))
        if found is None:
            raise UserError(
                f"no definition of {current}, a part of {message_type}, is installed: source the "
                "workspace that its package is in"
            )
        if current != message_type:
            yield current, found.text
        fields = dict.fromkeys(_field_types(current, found.text))
        new = [name for name in fields if name not in seen]
        seen.update(new)
        waiting += new


def _field_types(message_type: str, text: str) -> Iterator[str]:
    _, fields = get_types_from_msg(text, message_type).popitem()[1]
    for _, description in fields:
        element: Any = description
        while element[0] in (Nodetype.ARRAY, Nodetype.SEQUENCE):
            element = element[1][0]
        if element[0] == Nodetype.NAME:
            # rosbags knows types in msg/ and action/ only.
            yield str(element[1]).replace("/srv/msg/", "/srv/")


def _stamped(text: str) -> bool:
    """Whether the first field is a Header, or a timestamp as Foxglove has it, which then has a
    fixed place in the bytes."""
    for line in text.splitlines():
        words = line.split("#", 1)[0].split()
        if words and "=" not in line.split("#", 1)[0]:
            is_timestamp = words == ["builtin_interfaces/Time", "timestamp"]
            return is_timestamp or words[0] in ("std_msgs/Header", "Header", HEADER)
    return False


def _digest(file: Path, message_type: str) -> str:
    """Type hash from the description that rosidl installs beside an interface's file."""
    description = file.with_suffix(".json")
    if not description.is_file():
        return ""
    hashes = json.loads(description.read_text()).get("type_hashes", [])
    return next((h["hash_string"] for h in hashes if h["type_name"] == message_type), "")


@cache
def _standard_types() -> Typestore:
    return get_typestore(Stores.ROS2_JAZZY)


def _standard_definition(message_type: str) -> Definition:
    store = _standard_types()
    if message_type not in store.types:
        raise UserError(
            f"no definition of {message_type} is installed: source the workspace that its "
            "package is in"
        )
    text, _ = store.generate_msgdef(message_type, ros_version=2)
    return Definition(message_type, text, store.hash_rihs01(message_type), _stamped(text))
