"""Samples of several datasets in the shares that are wanted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset as TorchDataset

from groot_ros.training.data.samples import Sample, Samples

# Weights are kept to 1 in BLOCK.
BLOCK = 10_000


class Mixture(TorchDataset[Sample]):
    """Sample k of a training over several datasets depends on k and the seed alone.

    Samples come in blocks, each with so many of every dataset as its share says, in an order
    drawn anew. Without weights a block is all rows of all datasets, so that every step counts
    alike and each is seen once in a pass; with weights {w} it has BLOCK samples of which dataset
    i gives w_i / sum(w), which goes through its own rows again and again.
    """

    def __init__(self, parts: Sequence[Samples], weights: Sequence[float], seed: int) -> None:
        self.parts, self._seed = parts, seed
        self._counts = np.array([len(part.rows) for part in parts])
        if weights:
            shares = np.asarray(weights) / np.sum(weights)
            self._counts = np.maximum(1, np.rint(BLOCK * shares)).astype(np.int64)
        self._block = -1
        self._order: NDArray[np.int64] = np.zeros(0, np.int64)
        self._rank = self._order

    def __len__(self) -> int:
        return len(self.parts[0])

    @property
    def rows(self) -> int:
        """Rows that are trained on, of all datasets."""
        return sum(len(part.rows) for part in self.parts)

    @property
    def shares(self) -> list[float]:
        """Of the samples that each dataset gives, in whole samples of a block."""
        return [float(count / self._counts.sum()) for count in self._counts]

    def turn(self, k: int) -> tuple[int, int]:
        """Which dataset gives sample k, and which of its own samples that is."""
        block, place = divmod(k, int(self._counts.sum()))
        if block != self._block:
            self._shuffle(block)
        part = int(self._order[place])
        return part, int(block * self._counts[part] + self._rank[place])

    def _shuffle(self, block: int) -> None:
        """Draw the order of a block, and how many of the same dataset come before each place."""
        members = np.repeat(np.arange(len(self.parts)), self._counts)
        order = np.random.default_rng((self._seed, 4, block)).permutation(members)
        rank = np.empty_like(order)
        for part, count in enumerate(self._counts):
            rank[order == part] = np.arange(count)
        self._block, self._order, self._rank = block, order, rank

    def where(self, k: int) -> str:
        """Dataset, episode and frame of sample k in words."""
        part, own = self.turn(k)
        name = f"{self.parts[part].name}, " if len(self.parts) > 1 else ""
        return name + self.parts[part].where(own)

    def __getitem__(self, k: int) -> Sample:
        part, own = self.turn(k)
        return {**self.parts[part][own], "k": k}
