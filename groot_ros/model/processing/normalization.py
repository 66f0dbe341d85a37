"""From physical units to the network's and back, from the statistics of a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from groot_ros.errors import UserError
from groot_ros.files.config_file import shown
from groot_ros.files.typed import KeyPath, typed

Array = NDArray[np.float64]


class Normalizer(Protocol):
    """Two directions for values (..., T, D); `dim` is D in physical units, `size` normalised."""

    @property
    def dim(self) -> int: ...
    @property
    def size(self) -> int: ...
    def apply(self, values: Array) -> Array: ...
    def invert(self, values: Array) -> Array: ...


@dataclass(frozen=True)
class MinMax:
    """[low, high] -> [-1, 1]; bounds (D,) or one row per time step (T, D).

    A dimension without range becomes 0. The inverse clips to [-1, 1] first, as in training.
    """

    low: Array
    high: Array
    clip: bool

    @property
    def dim(self) -> int:
        return int(self.low.shape[-1])

    size = dim

    def apply(self, values: Array) -> Array:
        rows = self._rows(values)
        low, flat = self.low[rows], self._flat[rows]
        scaled = 2 * (values - low) / self._range[rows] - 1
        scaled = np.where(flat, 0.0, scaled)
        return np.clip(scaled, -1, 1) if self.clip else scaled

    def invert(self, values: Array) -> Array:
        rows = self._rows(values)
        low, high = self.low[rows], self.high[rows]
        return (np.clip(values, -1, 1) + 1) / 2 * (high - low) + low

    def _rows(self, values: Array) -> slice:
        return slice(None if self.low.ndim == 1 else values.shape[-2])

    @cached_property
    def _flat(self) -> NDArray[np.bool_]:
        return np.isclose(self.high, self.low)

    @cached_property
    def _range(self) -> Array:
        """What to divide by."""
        return np.where(self._flat, 1.0, self.high - self.low)


@dataclass(frozen=True)
class MeanStd:
    """Values (..., D) to zero mean and unit deviation; a dimension without deviation stays as it
    is."""

    mean: Array
    std: Array
    clip: bool

    @property
    def dim(self) -> int:
        return int(self.mean.shape[-1])

    size = dim

    def apply(self, values: Array) -> Array:
        flat = self.std == 0
        scaled = (values - self.mean) / np.where(flat, 1.0, self.std)
        scaled = np.where(flat, values, scaled)
        return np.clip(scaled, -1, 1) if self.clip else scaled

    def invert(self, values: Array) -> Array:
        return np.where(self.std == 0, values, values * self.std + self.mean)


@dataclass(frozen=True)
class SinCos:
    """Angles (..., D) to sines, then cosines, (..., 2 D): no statistics, not invertible."""

    dim: int

    @property
    def size(self) -> int:
        return 2 * self.dim

    def apply(self, values: Array) -> Array:
        return np.concatenate([np.sin(values), np.cos(values)], axis=-1)

    def invert(self, values: Array) -> Array:
        raise ValueError("sines and cosines are a state encoding, actions cannot have it")


@dataclass(frozen=True)
class KeyStatistics:
    """The statistics of one key: arrays by name (min, max, mean, std, q01, q99)."""

    name: str
    values: Mapping[str, Any]

    def array(self, kind: str) -> Array:
        """A statistic by its name, such as min: (D,) or (T, D); UserError where it is missing or
        malformed."""
        if kind not in self.values:
            raise UserError(
                f"statistics.json has no {kind!r} for {self.name}: compute the dataset's "
                "statistics again"
            )
        try:
            array = np.asarray(self.values[kind], dtype=np.float64)
            problem = "" if np.all(np.isfinite(array)) else "holds NaN or infinity"
            if not problem and (array.ndim not in (1, 2) or not array.size):
                problem = f"has the shape {array.shape}"
        except (ValueError, TypeError, OverflowError):
            problem = f"is {shown(self.values[kind])}"
        if problem:
            raise UserError(
                f"statistics.json: {self.name}.{kind} {problem}, expected a list of numbers, or "
                "one for each step: compute the dataset's statistics again"
            )
        return array

    @property
    def dim(self) -> int:
        """Number of columns D."""
        return int(self.array("min").shape[-1])

    def bounds(self, percentiles: bool) -> tuple[Array, Array]:
        """Lower and upper bounds (D,) for normalization: percentiles 1 and 99, or the extremes."""
        low, high = ("q01", "q99") if percentiles else ("min", "max")
        return self.pair(low, high)

    def pair(self, first: str, second: str) -> tuple[Array, Array]:
        """Two statistics of the same shape, (D,) or (T, D); UserError where their shapes
        differ."""
        a, b = self.array(first), self.array(second)
        if a.shape != b.shape:
            raise UserError(
                f"statistics.json: {self.name}.{first} has the shape {a.shape}, {second} "
                f"{b.shape}, expected one: compute the dataset's statistics again"
            )
        return a, b


def key_statistics(
    statistics: Mapping[str, Any], embodiment: str, group: str, key: str
) -> KeyStatistics:
    """Statistics of a state, action or relative_action key; UserError when there are none."""
    if found := find_statistics(statistics, embodiment, group, key):
        return found
    raise UserError(
        f"statistics.json has no {group}.{key} for embodiment {embodiment!r}: fine-tune on "
        "this embodiment or copy the statistics of the dataset it was trained on"
    )


def find_statistics(
    statistics: Mapping[str, Any], embodiment: str, group: str, key: str
) -> KeyStatistics | None:
    """The same; None when there are none."""
    values, place = statistics, KeyPath("statistics.json")
    for name in (embodiment, group, key):
        if values.get(name) is None:
            return None
        place = place / name
        values = typed(values[name], dict[str, Any], place)
    return KeyStatistics(f"{embodiment}.{group}.{key}", values)
