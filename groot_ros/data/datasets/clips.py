"""Where an episode's pictures lie: a part of a video."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from groot_ros.data.datasets.video import Picture, read_picture, read_pictures


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
        return read_picture(self.path, self.first + index, self.fps)
