"""Errors on episodes that are not trained on, measured while training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from groot_ros.errors import UserError
from groot_ros.model.networks.config import Gr00tConfig
from groot_ros.model.processing.processor import Processor
from groot_ros.training.data.augmentation import Change
from groot_ros.training.data.pictures import VideoPictures
from groot_ros.training.data.samples import Collator, Inputs
from groot_ros.training.data.table import POSE_KEY, Table
from groot_ros.training.module import TrainingModule

Array = NDArray[np.float64]
Chunks = Mapping[str, Array]

CHUNKS = 64
BATCH = 16
NOISE_SEED = 0
# An action that never moves says nothing.
STILL = 1e-6
SHOWN = 6
DIGITS = 6


class HeldOut:
    """Chunks spread over a table, to predict and to compare with what was recorded.

    `mean` {key: (D,)} are the mean actions of the episodes that are trained on.
    """

    def __init__(
        self, table: Table, processor: Processor, config: Gr00tConfig, mean: Chunks
    ) -> None:
        horizon = processor.modality.horizon
        self._rows = table.spread_rows(horizon, CHUNKS)
        if not len(self._rows):
            raise UserError(
                f"no held-out episode is as long as a chunk of {horizon} steps: hold out more "
                "with --eval_episodes, or others with --seed"
            )
        self._table, self._processor, self._config = table, processor, config
        self._mean = mean
        self._recorded = self._stack([table.chunk(int(row), horizon)[0] for row in self._rows])
        self._inputs: list[Inputs] = []
        self.shown: list[dict[str, Any]] = []
        """Some chunks of the newest measurement, as `shown_chunks` has them."""

    def __len__(self) -> int:
        return len(self._rows)

    def errors(self, module: TrainingModule) -> dict[str, float]:
        """Mean absolute error of each channel in physical units, and how good that is.

        `share_of_mean` of the error that the mean action has, over the channels of each action.
        With poses also `position_error_m` at the last step, and that of the mean.
        """
        predicted = self._predict(module)
        self.shown = shown_chunks(self._table, self._rows, predicted, self._recorded)
        mean = {key: np.broadcast_to(self._mean[key], v.shape) for key, v in predicted.items()}
        errors: dict[str, float] = {}
        shares = []
        for key, names in self._table.names.items():
            own, plain = (
                np.abs(chunks[key] - self._recorded[key]).mean(axis=(0, 1))
                for chunks in (predicted, mean)
            )
            errors |= {f"mae/{name}": float(mae) for name, mae in zip(names, own, strict=True)}
            if plain.sum() > STILL:
                shares.append(own.sum() / plain.sum())
        errors["share_of_mean"] = float(np.mean(shares)) if shares else 0.0
        if POSE_KEY in predicted:
            errors["position_error_m"] = self._position_error_m(predicted)
            errors["position_error_of_mean_m"] = self._position_error_m(mean)
        return errors

    def _position_error_m(self, chunks: Chunks) -> float:
        error = chunks[POSE_KEY][:, -1, :3] - self._recorded[POSE_KEY][:, -1, :3]
        return float(np.linalg.norm(error, axis=-1).mean())

    def _predict(self, module: TrainingModule) -> dict[str, Array]:
        device = next(module.parameters()).device
        config = self._config
        shape = len(self._rows), config.action_horizon, config.max_action_dim
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(NOISE_SEED))
        answers = []
        for number, inputs in enumerate(self._batches()):
            part = noise[number * BATCH :][: len(inputs["state"])]
            moved = {name: tensor.to(device) for name, tensor in inputs.items()}
            answers.append(module.actions(moved, part.to(device)).float().cpu().numpy())
        decode = self._processor.numbers.decode_actions
        states = [self._state(int(row)) for row in self._rows]
        chunks = [decode(a, s) for a, s in zip(np.concatenate(answers), states, strict=True)]
        return self._stack(chunks)

    def _batches(self) -> list[Inputs]:
        if not self._inputs:
            collator = Collator(self._processor, self._config)
            pictures = VideoPictures(self._table, self._processor)
            modality = self._processor.modality
            samples = [
                {
                    "instruction": self._table.task[row],
                    "pictures": pictures(
                        self._table.moments(int(row), modality.video_delta), Change()
                    ),
                    "state": self._processor.numbers.encode_state(self._state(int(row))),
                    "slot": np.int64(modality.slot),
                }
                for row in self._rows
            ]
            starts = range(0, len(samples), BATCH)
            self._inputs = [collator.inputs(samples[start : start + BATCH]) for start in starts]
        return self._inputs

    def _state(self, row: int) -> dict[str, Array]:
        return self._table.observed(row, self._processor.modality.state_delta)

    @staticmethod
    def _stack(chunks: list[dict[str, Array]]) -> dict[str, Array]:
        return {key: np.stack([chunk[key] for chunk in chunks]) for key in chunks[0]}


class HeldOutOfAll:
    """Held-out episodes of several datasets by their names; one of them alone is as it is."""

    def __init__(self, parts: Mapping[str, HeldOut]) -> None:
        self._parts = parts

    def __len__(self) -> int:
        return sum(map(len, self._parts.values()))

    @property
    def shown(self) -> list[dict[str, Any]]:
        """Some chunks of the newest measurement, of each dataset."""
        return [chunk for part in self._parts.values() for chunk in part.shown]

    def errors(self, module: TrainingModule) -> dict[str, float]:
        """The errors of each dataset by name, and the mean of their `share_of_mean`."""
        found = {name: part.errors(module) for name, part in self._parts.items()}
        if len(found) == 1:
            return next(iter(found.values()))
        shares = [errors["share_of_mean"] for errors in found.values()]
        behind = {
            f"{what}/{name}" if what.count("/") == 0 else what.replace("/", f"/{name}/", 1): value
            for name, errors in found.items()
            for what, value in errors.items()
        }
        return {"share_of_mean": float(np.mean(shares)), **behind}


def shown_chunks(
    table: Table,
    rows: NDArray[np.int64],
    predicted: Mapping[str, Array],
    recorded: Mapping[str, Array],
) -> list[dict[str, Any]]:
    """At most SHOWN of the chunks {key: (C, H, D)} at rows (C,), evenly spread, as JSON has them:
    `episode`, `frame`, `instruction`, and `keys` with `name`, `names`, `predicted`, `recorded`.
    """
    chosen = np.unique(np.linspace(0, len(rows) - 1, SHOWN).astype(int)).tolist()
    return [
        {
            "episode": table.files[table.episode[rows[number]]].index,
            "frame": int(table.frame[rows[number]]),
            "instruction": table.task[rows[number]],
            "keys": [
                {
                    "name": key,
                    "names": list(names),
                    "predicted": np.round(predicted[key][number], DIGITS).tolist(),
                    "recorded": np.round(recorded[key][number], DIGITS).tolist(),
                }
                for key, names in table.names.items()
            ],
        }
        for number in chosen
    ]
