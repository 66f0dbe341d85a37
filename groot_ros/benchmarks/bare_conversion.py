"""The part of a conversion that nothing can save: decoding, fitting and encoding its pictures."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcap.reader import make_reader
from rosbags.typesys import Stores, get_typestore

from groot_ros.cameras.raw_image import image_to_rgb
from groot_ros.codecs.image import resize_with_pad
from groot_ros.data.datasets.video import VideoWriter
from groot_ros.observation.routes import IMAGE


@dataclass(frozen=True, kw_only=True)
class BareConversion:
    """Of raw cameras on `topics` every `stride`-th picture, `count` of each, as videos in a new
    folder, (height, width) in size."""

    file: Path
    topics: Sequence[str]
    stride: int
    count: int
    fps: int
    width: int
    height: int
    folder: Path

    def run(self) -> int:
        """Make the videos; returns how many pictures are in them."""
        decode: Callable[[bytes, str], Any] = get_typestore(Stores.ROS2_JAZZY).deserialize_cdr
        self.folder.mkdir(parents=True)
        seen = dict.fromkeys(self.topics, 0)
        with self.file.open("rb") as stream, ExitStack() as stack:
            writers = {
                topic: stack.enter_context(closing(self._writer(index)))
                for index, topic in enumerate(self.topics)
            }
            for _, channel, message in make_reader(stream).iter_messages(list(self.topics)):
                writer, number = writers[channel.topic], seen[channel.topic]
                seen[channel.topic] += 1
                if number % self.stride == 0 and writer.frames < self.count:
                    picture = image_to_rgb(decode(message.data, IMAGE))
                    writer.write(resize_with_pad(picture, self.width, self.height))
            return sum(writer.frames for writer in writers.values())

    def _writer(self, index: int) -> VideoWriter:
        return VideoWriter(self.folder / f"{index}.mp4", self.fps, self.width, self.height)


def bare_conversion_s(parts: Sequence[BareConversion], workers: int) -> float:
    """Wall time of parts side by side, in processes as a conversion has them."""
    context = multiprocessing.get_context("spawn")
    started_s = time.perf_counter()
    with ProcessPoolExecutor(workers, context) as pool:
        for part, pictures in zip(parts, pool.map(BareConversion.run, parts), strict=True):
            if pictures != part.count * len(part.topics):
                raise ValueError(
                    f"{part.file} has {pictures} pictures, expected {part.count} each"
                )
    return time.perf_counter() - started_s
