"""Pictures out of H.264 and H.265, packet by packet, by PyAV."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from groot_ros.cameras.frame_numbers import FrameNumbers
from groot_ros.cameras.kind import Decode, Picture
from groot_ros.cameras.units import look_into
from groot_ros.errors import UserError

# Decoders by what messages call their formats and encoders.
_DECODERS = {
    "h264": "h264",
    "h.264": "h264",
    "x264": "h264",
    "avc": "h264",
    "avc1": "h264",
    "h265": "hevc",
    "h.265": "hevc",
    "x265": "hevc",
    "hevc": "hevc",
}
# Where the decoder of H.265 finds an error, it must not go on with what it guesses; that of H.264
# marks such pictures, and would trip over the remarks (SEI) of many cameras.
_OPTIONS = {"h264": {}, "hevc": {"err_detect": "explode"}}

NO_KEY_FRAME = "its video has had no key frame yet"
BROKEN = "its video waits for the next key frame, a packet did not decode"
NO_UNITS = "its packets are no H.264 or H.265 with start codes (Annex B)"
LOST = "its video waits for the next key frame, packets are missing or damaged"


def decoder_name(video: str) -> str:
    """h264 or hevc for the name of a format or of an encoder; empty for any other."""
    name = video.lower().removeprefix("lib").partition("_")[0]
    return _DECODERS.get(name, "")


class VideoDecoder:
    """Decodes the packets of one camera, in their order, and is the one that knows its video.

    Whoever hands it the packets owns it: one thread at a time. Nothing is decoded before a key
    frame. After a packet that is missing or does not decode nothing is decoded until the next one,
    because the pictures between are made of it.
    """

    def __init__(self) -> None:
        self.problem = ""
        """Why the newest packet is left out; empty where it is not."""
        self._waits = NO_KEY_FRAME
        self._codec = ""
        self._context: VideoCodecContext | None = None
        self._numbers = FrameNumbers()
        self._begins_ns: int | None = None
        """Time of the key frame at which decoding has begun, until its picture is complete."""

    def take(self, video: str, data: bytes, time_ns: int) -> list[tuple[int, Decode]]:
        """Pictures that are complete with a packet, in their order: time of each in ns, and what
        makes (H, W, 3) uint8 RGB of it.

        Args:
            video: Format of the packet as its message names it.
            data: The packet, one picture at most.
            time_ns: When its picture was taken. With B-frames that is before the time of packets
                that came earlier.
        """
        if not (codec := decoder_name(video)):
            self.problem = f"its video is {video[:40]}, expected colour as h264 or h265"
            return []
        context = self._open(codec)
        packet = look_into(codec, data)
        if not packet.heads:
            # To the decoder an empty packet is the end of the stream.
            self.problem = self._waits or NO_UNITS
            return []
        if codec == "h264" and self._numbers.misses(packet) and not self._waits:
            self.interrupt(LOST)
        if packet.is_key and self._waits:
            self._waits, self._begins_ns = "", time_ns
        self.problem = self._waits if packet.has_picture else ""
        if self.problem:
            return []
        frames = _decode(context, data, time_ns)
        if frames is None:
            if packet.has_picture:
                self.interrupt(BROKEN)
            return []
        return [
            (frame.pts, partial(_to_rgb, frame))
            for frame in frames
            if frame.pts is not None and self._has_begun(frame.pts)
        ]

    def _has_begun(self, time_ns: int) -> bool:
        """False for pictures before the first key frame, which may be made of some before that."""
        if self._begins_ns is not None and time_ns >= self._begins_ns:
            self._begins_ns = None
        return self._begins_ns is None

    def interrupt(self, reason: str) -> None:
        """Leave out everything up to the next key frame, because of `reason`."""
        self._waits = self.problem = reason
        if self._context:
            self._context.flush_buffers()

    def _open(self, codec: str) -> VideoCodecContext:
        if self._context is None or codec != self._codec:
            context = cast(VideoCodecContext, av.CodecContext.create(codec, "r"))
            context.options = dict(_OPTIONS[codec])
            # More of them would hold pictures back.
            context.thread_count = 1
            self._context, self._codec = context, codec
            self._waits, self._numbers = NO_KEY_FRAME, FrameNumbers()
        return self._context


def _decode(context: VideoCodecContext, data: bytes, time_ns: int) -> list[VideoFrame] | None:
    """Pictures that are complete with a packet; None where one is damaged."""
    packet = av.Packet(data)
    packet.pts = time_ns
    try:
        frames = context.decode(packet)
    except av.FFmpegError:
        return None
    return None if any(frame.is_corrupt for frame in frames) else frames


def _to_rgb(frame: Any) -> Picture:
    if len(frame.format.components) == 1 and frame.format.components[0].bits > 8:
        raise UserError(
            f"video of {frame.format.name} has no colour and more than 8 bits, it may be depth, "
            "which video coding changes: name the colour topic of the camera in the robot file"
        )
    return cast(Picture, frame.to_ndarray(format="rgb24"))
