"""A dataset as its codec shows it to a training."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from groot_ros.codecs.file import CodecFile
from groot_ros.codecs.keys import EACH_CAMERA
from groot_ros.data.datasets.pairing import file_keys, find_pairing
from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.datasets.statistics import column_statistics, relative_statistics
from groot_ros.data.datasets.writer import MODALITY
from groot_ros.errors import UserError
from groot_ros.model.processing.modality import ActionKey
from groot_ros.model.processing.relative import action_config
from groot_ros.training.data.table import Keys, Table, check_pictures, load_table

NEW_EMBODIMENT = "new_embodiment"


def numbered(name: str, taken: Collection[str]) -> str:
    """The name of a dataset, with a number where another one is called so."""
    names = (name if n == 1 else f"{name}_{n}" for n in itertools.count(1))
    return next(name for name in names if name not in taken)


@dataclass(frozen=True, kw_only=True)
class Source:
    """Rows of a dataset to train on and to measure with, and the embodiment that learns them."""

    dataset: Dataset
    codec: CodecFile
    embodiment: str
    table: Table
    held_out: Table | None

    @property
    def name(self) -> str:
        """The folder of the dataset."""
        return self.dataset.path.name

    @property
    def horizon(self) -> int:
        """Steps of a chunk: of the dataset's maker, or the codec's."""
        return int(self.dataset.own.get("horizon", self.codec.horizon))

    @property
    def actions(self) -> list[ActionKey]:
        """What is predicted, and whether relative to what."""
        how = self.dataset.own.get("relative") or "se3"
        return [
            ActionKey(key, values.shape[1], action_config(self.codec, key, how))
            for key, values in self.table.action.items()
        ]

    @property
    def video_keys(self) -> list[str]:
        """The pictures that the codec shows, in its order."""
        return _video_keys(self.dataset, self.codec)

    @property
    def language_key(self) -> str:
        return str("annotation." + next(iter(self.dataset.modality["annotation"])))

    @property
    def modality(self) -> dict[str, Any]:
        """The embodiment's entry of `modality_configs`."""
        actions, codec = self.actions, self.codec
        return {
            "video": {
                "delta_indices": list(codec.video_history),
                "modality_keys": self.video_keys,
            },
            "state": {
                "delta_indices": list(codec.state_history),
                "modality_keys": list(self.table.state),
            },
            "action": {
                "delta_indices": list(range(self.horizon)),
                "modality_keys": [action.key for action in actions],
                "action_configs": [action.config.to_dict() for action in actions],
            },
            "language": {"delta_indices": [0], "modality_keys": [self.language_key]},
        }

    @property
    def sizes(self) -> dict[str, int]:
        """Numbers of each key of state and action."""
        groups = {"state": self.table.state, "action": self.table.action}
        return {
            f"{group}.{key}": values.shape[1]
            for group, keys in groups.items()
            for key, values in keys.items()
        }


def open_source(
    path: Path, modality_config: str, embodiment: str, eval_episodes: int, seed: int
) -> Source:
    """Training rows of a dataset for a modality config, without the held-out `eval_episodes`.

    The embodiment is by default what the codec says, else `new_embodiment`. UserError for a
    dataset that cannot be trained on so.
    """
    dataset = open_dataset(path)
    codec = find_pairing(dataset, modality_config)
    check_pictures(dataset, _video_keys(dataset, codec))
    table, held_out = _split(dataset, codec, eval_episodes, seed)
    return Source(
        dataset=dataset,
        codec=codec,
        embodiment=embodiment or codec.embodiment_tag or NEW_EMBODIMENT,
        table=table,
        held_out=held_out,
    )


def open_dataset(path: Path) -> Dataset:
    """A dataset that can be trained on, of any maker; UserError otherwise."""
    dataset = Dataset(path)
    if dataset.own and not dataset.has_modality:
        raise UserError(
            f"{path} has no {MODALITY}, which names its columns: convert the bags again"
        )
    return dataset


def _video_keys(dataset: Dataset, codec: CodecFile) -> list[str]:
    """Those that the codec shows, in its order; `each_camera` stands for all."""
    if EACH_CAMERA in codec.video:
        return list(dataset.picture_columns)
    return list(codec.video)


def _split(
    dataset: Dataset, codec: CodecFile, held_out: int, seed: int
) -> tuple[Table, Table | None]:
    """Rows to train on and rows to measure with."""
    count = len(dataset.episodes)
    if 0 < count <= held_out:
        raise UserError(
            f"eval_episodes is {held_out} and {dataset.path} has {count} episodes: none is left "
            "to train on, hold out fewer"
        )
    order = np.random.default_rng((seed, 3)).permutation(count)
    chosen, rest = sorted(order[:held_out].tolist()), sorted(order[held_out:].tolist())
    keys = Keys(file_keys(codec, "state"), file_keys(codec, "action"))
    table = load_table(dataset, keys, rest)
    return table, load_table(dataset, keys, chosen) if held_out else None


def table_statistics(table: Table, actions: Sequence[ActionKey], horizon: int) -> dict[str, Any]:
    """A table's entry of statistics.json."""
    statistics: dict[str, Any] = {
        "state": {key: column_statistics(values) for key, values in table.state.items()},
        "action": {key: column_statistics(values) for key, values in table.action.items()},
    }
    starts = np.flatnonzero(np.diff(table.episode, prepend=-1))
    for action in actions:
        if not action.config.relative:
            continue
        pairs = [
            (
                table.state[action.reference][start : table.end[start]],
                table.action[action.key][start : table.end[start]],
            )
            for start in starts
        ]
        values = relative_statistics(pairs, action.config, horizon)
        if not values:
            raise UserError(
                f"no episode is as long as a chunk of {horizon} steps: record longer episodes"
            )
        statistics.setdefault("relative_action", {})[action.key] = values
    return statistics
