"""The part of a conversion that nothing can save: decoding, fitting and encoding its pictures."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcap.reader import make_reader
from rosbags.typesys import Stores, get_typestore

from groot_ros.cameras.compressed_image import COMPRESSED_IMAGE
from groot_ros.cameras.image import IMAGE
from groot_ros.cameras.raw_image import compressed_to_rgb, image_to_rgb
from groot_ros.codecs.pictures import pad
from groot_ros.data.conversion.worker import prepare_worker
from groot_ros.data.datasets.video import VideoWriter

PICTURES: dict[str, Callable[[Any], Any]] = {
    IMAGE: image_to_rgb,
    COMPRESSED_IMAGE: compressed_to_rgb,
}


@dataclass(frozen=True, kw_only=True)
class BareConversion:
    """Of cameras on `topics`, raw or JPEG, every `stride`-th picture, `count` of each, as videos
    in a new folder, (height, width) in size."""

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
        prepare_worker()
        decode: Callable[[memoryview, str], Any] = get_typestore(Stores.ROS2_JAZZY).deserialize_cdr
        self.folder.mkdir(parents=True)
        seen = dict.fromkeys(self.topics, 0)
        with self.file.open("rb") as stream, ExitStack() as stack:
            writers = {
                topic: stack.enter_context(closing(self._writer(index)))
                for index, topic in enumerate(self.topics)
            }
            for schema, channel, message in make_reader(stream).iter_messages(list(self.topics)):
                writer, number = writers[channel.topic], seen[channel.topic]
                seen[channel.topic] += 1
                if number % self.stride == 0 and writer.frames < self.count:
                    assert schema
                    # Of a view nothing is copied.
                    decoded = decode(memoryview(message.data), schema.name)
                    picture = PICTURES[schema.name](decoded)
                    writer.write(pad(picture, self.width, self.height))
            return sum(writer.frames for writer in writers.values())

    def _writer(self, index: int) -> VideoWriter:
        return VideoWriter(self.folder / f"{index}.mp4", self.fps, self.width, self.height)


def run_bare(parts: Sequence[BareConversion], workers: int) -> None:
    """Run parts side by side, in processes as a conversion has them."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context) as pool:
        for part, pictures in zip(parts, pool.map(BareConversion.run, parts), strict=True):
            if pictures != part.count * len(part.topics):
                raise ValueError(
                    f"{part.file} has {pictures} pictures, expected {part.count} each"
                )
