"""Reads the stamp out of a serialised message without deserialising the rest."""

from __future__ import annotations

import struct

from groot_ros.observation.fields import NS

_LITTLE = struct.Struct("<iI")
_BIG = struct.Struct(">iI")
# Encapsulation of CDR (XTypes 7.6.3.1.2): two bytes kind, of which the lowest bit means little
# endian, and two bytes options.
_ENCAPSULATION = 4


def header_stamp_ns(data: bytes) -> int | None:
    """Stamp in ns of a message whose first field is a std_msgs/Header or a time; None if it is too
    short."""
    if len(data) < _ENCAPSULATION + _LITTLE.size:
        return None
    layout = _LITTLE if data[1] & 1 else _BIG
    seconds, nanoseconds = layout.unpack_from(data, _ENCAPSULATION)
    return int(seconds) * NS + int(nanoseconds)
