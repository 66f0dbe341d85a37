"""Video as cameras send it: real streams of H.264 and H.265, packet by packet, made by PyAV."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import av
import numpy as np

WIDTH, HEIGHT = 64, 48
GROUP = 10
ENCODERS = {"h264": "libx264", "hevc": "libx265"}


@dataclass(frozen=True)
class Coded:
    """A packet and the number of the picture in it."""

    number: int
    data: bytes


def encode(
    codec: str,
    pictures: Iterable[np.ndarray],
    b_frames: int = 0,
    group: int = GROUP,
    options: str = "",
) -> list[Coded]:
    """Packets of pictures (H, W, 3) RGB in the order in which an encoder sends them.

    `options` are more of the encoder's own, as "key=value:key=value".
    """
    context = av.CodecContext.create(ENCODERS[codec], "w")
    context.time_base = Fraction(1, 30)
    context.pix_fmt = "yuv420p"
    own = f"keyint={group}:min-keyint={group}:scenecut=0:bframes={b_frames}:b-adapt=0"
    own += ":repeat-headers=1:log-level=none" if codec == "hevc" else ""
    context.options = {f"{ENCODERS[codec][3:]}-params": f"{own}:{options}".rstrip(":")}
    found = []
    for number, picture in enumerate(pictures):
        if number == 0:
            context.height, context.width = picture.shape[:2]
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts = number
        found += context.encode(frame)
    found += context.encode(None)
    return [Coded(packet.pts, bytes(packet)) for packet in found]


def decode(codec: str, packets: Sequence[Coded]) -> dict[int, np.ndarray]:
    """All pictures (H, W, 3) RGB of a whole stream by number."""
    context = av.CodecContext.create(codec, "r")
    frames = []
    for coded in packets:
        packet = av.Packet(coded.data)
        packet.pts = coded.number
        frames += context.decode(packet)
    frames += context.decode(None)
    return {frame.pts: frame.to_ndarray(format="rgb24") for frame in frames}


def moving_picture(number: int) -> np.ndarray:
    """A bright square on noise that drifts: no two pictures are alike, and motion is coded."""
    noise = np.random.default_rng(0).integers(0, 200, (HEIGHT, WIDTH, 3), np.uint8)
    picture = np.roll(noise, number, axis=1)
    left = 3 * number % (WIDTH - 8)
    picture[20:28, left : left + 8] = 255
    return picture


@cache
def stream(
    codec: str, count: int = 35, b_frames: int = 0, options: str = ""
) -> tuple[tuple[Coded, ...], dict[int, np.ndarray]]:
    """Packets of moving pictures, and what they decode to."""
    pictures = [moving_picture(number) for number in range(count)]
    packets = tuple(encode(codec, pictures, b_frames, options=options))
    return packets, decode(codec, packets)


def damaged(codec: str, coded: Coded) -> bytes:
    """A packet that says nothing but that it is a picture."""
    start = coded.data.index(b"\0\0\1")
    return coded.data[: start + (4 if codec == "h264" else 5)] + bytes(40)
