"""What a packet of H.264 or H.265 (Annex B) says of itself before it is decoded.

NAL units: ITU-T H.264 (08/2021) 7.3.1 and 7.4.1, H.265 (08/2021) 7.3.1.2 and 7.4.2.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_START = re.compile(rb"\x00\x00\x01")
# Headers are at the beginning of a unit, and a parameter set is hardly longer.
_HEAD_BYTES = 256
H264_SLICE, H264_IDR, H264_SEI, H264_SPS = 1, 5, 6, 7
SEI_RECOVERY_POINT = 6
# BLA, IDR and CRA pictures; 22 and 23 are reserved for more of them.
HEVC_KEYS = range(16, 24)
HEVC_PICTURES = range(32)


@dataclass(frozen=True, kw_only=True)
class Packet:
    """A packet's parts: the heads of its units up to the first of a picture, without start codes.

    `has_picture` is false for packets of parameter sets alone; `is_key` where decoding can begin.
    """

    heads: tuple[bytes, ...]
    has_picture: bool
    is_key: bool


def look_into(codec: str, data: bytes) -> Packet:
    """What a packet of `codec` (h264 or hevc) holds."""
    heads: list[bytes] = []
    is_key = has_picture = False
    for head in _heads(data):
        heads.append(head)
        if codec == "h264":
            kind = head[0] & 0x1F
            has_picture = H264_SLICE <= kind <= H264_IDR
            is_key |= kind == H264_IDR
            is_key |= kind == H264_SEI and head[1:2] == bytes([SEI_RECOVERY_POINT])
        else:
            kind = head[0] >> 1 & 0x3F
            has_picture = kind in HEVC_PICTURES
            is_key = kind in HEVC_KEYS
        if has_picture:
            break
    return Packet(heads=tuple(heads), has_picture=has_picture, is_key=is_key and has_picture)


def _heads(data: bytes) -> Iterator[bytes]:
    for start in _START.finditer(data):
        if head := data[start.end() : start.end() + _HEAD_BYTES]:
            yield head
