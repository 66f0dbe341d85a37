"""Where training takes its pictures from: the videos, or all of them in memory."""

from __future__ import annotations

import functools
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from groot_ros.data.datasets.clips import Clip, Stills
from groot_ros.model.processing.images import ImagePipeline
from groot_ros.model.processing.processor import Processor
from groot_ros.training.data.augmentation import Change
from groot_ros.training.data.frames import VideoReader
from groot_ros.training.data.table import Table

Picture = NDArray[np.uint8]
Rows = NDArray[np.int64]


class PictureSource(Protocol):
    """Gives the pictures (T * V, H, W, 3) of T rows, as the network sees them.

    Rows come one after the other, the V views of each side by side, all changed alike.
    """

    def __call__(self, rows: Rows, change: Change) -> Tensor: ...


class VideoPictures:
    """Pictures that are decoded when asked for."""

    def __init__(self, table: Table, processor: Processor) -> None:
        self._table, self._processor = table, processor
        self._reader = VideoReader()

    def frames(self, rows: Rows) -> Picture:
        """Pictures (T * V, H, W, 3) as they are in the videos."""
        return np.stack([picture for row in rows for picture in self._views(int(row))])

    def _views(self, row: int) -> list[Picture]:
        table = self._table
        videos = table.files[table.episode[row]].pictures
        columns = [table.pictures[key] for key in self._processor.modality.video_keys]
        index = int(table.frame[row])
        return [self._reader.frame(videos[column], index) for column in columns]

    def __call__(self, rows: Rows, change: Change) -> Tensor:
        return prepare(self._processor.images, self.frames(rows), change)


@dataclass(frozen=True)
class PreparedPictures:
    """All pictures (N, V, H, W, 3) as large as the network sees them; they cannot be changed."""

    pictures: Tensor

    def __call__(self, rows: Rows, change: Change) -> Tensor:
        return self.pictures[rows].flatten(0, 1)


@dataclass(frozen=True)
class HeldFrames:
    """All pictures (N, V, H, W, 3) as they are in the videos."""

    frames: Picture
    images: ImagePipeline

    def __call__(self, rows: Rows, change: Change) -> Tensor:
        frames = self.frames[rows]
        return prepare(self.images, frames.reshape(-1, *frames.shape[2:]), change)


def prepare(images: ImagePipeline, frames: Picture, change: Change) -> Tensor:
    """Pictures (V, H, W, 3) cropped, changed and fitted to the network."""
    pictures = images.crop(torch.from_numpy(frames), change.place)
    if change.is_felt:
        changed = [change(np.ascontiguousarray(picture)) for picture in pictures.numpy()]
        pictures = torch.from_numpy(np.stack(changed))
    return images.patches.fit(pictures)


def prepare_pictures(table: Table, processor: Processor, workers: int) -> PreparedPictures:
    """Decode and prepare all pictures of a table once, in `workers` processes."""
    load = functools.partial(_prepared_episode, processor.images)
    return PreparedPictures(torch.from_numpy(_load(load, table, processor, workers)))


def hold_frames(table: Table, processor: Processor, workers: int) -> HeldFrames:
    """Decode all pictures of a table once, in `workers` processes."""
    return HeldFrames(_load(_episode_frames, table, processor, workers), processor.images)


def _load(
    load: Callable[[Sequence[Clip | Stills]], Picture],
    table: Table,
    processor: Processor,
    workers: int,
) -> Picture:
    columns = [table.pictures[key] for key in processor.modality.video_keys]
    jobs = [[file.pictures[column] for column in columns] for file in table.files]
    if workers <= 1:
        return np.concatenate(list(map(load, jobs)))
    # Forked children of a process that has used torch's threads may hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_one_thread) as pool:
        return np.concatenate(list(pool.map(load, jobs)))


def _one_thread() -> None:
    torch.set_num_threads(1)


def _episode_frames(videos: Sequence[Clip | Stills]) -> Picture:
    """Pictures (T, V, H, W, 3) of one episode."""
    return np.stack([np.stack(list(clip)) for clip in videos], axis=1)


def _prepared_episode(images: ImagePipeline, videos: Sequence[Clip | Stills]) -> Picture:
    views = [
        np.concatenate([prepare(images, frame[None], Change()).numpy() for frame in clip])
        for clip in videos
    ]
    return np.stack(views, axis=1)
