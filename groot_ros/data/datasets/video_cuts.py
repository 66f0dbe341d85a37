"""Videos cut to a range of frames: packets as they are where they can stand alone."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av

from groot_ros.data.datasets.clips import Clip
from groot_ros.data.datasets.frame_numbers import frames_from, is_timed, seek_to
from groot_ros.data.datasets.scheduling import unhurried
from groot_ros.data.datasets.video import GROUP_OF_PICTURES, OPTIONS
from groot_ros.errors import UserError

ENCODERS = {
    "h264": "libx264",
    "hevc": "libx265",
    "av1": "libsvtav1",
    "vp9": "libvpx-vp9",
    "mpeg4": "mpeg4",
    "mpeg2video": "mpeg2video",
    "mjpeg": "mjpeg",
}
# About as good as our own videos; a scale of its own for each encoder.
QUALITY = {
    "libx264": OPTIONS,
    "libx265": {"crf": "18"},
    "libsvtav1": {"crf": "20", "preset": "8"},
    "libvpx-vp9": {"crf": "20", "b": "0"},
    **dict.fromkeys(("mpeg4", "mpeg2video", "mjpeg"), {"qmin": "1", "qmax": "3"}),
}


def cut_video(clip: Clip, target: Path) -> bool:
    """Write a clip to a file of its own; whether its packets are those of the source.

    They are, bit for bit, where the file holds times, the part begins with a key frame and no
    packet in it depends on a later one. Otherwise its pictures are encoded again, each once.
    UserError where a frame is missing or the video is damaged, OSError where the disk is full.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        if copied := _copy(clip, target):
            return copied
        _encode(clip, target)
        return False
    except (av.FFmpegError, IndexError, OSError) as error:
        if getattr(error, "errno", None) == errno.ENOSPC:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target)) from error
        raise UserError(f"video {clip.path} cannot be cut: {error}") from error


def _copy(clip: Clip, target: Path) -> bool:
    with av.open(str(clip.path)) as container:
        if not is_timed(container):
            return False
        stream: Any = container.streams.video[0]
        packets = list(_packets(container, stream, clip))
        if len(packets) != clip.frames or not _stand_alone(packets):
            return False
        with av.open(str(target), "w", format="mp4") as output:
            copied: Any = output.add_stream_from_template(stream, opaque=True)
            first = packets[0].pts
            # The source's own times, from 0 on; a multiplexer may choose another unit.
            for packet in packets:
                packet.pts -= first
                packet.dts = packet.pts
                packet.stream = copied
                output.mux(packet)
    return True


def _packets(container: Any, stream: Any, clip: Clip) -> Iterator[Any]:
    seek_to(container, stream, clip.first, clip.fps)
    end_s = (clip.first + clip.frames) / clip.fps
    for packet in container.demux(stream):
        if packet.pts is None:
            continue
        time_s = float(packet.pts * packet.time_base)
        if _holds(clip, time_s):
            yield packet
        elif packet.dts is not None and float(packet.dts * packet.time_base) > end_s:
            return


def _stand_alone(packets: list[Any]) -> bool:
    """Whether packets begin with a key frame and none is shown before one that is sent sooner."""
    times = [packet.pts for packet in packets]
    return bool(packets) and packets[0].is_keyframe and times == sorted(times)


def _encode(clip: Clip, target: Path) -> None:
    with av.open(str(clip.path)) as container:
        stream: Any = container.streams.video[0]
        codec = stream.codec_context.codec.canonical_name
        encoder = ENCODERS.get(codec, "")
        if encoder not in av.codecs_available:
            raise UserError(
                f"video {clip.path} has to be encoded again to be cut between its key frames, and "
                f"this build of PyAV has no encoder for {codec}: cut at a key frame"
            )
        with unhurried() as calm, av.open(str(target), "w", format="mp4") as output:
            rate = Fraction(clip.fps).limit_denominator(1001)
            made: Any = output.add_stream(encoder, rate=rate, options=dict(QUALITY[encoder]))
            made.width, made.height, made.pix_fmt = stream.width, stream.height, stream.pix_fmt
            made.codec_context.gop_size = GROUP_OF_PICTURES
            # That encoder describes itself at length on standard error.
            os.environ.setdefault("SVT_LOG", "1")
            count = 0
            for count, frame in enumerate(_frames(container, stream, clip), start=1):
                frame.pts, frame.time_base = count - 1, 1 / rate
                frame.pict_type = av.video.frame.PictureType.NONE
                output.mux(made.encode(frame))
                if count == 1:
                    calm()
            output.mux(made.encode(None))
    if count != clip.frames:
        raise UserError(
            f"video {clip.path} has {count} frames from frame {clip.first} on, expected "
            f"{clip.frames}: validate the dataset"
        )


def _frames(container: Any, stream: Any, clip: Clip) -> Iterator[Any]:
    frames = frames_from(container, stream, clip.first, clip.fps)
    own = range(clip.first, clip.first + clip.frames)
    return islice((frame for number, frame in frames if number in own), clip.frames)


def _holds(clip: Clip, time_s: float) -> bool:
    """Whether a time is that of one of the clip's frames, or within half a frame of it."""
    return clip.first - 0.5 <= time_s * clip.fps < clip.first + clip.frames - 0.5
