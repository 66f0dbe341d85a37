"""Messages out of their bytes, by the definitions in the bag of the types that are wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any

import zstandard
from rosbags.interfaces import Nodetype
from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from groot_ros.data.bags.gripper_definitions import register_gripper_types
from groot_ros.data.bags.message_definitions import SEPARATOR
from groot_ros.data.bags.storage import Stream
from groot_ros.share import share_file

EVENT_TYPE = "groot_ros_msgs/msg/EpisodeEvent"
EVENT_FILE = "groot_ros_msgs/msg/EpisodeEvent.msg"
ENCODINGS = ("cdr", "ros1")
_IDL_HEAD = "IDL: "
# How a message begins that was compressed by itself; CDR begins with a zero.
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
# Slices of a view are no copies, but take longer to make than those of few bytes.
_VIEWED_BYTES = 2**12
# Whose decoders are kept.
MOST_DEFINITIONS = 256

Decode = Callable[[bytes | memoryview], Any]


class Undecodable(Exception):
    """Messages of a type, or one message, that cannot be understood; the text says why."""


class MessageDecoder:
    """Makes messages of streams; a type's definition is read when the first of them comes."""

    def __init__(self) -> None:
        self._decoders: dict[Stream, Decode] = {}

    def prepare(self, stream: Stream) -> Decode:
        """The function that decodes a stream's messages; Undecodable when there is none."""
        if stream not in self._decoders:
            self._decoders[stream] = _decoder(
                replace(stream, topic="", count=0, qos="", digest="")
            )
        return self._decoders[stream]

    def decode(self, stream: Stream, data: bytes) -> Any:
        """A message, arrays in it views where possible; Undecodable when its bytes are damaged."""
        decode = self._decoders.get(stream) or self.prepare(stream)
        try:
            return decode(memoryview(data) if len(data) > _VIEWED_BYTES else data)
        except Exception as error:
            # Damaged bytes make the deserialiser fail in any way: its sizes are noise.
            raise Undecodable("a message is damaged") from error


def is_compressed_message(stream: Stream, data: bytes) -> bool:
    """Whether a message was compressed by itself."""
    return stream.encoding == "cdr" and data[:4] == _ZSTD_MAGIC


# Bags after one another, and the parts of a split one, repeat their definitions.
@lru_cache(maxsize=MOST_DEFINITIONS)
def _decoder(stream: Stream) -> Decode:
    """Of all streams with this definition; Undecodable when there is none."""
    if stream.encoding not in ENCODINGS:
        raise Undecodable(f"its messages are encoded as {stream.encoding!r}, not as cdr")
    store, name = _store(stream), stream.type_name
    if stream.encoding == "ros1":
        return lambda data: store.deserialize_ros1(data, name)

    def decode(data: bytes | memoryview) -> Any:
        if data[:4] == _ZSTD_MAGIC:
            data = zstandard.ZstdDecompressor().decompress(data, max_output_size=2**30)
        return store.deserialize_cdr(data, name)

    return decode


def _store(stream: Stream) -> Typestore:
    """Types by the stream's own definition, or else the standard one of ROS 2."""
    name = stream.type_name
    try:
        types = _parse(stream)
        if name not in types:
            raise Undecodable("the bag holds no definition of it")
        return _registered(name, types)
    except Exception as error:
        # Grammar and lexer fail in their own ways on what they were not made for.
        if name in _standard().types:
            return _registered(name, {})
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise Undecodable(f"its type {name} is not understood: {reason}") from error


def _registered(name: str, types: dict[str, Any]) -> Typestore:
    store = get_typestore(Stores.EMPTY)
    store.register(_complete(name, types))
    return store


@cache
def _standard() -> Typestore:
    # Bags of ROS 2 before Iron hold no definitions: the common types have not changed.
    store = get_typestore(Stores.ROS2_HUMBLE)
    store.register(get_types_from_msg(share_file(EVENT_FILE).read_text(), EVENT_TYPE))
    register_gripper_types(store)
    return store


def _parse(stream: Stream) -> dict[str, Any]:
    text = stream.schema
    if not text:
        return {}
    if stream.schema_encoding in ("ros2msg", "ros1msg"):
        return dict(
            get_types_from_msg(text if text.endswith("\n") else f"{text}\n", stream.type_name)
        )
    if stream.schema_encoding in ("ros2idl", "omgidl"):
        if not text.startswith(SEPARATOR + _IDL_HEAD):
            return dict(get_types_from_idl(text))
        found: dict[str, Any] = {}
        for part in text.split(SEPARATOR)[1:]:
            found |= get_types_from_idl(part.partition("\n")[2])
        return found
    return {}


def _complete(name: str, own: dict[str, Any]) -> dict[str, Any]:
    """A type and all that it contains, by `own` or else the standard definitions."""
    found: dict[str, Any] = {}
    waiting = [name]
    while waiting:
        if (current := waiting.pop()) in found:
            continue
        definition = own.get(current) or _standard().fielddefs.get(current)
        if definition is None:
            raise Undecodable(f"the definition of {current}, a part of it, is missing")
        found[current] = definition
        for _, description in definition[1]:
            element: Any = description
            while element[0] in (Nodetype.ARRAY, Nodetype.SEQUENCE):
                element = element[1][0]
            if element[0] == Nodetype.NAME:
                waiting.append(str(element[1]))
    return found
