"""Videos of a dataset: H.264 in MP4, made for reading single frames at random."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from groot_ros.data.datasets.frame_numbers import frames_from, is_timed
from groot_ros.errors import UserError

Picture = NDArray[np.uint8]

CODEC = "libx264"
PIXEL_FORMAT = "yuv420p"
# A reader of one frame decodes at most this many; LeRobot's own videos have 2.
GROUP_OF_PICTURES = 4
OPTIONS = {
    "preset": "veryfast",
    "crf": "18",
    "bf": "0",
    "keyint": str(GROUP_OF_PICTURES),
    "min-keyint": str(GROUP_OF_PICTURES),
    "sc_threshold": "0",
}


class VideoWriter:
    """Writes pictures (H, W, 3) uint8 RGB at a constant rate; use it as a context manager."""

    def __init__(self, path: Path, fps: int, width: int, height: int) -> None:
        if CODEC not in av.codecs_available:
            raise UserError(
                f"this build of PyAV has no encoder {CODEC}, expected the wheel from PyPI: "
                "pip install av"
            )
        self._container = av.open(str(path), "w", format="mp4")
        stream = self._container.add_stream(CODEC, rate=fps, options=dict(OPTIONS))
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, PIXEL_FORMAT
        stream.codec_context.gop_size = GROUP_OF_PICTURES
        # Episodes are encoded side by side, a process each.
        stream.codec_context.thread_count = 1
        self._stream = stream
        self._time_base = Fraction(1, fps)
        self.frames = 0

    def write(self, picture: Picture) -> None:
        """Append a picture."""
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts = self.frames
        frame.time_base = self._time_base
        self.frames += 1
        for packet in self._stream.encode(frame):
            self._container.mux(packet)

    def close(self) -> None:
        """Write what the encoder still holds and the index."""
        for packet in self._stream.encode(None):
            self._container.mux(packet)
        self._container.close()


@dataclass(frozen=True)
class VideoInfo:
    """What a video file says of itself.

    Times in s are whole numbers of its `tick_s`, or counted at `fps` where it holds none.
    """

    codec: str
    width: int
    height: int
    fps: float
    times_s: tuple[float, ...]
    tick_s: float


def read_video_info(path: Path) -> VideoInfo:
    """Codec, size and the time of every frame, without decoding; UserError when damaged."""
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            fps = float(stream.average_rate or 0)
            return VideoInfo(
                codec=stream.codec_context.name,
                width=stream.width,
                height=stream.height,
                fps=fps,
                times_s=tuple(_times_s(container, stream, fps)),
                tick_s=float(stream.time_base or 0),
            )
    except (av.FFmpegError, IndexError, OSError) as error:
        raise UserError(f"video {path} cannot be read: {error}") from error


def _times_s(container: Any, stream: Any, fps: float) -> list[float]:
    packets = (packet for packet in container.demux(stream) if packet.size)
    if is_timed(container):
        return sorted(float(p.pts * p.time_base) for p in packets if p.pts is not None)
    return [number / fps for number, _ in enumerate(packets)] if fps else []


def read_pictures(path: Path, first: int, count: int, fps: float) -> Iterator[Picture]:
    """Pictures (H, W, 3) uint8 RGB of a video, one after the other; UserError when damaged.

    From frame `first` on, by its time at `fps`, `count` at most.
    """
    try:
        with av.open(str(path)) as container:
            stream: Any = container.streams.video[0]
            stream.thread_count = 1
            frames = frames_from(container, stream, first, fps)
            due = (frame for number, frame in frames if number >= first)
            for frame in islice(due, count):
                yield _rgb(frame)
    except (av.FFmpegError, IndexError, OSError) as error:
        raise UserError(f"video {path} cannot be decoded: {error}") from error


def read_chosen(path: Path, indices: Sequence[int], fps: float) -> list[Picture]:
    """Pictures (H, W, 3) uint8 RGB of some frames, decoding no more than their groups.

    A video without times is decoded from its beginning for each; UserError for a frame that is
    not there.
    """
    try:
        with av.open(str(path)) as container:
            return [_sought(container, index, fps) for index in indices]
    except (av.FFmpegError, IndexError, OSError) as error:
        raise UserError(f"video {path} cannot be decoded: {error}") from error


def _sought(container: Any, index: int, fps: float) -> Picture:
    for number, frame in frames_from(container, container.streams.video[0], index, fps):
        if number >= index:
            return _rgb(frame)
    raise UserError(f"video {container.name} has no frame {index}")


def _rgb(frame: av.VideoFrame) -> Picture:
    return np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)


def psnr_db(picture: Picture, reference: Picture) -> float:
    """Peak signal to noise ratio of a picture in dB; infinite for equal ones."""
    difference = picture.astype(np.float64) - reference
    error = float(np.mean(difference * difference))
    return float("inf") if error == 0 else 10 * np.log10(255**2 / error)
