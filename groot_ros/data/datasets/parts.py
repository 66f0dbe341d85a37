"""Parts of episodes under construction: rows in memory, videos on disk."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groot_ros.codecs.codec import Codec
from groot_ros.data.datasets.statistics import PictureStatistics
from groot_ros.data.datasets.video import VideoWriter
from groot_ros.data.playback.frames import Frame
from groot_ros.data.playback.labels import Labels
from groot_ros.data.playback.operator_commands import OperatorCommands
from groot_ros.observation.types import ModelInput

ROWS = "rows.npz"
PICTURE_STATISTICS = "pictures.json"
# Every so many pictures one is counted in the statistics: neighbours look alike.
STATISTICS_STRIDE = 10


@dataclass(frozen=True)
class Rows:
    """Rows of a part: state (T, S), action (T, A) float32; times (T,) in ns."""

    state: NDArray[np.float32]
    action: NDArray[np.float32]
    stamp_ns: NDArray[np.int64]
    """When the pictures were taken."""
    due_ns: NDArray[np.int64]
    """When the actions are due."""
    intervention: NDArray[np.bool_]
    """Whether an operator moved the robot in place of a policy."""
    operator: NDArray[np.float32]
    """What their devices said then (T, N), 0 elsewhere."""

    def __len__(self) -> int:
        return len(self.state)


def video_path(folder: Path, key: str) -> Path:
    """A part's video of a video key."""
    return folder / f"{key}.mp4"


def load_rows(folder: Path) -> Rows:
    """Rows of a part that was written."""
    with np.load(folder / ROWS) as arrays:
        return Rows(**{name: arrays[name] for name in Rows.__dataclass_fields__})


def load_picture_statistics(folder: Path) -> dict[str, Any]:
    """Statistics of a part's pictures by video key."""
    return dict(json.loads((folder / PICTURE_STATISTICS).read_text()))


@dataclass
class PartWriter:
    """Writes one part into a folder."""

    folder: Path
    codec: Codec
    fps: int
    states: list[NDArray[np.float64]] = field(default_factory=list)
    stamps: list[int] = field(default_factory=list)
    due: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        video = self.codec.video
        self._statistics = {key: PictureStatistics() for key in video.cameras}
        self._videos = {
            key: VideoWriter(video_path(self.folder, key), self.fps, part.width, part.height)
            for key, part in video.parts.items()
        }

    def add(self, frame: Frame, encoded: ModelInput) -> None:
        """Append a frame that the codec has encoded."""
        for key, writer in self._videos.items():
            if len(self.due) % STATISTICS_STRIDE == 0:
                self._statistics[key].add(encoded.video[key][0])
            writer.write(encoded.video[key][0])
        state = [encoded.state[feature.key][0] for feature in self.codec.features.state]
        self.states.append(np.concatenate(state))
        self.stamps.append(frame.snapshot.stamp_ns)
        self.due.append(frame.time_ns)

    def __len__(self) -> int:
        return len(self.due)

    def close(self) -> None:
        """End the videos."""
        for writer in self._videos.values():
            writer.close()

    def finish(self, labels: Labels, operator: OperatorCommands) -> None:
        """Write the rows, the actions taken from the labels; after `close`."""
        due = np.array(self.due, dtype=np.int64)
        np.savez(
            self.folder / ROWS,
            state=np.array(self.states, dtype=np.float32),
            action=labels.columns(due).astype(np.float32),
            stamp_ns=np.array(self.stamps, dtype=np.int64),
            due_ns=due,
            intervention=operator.turns.corrected(due),
            operator=operator.at(due),
        )
        values = {key: statistics.values() for key, statistics in self._statistics.items()}
        (self.folder / PICTURE_STATISTICS).write_text(json.dumps(values))

    def discard(self) -> None:
        """Delete the part."""
        self.close()
        shutil.rmtree(self.folder)
