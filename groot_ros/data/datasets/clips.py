"""Where an episode's pictures lie: a part of a video, or files within a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from groot_ros.data.datasets.video import Picture, read_chosen, read_pictures
from groot_ros.errors import UserError


@dataclass(frozen=True)
class Clip:
    """`frames` frames of a video of `fps` pictures a second, from its frame `first` on.

    In LeRobot's format v2.1 they are the whole file; a file of v3 may hold many episodes.
    """

    path: Path
    first: int
    frames: int
    fps: float

    def __iter__(self) -> Iterator[Picture]:
        """Pictures (H, W, 3) uint8 RGB, as many as there are; UserError when damaged."""
        return read_pictures(self.path, self.first, self.frames, self.fps)

    def picture(self, index: int) -> Picture:
        """Picture (H, W, 3) uint8 RGB of one frame, counted from the clip's first one."""
        return self.chosen([index])[0]

    def chosen(self, indices: Sequence[int]) -> list[Picture]:
        """Pictures (H, W, 3) uint8 RGB of some frames, which are faster together."""
        frames = [self.first + index for index in indices]
        return read_chosen(self.path, frames, self.fps)


@dataclass(frozen=True)
class Stills:
    """`frames` pictures as PNG or JPEG in the rows of an episode, in column `column` of `path`."""

    path: Path
    column: str
    episode: int
    frames: int

    def __iter__(self) -> Iterator[Picture]:
        """Pictures (H, W, 3) uint8 RGB, as many as there are; UserError when damaged."""
        return map(self.picture, range(len(_files(self.path, self.column, self.episode))))

    def picture(self, index: int) -> Picture:
        """Picture (H, W, 3) uint8 RGB of one row, counted from the episode's first one."""
        files = _files(self.path, self.column, self.episode)
        if index >= len(files):
            raise UserError(f"{self.path} has no row {index} of episode {self.episode}")
        found = cv2.imdecode(np.frombuffer(files[index], np.uint8), cv2.IMREAD_COLOR)
        if found is None:
            raise UserError(
                f"{self.path}: {self.column} of episode {self.episode}, row {index}, is no picture"
            )
        return np.asarray(cv2.cvtColor(found, cv2.COLOR_BGR2RGB), dtype=np.uint8)


@lru_cache(maxsize=8)
def _files(path: Path, column: str, episode: int) -> tuple[bytes, ...]:
    """The coded pictures of an episode."""
    try:
        # Groups of rows that hold other episodes alone are not read.
        mine = [("episode_index", "=", episode)]
        rows = pq.read_table(path, columns=[column], filters=mine, use_threads=False)
        values = rows[column].to_pylist()
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {' '.join(str(error).split())}") from error
    found = [value.get("bytes") if isinstance(value, dict) else value for value in values]
    files = tuple(file for file in found if isinstance(file, bytes))
    if len(files) != len(found):
        raise UserError(
            f"{path}: {column} names files elsewhere, expected pictures in the table itself: "
            "convert it to videos with LeRobot's own tool"
        )
    return files
