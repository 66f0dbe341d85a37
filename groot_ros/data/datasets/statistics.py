"""Statistics of datasets as GR00T and LeRobot read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from groot_ros.model.processing.modality import ActionConfig
from groot_ros.model.processing.relative import to_relative

Array = NDArray[np.float64]


COLUMN_STATISTICS = ("mean", "std", "min", "max", "q01", "q99")


def column_statistics(values: NDArray[Any]) -> dict[str, list[Any]]:
    """mean, std, min, max, q01 and q99 of each column of rows (T, ...)."""
    values = np.asarray(values, dtype=np.float64)
    return {
        "mean": values.mean(axis=0).tolist(),
        "std": values.std(axis=0).tolist(),
        "min": values.min(axis=0).tolist(),
        "max": values.max(axis=0).tolist(),
        "q01": np.quantile(values, 0.01, axis=0).tolist(),
        "q99": np.quantile(values, 0.99, axis=0).tolist(),
    }


def episode_statistics(values: NDArray[Any]) -> dict[str, list[Any]]:
    """min, max, mean, std and count of rows (T, ...), as in LeRobot's episodes_stats.jsonl."""
    values = np.asarray(values).reshape(len(values), -1)
    return {
        "min": values.min(axis=0).tolist(),
        "max": values.max(axis=0).tolist(),
        "mean": values.mean(axis=0, dtype=np.float64).tolist(),
        "std": values.std(axis=0, dtype=np.float64).tolist(),
        "count": [len(values)],
    }


def sign_flips(values: NDArray[Any], names: Sequence[str]) -> int:
    """Neighbouring rows (T, D) whose quaternions have opposite signs; `names` are the columns'."""
    if "qw" not in names:
        return 0
    first = list(names).index("qw")
    quats = values[:, first : first + 4]
    return int(np.sum(np.sum(quats[1:] * quats[:-1], axis=1) < 0))


@dataclass
class PictureStatistics:
    """Running statistics per channel, colours from 0 to 1."""

    _pixels: int = 0
    _pictures: int = 0
    _sum: Array = field(default_factory=lambda: np.zeros(3))
    _squares: Array = field(default_factory=lambda: np.zeros(3))
    _min: Array = field(default_factory=lambda: np.full(3, 255.0))
    _max: Array = field(default_factory=lambda: np.zeros(3))

    def add(self, picture: NDArray[np.uint8]) -> None:
        """Take a picture (H, W, 3) into account."""
        pixels = np.ascontiguousarray(picture)
        counts = [cv2.calcHist([pixels], [c], None, [256], [0, 256]).ravel() for c in range(3)]
        histogram = np.array(counts, dtype=np.float64)
        levels = np.arange(256.0)
        self._sum += histogram @ levels
        self._squares += histogram @ (levels * levels)
        present = histogram > 0
        self._min = np.minimum(self._min, np.argmax(present, axis=1))
        self._max = np.maximum(self._max, 255 - np.argmax(present[:, ::-1], axis=1))
        self._pixels += picture[..., 0].size
        self._pictures += 1

    def values(self) -> dict[str, list[Any]]:
        """min, max, mean, std (3, 1, 1) and count, as in LeRobot's episodes_stats.jsonl."""
        pixels = max(1, self._pixels)
        mean = self._sum / pixels
        std = np.sqrt(np.maximum(self._squares / pixels - mean * mean, 0.0))
        parts = {"min": self._min, "max": self._max, "mean": mean, "std": std}
        shaped = {name: (v / 255.0).reshape(3, 1, 1).tolist() for name, v in parts.items()}
        return {**shaped, "count": [self._pictures]}


def relative_statistics(
    episodes: Sequence[tuple[Array, Array]], config: ActionConfig, horizon: int
) -> dict[str, list[list[float]]]:
    """Statistics (horizon, D) of actions relative to the state at the beginning of their chunk.

    `episodes` are pairs of reference states and absolute actions (T, D). Only chunks that end
    within their episode count, as in GR00T's own statistics.
    """
    chunks = [
        to_relative(config, _windows(actions, horizon), states[: len(actions) - horizon + 1, None])
        for states, actions in episodes
        if len(actions) >= horizon
    ]
    if not chunks:
        return {}
    return column_statistics(np.concatenate(chunks))


def _windows(actions: Array, horizon: int) -> Array:
    """All runs (T - horizon + 1, horizon, D) of actions (T, D)."""
    windows = np.lib.stride_tricks.sliding_window_view(actions, horizon, axis=0)
    return np.moveaxis(windows, -1, 1)


def merge_statistics(
    parts: Sequence[Mapping[str, Any]], shares: Sequence[float]
) -> dict[str, list[Any]]:
    """Statistics of a mixture of datasets with these shares of the samples, from those of each.

    As NVIDIA merges those of an embodiment (Isaac-GR00T, `ShardedMixtureDataset`): the variance
    is that of the mixture, E[x^2] - E[x]^2; the range covers all, and so do the percentiles,
    which cannot be had from parts.
    """
    weights = np.asarray(shares, dtype=np.float64) / np.sum(shares)
    stacked = {name: np.stack([np.asarray(part[name]) for part in parts]) for name in parts[0]}
    mean = np.tensordot(weights, stacked["mean"], axes=1)
    squares = np.tensordot(weights, stacked["std"] ** 2 + stacked["mean"] ** 2, axes=1)
    return {
        "mean": mean.tolist(),
        "std": np.sqrt(np.maximum(squares - mean**2, 0.0)).tolist(),
        **{name: stacked[name].min(axis=0).tolist() for name in ("min", "q01")},
        **{name: stacked[name].max(axis=0).tolist() for name in ("max", "q99")},
    }
