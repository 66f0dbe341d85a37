"""How many samples a second the loader makes, beside opening and seeking videos per sample."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from groot_ros.benchmarks.convert import CODEC, FPS
from groot_ros.benchmarks.moving_arm import ROBOT, write_bag
from groot_ros.codecs.catalog import shipped_codecs
from groot_ros.data.conversion.convert import convert
from groot_ros.data.conversion.settings import Conversion
from groot_ros.data.datasets.clips import Clip, Stills
from groot_ros.data.playback.episode_choice import EpisodeChoice
from groot_ros.errors import UserError
from groot_ros.model.processing.processor import Processor
from groot_ros.training.config import TINY, make_config
from groot_ros.training.data.augmentation import Change
from groot_ros.training.data.frames import VideoFile
from groot_ros.training.data.pictures import (
    PictureSource,
    Rows,
    VideoPictures,
    prepare,
    prepare_pictures,
)
from groot_ros.training.data.samples import Collator, SampleOptions, Samples
from groot_ros.training.data.source import open_dataset
from groot_ros.training.data.table import Table
from groot_ros.training.preparation import Prepared, prepare_training

EPISODES, EPISODE_S = 4, 20.0
BATCH = 32


class SeekingPictures:
    """As LeRobot decodes with PyAV: each sample opens each of its videos and seeks."""

    def __init__(self, table: Table, processor: Processor) -> None:
        self._table, self._processor = table, processor

    def __call__(self, rows: Rows, change: Change) -> Tensor:
        frames = [frame for row in rows for frame in self._frames(int(row))]
        return prepare(self._processor.images, np.stack(frames), change)

    def _frames(self, row: int) -> list[NDArray[np.uint8]]:
        videos = self._table.files[self._table.episode[row]].pictures
        index = int(self._table.frame[row])
        columns = [self._table.pictures[key] for key in self._processor.modality.video_keys]
        return [self._frame(videos[column], index) for column in columns]

    @staticmethod
    def _frame(clip: Clip | Stills, index: int) -> NDArray[np.uint8]:
        if isinstance(clip, Stills):
            return clip.picture(index)
        video, place = VideoFile(clip.path), clip.first + index
        try:
            *_, (_, frame) = video.frames_to(place)
            return np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)
        finally:
            video.close()


@dataclass(frozen=True)
class LoaderBenchmark:
    """A dataset, or None for one made for it, and how many samples to load in how many processes.

    All ways load the same samples in the same random order and make batches of them.
    """

    dataset: Path | None = None
    samples: int = 640
    workers: int = 0

    def run(self) -> dict[str, Any]:
        """Measure; samples per second."""
        if self.samples < BATCH:
            raise UserError(f"samples is {self.samples}, expected {BATCH} or more")
        with self._dataset() as path:
            prepared = _prepare(path)
            table, processor = prepared.parts[0].table, prepared.parts[0].processor
            baseline = self._rate(prepared, SeekingPictures(table, processor))
            from_videos = self._rate(prepared, VideoPictures(table, processor))
            started_s = time.perf_counter()
            held = prepare_pictures(table, processor, 1)
            prepare_s = time.perf_counter() - started_s
            from_memory = self._rate(prepared, held)
        return {
            "samples_per_s": round(from_memory, 1),
            "video_samples_per_s": round(from_videos, 1),
            "baseline_samples_per_s": round(baseline, 1),
            "speedup": round(from_memory / baseline, 2),
            "video_speedup": round(from_videos / baseline, 2),
            "prepare_s": round(prepare_s, 3),
            "frames": len(table),
            "samples": self.samples,
            "workers": self.workers,
            "load_average": round(os.getloadavg()[0], 2),
            "cores": os.cpu_count(),
        }

    @contextmanager
    def _dataset(self) -> Iterator[Path]:
        if self.dataset is not None:
            yield self.dataset
            return
        with TemporaryDirectory() as name:
            folder = Path(name)
            for index in range(EPISODES):
                write_bag(folder / "bags" / str(index), EPISODE_S)
            choice = EpisodeChoice(instruction="move")
            output = folder / "dataset"
            convert(Conversion([folder / "bags"], ROBOT, CODEC, output, fps=FPS, choice=choice))
            yield output

    def _rate(self, prepared: Prepared, pictures: PictureSource) -> float:
        options = SampleOptions(count=self.samples)
        samples = Samples(
            prepared.parts[0].table,
            prepared.parts[0].processor,
            prepared.network.config,
            options,
        )
        samples.take_pictures_from(pictures)
        collate = Collator(prepared.parts[0].processor, prepared.network.config)
        loader = DataLoader(samples, BATCH, num_workers=self.workers, collate_fn=collate)
        started_s = time.perf_counter()
        for _ in loader:
            pass
        return self.samples / (time.perf_counter() - started_s)


def _prepare(path: Path) -> Prepared:
    codec = open_dataset(path).own.get("codec")
    fitting = [v.modality_config for v in shipped_codecs() if v.codec_name == codec]
    given = {
        "input_path": str(path),
        "output_path": "none",
        "exp_name": "none",
        "modality_config": fitting[0] if fitting else "ee",
        "base_model": TINY,
    }
    return prepare_training(make_config(given))
