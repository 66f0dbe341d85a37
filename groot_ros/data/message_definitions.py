"""What a bag must say about its message types, from the ROS installation or from rosbags."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from rosbags.interfaces import Nodetype
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from groot_ros.errors import UserError

SEPARATOR = "=" * 80 + "\n"
HEADER = "std_msgs/msg/Header"


@dataclass(frozen=True)
class Definition:
    """A message type as MCAP's `ros2msg` schema wants it.

    `digest` is the RIHS01 type hash of ROS 2, `stamped` whether a std_msgs/Header comes first.
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
    if not (share := _share(message_type)):
        return _standard_definition(message_type)
    own = share.read_text()
    parts = [own, *(f"MSG: {_short(name)}\n{text}" for name, text in _contained(message_type))]
    text = SEPARATOR.join(part if part.endswith("\n") else part + "\n" for part in parts)
    return Definition(message_type, text, _digest(share, message_type), _stamped(own))


def _share(message_type: str) -> Path | None:
    package, kind, name = message_type.split("/")
    for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep):
        if prefix and (path := Path(prefix, "share", package, kind, f"{name}.msg")).is_file():
            return path
    return None


def _short(message_type: str) -> str:
    package, _, name = message_type.split("/")
    return f"{package}/{name}"


def _contained(message_type: str) -> Iterator[tuple[str, str]]:
    """Types inside a type and their texts, each once."""
    waiting, seen = [message_type], {message_type}
    while waiting:
        share = _share(current := waiting.pop(0))
        if share is None:
            raise UserError(
                f"no definition of {current}, a part of {message_type}, is installed: source the "
                "workspace that its package is in"
            )
        text = share.read_text()
        if current != message_type:
            yield current, text
        new = [name for name in _field_types(current, text) if name not in seen]
        seen.update(new)
        waiting += new


def _field_types(message_type: str, text: str) -> Iterator[str]:
    _, fields = get_types_from_msg(text, message_type)[message_type]
    for _, description in fields:
        element: Any = description
        while element[0] in (Nodetype.ARRAY, Nodetype.SEQUENCE):
            element = element[1][0]
        if element[0] == Nodetype.NAME:
            yield str(element[1])


def _stamped(text: str) -> bool:
    """Whether the first field is a Header, whose stamp then has a fixed place in the bytes."""
    for line in text.splitlines():
        words = line.split("#", 1)[0].split()
        if words and "=" not in line.split("#", 1)[0]:
            return words[0] in ("std_msgs/Header", "Header", HEADER)
    return False


def _digest(share: Path, message_type: str) -> str:
    """Type hash from the description that rosidl installs beside the .msg file."""
    description = share.with_suffix(".json")
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
