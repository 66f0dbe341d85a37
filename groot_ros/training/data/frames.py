"""Pictures of a dataset's videos, at random."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from groot_ros.data.datasets.clips import Clip, Stills
from groot_ros.data.datasets.frame_numbers import frames_from, is_timed
from groot_ros.errors import UserError

Picture = NDArray[np.uint8]

OPEN_FILES = 64


class VideoFile:
    """An open video; `frames_to` decodes from the last key frame on, or goes on where it was."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._container = av.open(str(path))
            stream: Any = self._container.streams.video[0]
        except (av.FFmpegError, IndexError, OSError) as error:
            raise UserError(f"video {path} cannot be read: {error}") from error
        stream.thread_count = 1
        self._stream, self._fps = stream, float(stream.average_rate)
        self._decoded: Iterator[tuple[int, av.VideoFrame]] = iter(())
        self._next: int | None = None
        # How far on it is quicker to decode than to search; what has no times is not searched.
        self._ahead = 2 if is_timed(self._container) else sys.maxsize

    def frames_to(self, index: int) -> Iterator[tuple[int, av.VideoFrame]]:
        """Frame `index` at last, and before it those that had to be decoded, with their numbers;
        UserError where it is missing or the video is damaged."""
        if self._next is None or not self._next <= index <= self._next + self._ahead:
            self._decoded = frames_from(self._container, self._stream, index, self._fps)
        try:
            for found, decoded in self._decoded:
                self._next = found + 1
                if found <= index:
                    yield found, decoded
                if found >= index:
                    break
        except av.FFmpegError as error:
            raise UserError(f"video {self._path} cannot be decoded: {error}") from error
        if self._next != index + 1:
            raise UserError(f"video {self._path} has no frame {index}: validate the dataset")

    def close(self) -> None:
        self._container.close()


class VideoReader:
    """Frames of many videos, the last ones kept decoded."""

    def __init__(self, kept_bytes: int = 256 * 2**20) -> None:
        self._kept_bytes = kept_bytes
        self._files: OrderedDict[Path, VideoFile] = OrderedDict()
        self._frames: OrderedDict[tuple[Path, int], av.VideoFrame] = OrderedDict()
        self._bytes = 0
        self._converter = VideoReformatter()

    def frame(self, clip: Clip | Stills, index: int) -> Picture:
        """Picture (H, W, 3) uint8 RGB of a frame of a clip."""
        if isinstance(clip, Stills):
            return clip.picture(index)
        path = clip.path
        key = path, clip.first + index
        if key not in self._frames:
            for number, frame in self._file(path).frames_to(key[1]):
                self._keep((path, number), frame)
        self._frames.move_to_end(key)
        # Converted when asked for: most of the frames on the way to one never are.
        rgb = self._converter.reformat(self._frames[key], format="rgb24", threads=1)
        return np.asarray(rgb.to_ndarray(), dtype=np.uint8)

    def _keep(self, key: tuple[Path, int], frame: av.VideoFrame) -> None:
        if key in self._frames:
            return
        self._frames[key] = frame
        self._bytes += _bytes(frame)
        while self._bytes > self._kept_bytes and len(self._frames) > 1:
            self._bytes -= _bytes(self._frames.popitem(last=False)[1])

    def _file(self, path: Path) -> VideoFile:
        if path not in self._files:
            self._files[path] = VideoFile(path)
            if len(self._files) > OPEN_FILES:
                self._files.popitem(last=False)[1].close()
        self._files.move_to_end(path)
        return self._files[path]

    def __reduce__(self) -> tuple[type[VideoReader], tuple[int]]:
        # Decoders do not cross into the processes that load data.
        return type(self), (self._kept_bytes,)


def _bytes(frame: av.VideoFrame) -> int:
    return sum(plane.buffer_size for plane in frame.planes)
