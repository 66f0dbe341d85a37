"""Samples of a dataset: which row comes when, with which noise, in which batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset

from groot_ros.model.networks.config import Gr00tConfig
from groot_ros.model.networks.flow_matching import given_steps, noisy_sample, sample_times
from groot_ros.model.processing.processor import Processor
from groot_ros.training.data.augmentation import Augmentation, Change
from groot_ros.training.data.pictures import PictureSource, VideoPictures
from groot_ros.training.data.table import Table

Sample = dict[str, Any]
Inputs = dict[str, Tensor]


@dataclass(frozen=True)
class SampleOptions:
    """How rows become samples."""

    padding: str = "repeat"
    noise_samples: int = 1
    seed: int = 42
    intervention_weight: float = 1.0
    """How many times as often as others a row comes in which an operator corrected a policy."""
    count: int = 0
    """Samples of the whole training."""
    augmentation: Augmentation = Augmentation()


class Samples(TorchDataset[Sample]):
    """Sample k of a training depends on k and the seed alone.

    So the order, the noise and the times are the same with any number of workers or processes,
    and a resumed training goes on exactly.
    """

    def __init__(
        self,
        table: Table,
        processor: Processor,
        config: Gr00tConfig,
        options: SampleOptions,
        name: str = "",
    ) -> None:
        self.name = name
        """Of the dataset, in words."""
        self._table, self._processor = table, processor
        self._config, self._options = config, options
        self._pictures: PictureSource = VideoPictures(table, processor)
        rows = np.arange(len(table))
        if options.padding == "drop":
            rows = rows[table.end - rows >= processor.modality.horizon]
        self._rows = rows
        self._pass = -1
        self._order = rows

    def __len__(self) -> int:
        return self._options.count

    @property
    def rows(self) -> NDArray[np.int64]:
        """The rows that are trained on."""
        return self._rows

    def take_pictures_from(self, pictures: PictureSource) -> None:
        """Take pictures from elsewhere than the videos."""
        self._pictures = pictures

    def row(self, k: int) -> int:
        """The row that sample k shows; every pass goes over all rows in another order."""
        number, place = divmod(k, len(self._rows))
        if number != self._pass:
            rng = np.random.default_rng((self._options.seed, number))
            self._pass, self._order = number, self._drawn(rng)
        return int(self._order[place])

    def _drawn(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """The rows of a pass: all of them, or drawn by their weights."""
        corrected = self._table.intervention[self._rows]
        if self._options.intervention_weight == 1.0 or not corrected.any():
            return rng.permutation(self._rows)
        weights = np.where(corrected, self._options.intervention_weight, 1.0)
        return rng.choice(self._rows, len(self._rows), p=weights / weights.sum())

    def where(self, k: int) -> str:
        """Episode and frame of sample k in words."""
        row, table = self.row(k), self._table
        index = table.files[table.episode[row]].index
        return f"episode {index}, frame {table.frame[row]}"

    def __getitem__(self, k: int) -> Sample:
        row, table, numbers = self.row(k), self._table, self._processor.numbers
        modality = self._processor.modality
        state = table.observed(row, modality.state_delta)
        chunk, real = table.chunk(row, modality.horizon)
        actions, mask = numbers.encode_actions(chunk, state)
        if self._options.padding == "mask":
            mask[real:] = 0.0
        rng = np.random.default_rng((self._options.seed, 1, k))
        return {
            "instruction": table.task[row],
            "pictures": self._pictures(table.moments(row, modality.video_delta), self._change(k)),
            "state": numbers.encode_state(state),
            "actions": actions,
            "mask": mask,
            "slot": np.int64(modality.slot),
            "k": k,
            **self._noise(rng, actions.shape),
        }

    def _change(self, k: int) -> Change:
        options = self._options
        if options.augmentation.is_off:
            return Change()
        return options.augmentation.draw(np.random.default_rng((options.seed, 2, k)))

    def _noise(self, rng: np.random.Generator, shape: tuple[int, ...]) -> dict[str, Any]:
        config, count = self._config, self._options.noise_samples
        times = sample_times(
            rng,
            count,
            alpha=config.noise_beta_alpha,
            beta=config.noise_beta_beta,
            scale=config.noise_s,
        )
        noise = rng.standard_normal((count, *shape), dtype=np.float32)
        if not config.max_delay_steps:
            return {"noise": noise, "time": times}
        # The last step is always to be learned.
        most = min(config.max_delay_steps, shape[0] - 1)
        return {"noise": noise, "time": times, "delay": rng.integers(0, most + 1, count)}


@dataclass(frozen=True)
class Collator:
    """Samples -> the arguments of `TrainingModule`; prompts are padded on the left.

    Pictures and prompts are treated alike for every embodiment of a checkpoint; how many
    pictures there are, and how large, may differ from sample to sample.
    """

    processor: Processor
    config: Gr00tConfig

    def inputs(self, samples: Sequence[Sample]) -> Inputs:
        """What the network sees of the samples."""
        images = self.processor.images.patches
        parts = [images(sample["pictures"]) for sample in samples]
        views = [len(sample["pictures"]) for sample in samples]
        prompts = [
            self.processor.prompts(sample["instruction"], [images.tokens(grid)] * count)
            for sample, (_, grid), count in zip(samples, parts, views, strict=True)
        ]
        ids, mask = _padded(prompts)
        grids = [grid for (_, grid), count in zip(parts, views, strict=True) for _ in range(count)]
        return {
            "input_ids": ids,
            "attention_mask": mask,
            "patches": torch.cat([patches for patches, _ in parts]),
            "grids": torch.tensor(grids),
            "state": _stack(samples, "state"),
            "slot": _stack(samples, "slot"),
        }

    def __call__(self, samples: Sequence[Sample]) -> dict[str, Tensor]:
        return {
            **self.inputs(samples),
            **self._noisy(samples),
            "mask": _stack(samples, "mask"),
            "k": torch.tensor([sample["k"] for sample in samples]),
        }

    def _noisy(self, samples: Sequence[Sample]) -> Mapping[str, Tensor]:
        noise, time = _stack(samples, "noise"), _stack(samples, "time")
        actions = _stack(samples, "actions")[:, None].expand_as(noise).flatten(0, 1)
        sample = noisy_sample(
            actions, noise.flatten(0, 1), time.flatten(), self.config.num_timestep_buckets
        )
        if "delay" in samples[0]:
            sample = given_steps(sample, actions, _stack(samples, "delay").flatten())
        return {name: value for name, value in vars(sample).items() if value is not None}


def _stack(samples: Sequence[Sample], key: str) -> Tensor:
    return torch.from_numpy(np.stack([sample[key] for sample in samples]))


def _padded(rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Token ids and attention mask (B, S)."""
    length = max(map(len, rows))
    # Which token fills the padding does not matter: nothing attends to it.
    padded = [[0] * (length - len(row)) + list(row) for row in rows]
    mask = [[0] * (length - len(row)) + [1] * len(row) for row in rows]
    return torch.tensor(padded), torch.tensor(mask)
