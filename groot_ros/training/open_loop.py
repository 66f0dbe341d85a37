"""Predicted chunks beside the recorded actions of a dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groot_ros.data.datasets.reader import Dataset
from groot_ros.errors import UserError
from groot_ros.model.checkpoint.folder import CheckpointFolder
from groot_ros.model.checkpoint.metadata import EMBODIMENTS
from groot_ros.model.inference.loaded import Groot
from groot_ros.model.processing.modality import Modality
from groot_ros.observation.types import ModelInput
from groot_ros.policies.checkpoint.folder import find_checkpoint
from groot_ros.training.data.pictures import VideoPictures
from groot_ros.training.data.source import open_dataset
from groot_ros.training.data.table import POSE_KEY, Keys, Table, check_pictures, load_table
from groot_ros.training.held_out import shown_chunks

Array = NDArray[np.float64]
Watch = Callable[[Sequence[int]], Iterable[int]]

SHOWN_CHUNKS = 5


@dataclass(frozen=True)
class OpenLoopComparison:
    """Chunks (C, H, D) of actions by key, predicted and recorded; `names` of their columns.

    `shown` are some of them as `shown_chunks` has them.
    """

    predicted: Mapping[str, Array]
    recorded: Mapping[str, Array]
    names: Mapping[str, list[str]]
    shown: Sequence[Mapping[str, Any]] = ()

    def to_dict(self) -> dict[str, Any]:
        """Errors in physical units, per channel and per step of the chunk."""
        channels = {}
        for key, names in self.names.items():
            error = self.predicted[key] - self.recorded[key]
            for column, name in enumerate(names):
                values = error[..., column]
                channels[name] = {
                    "mae": float(np.abs(values).mean()),
                    "mse": float(np.square(values).mean()),
                    "mae_per_step": np.abs(values).mean(axis=0).tolist(),
                    "mse_per_step": np.square(values).mean(axis=0).tolist(),
                }
        return {
            "chunks": len(next(iter(self.predicted.values()))),
            "channels": channels,
            **self._position_numbers(),
        }

    def position_errors(self) -> tuple[Array, Array] | None:
        """Mean distance in m at every step (H,), and that of the mean of what was recorded.

        None for actions without a pose.
        """
        if POSE_KEY not in self.recorded:
            return None
        recorded = self.recorded[POSE_KEY][..., :3]
        predicted = self.predicted[POSE_KEY][..., :3]
        mean = recorded.mean(axis=0)
        return _distances(predicted, recorded), _distances(recorded, mean)

    def _position_numbers(self) -> dict[str, Any]:
        errors = self.position_errors()
        names = "position_error", "mean_position_error"
        if errors is None:
            return {f"{name}_m": None for name in names}
        last = {f"{n}_m": float(e[-1]) for n, e in zip(names, errors, strict=True)}
        steps = {f"{n}_per_step_m": e.tolist() for n, e in zip(names, errors, strict=True)}
        return {**last, **steps}


def _distances(one: Array, other: Array) -> Array:
    return np.asarray(np.linalg.norm(one - other, axis=-1).mean(axis=0))


def compare(
    checkpoint: Path, dataset_path: Path, chunks: int, seed: int = 0, embodiment: str = ""
) -> OpenLoopComparison:
    """Predict at rows spread over a dataset; UserError when checkpoint and dataset differ.

    The embodiment is by default that which learned from the robot of the dataset.
    """
    (comparison,) = compare_each(
        checkpoint, [dataset_path], chunks, seed=seed, embodiment=embodiment
    )
    return comparison


def compare_each(
    checkpoint: Path,
    datasets: Sequence[Path],
    chunks: int,
    seed: int = 0,
    embodiment: str = "",
    watch: Watch = iter,
) -> Iterator[OpenLoopComparison]:
    """Comparisons with several datasets, in order; the model is reloaded where it changes.

    `watch` hands on the rows at which is predicted.
    """
    folder, loaded = find_checkpoint(checkpoint), None
    model: Groot | None = None
    for path in datasets:
        dataset = open_dataset(path)
        wanted = embodiment or _embodiment(folder, dataset)
        if model is None or wanted != loaded:
            model, loaded = Groot.load(folder, embodiment=wanted), wanted
        yield _compare(model, dataset, chunks, seed=seed, watch=watch)


def _compare(
    model: Groot, dataset: Dataset, chunks: int, seed: int, watch: Watch
) -> OpenLoopComparison:
    modality = model.modality
    check_pictures(dataset, modality.video_keys)
    keys = Keys(list(modality.state), [action.key for action in modality.actions])
    table = load_table(dataset, keys)
    pictures = VideoPictures(table, model.processor)
    rows = table.spread_rows(modality.horizon, chunks)
    if not len(rows):
        raise UserError(
            f"no episode of {dataset.path} is as long as a chunk of {modality.horizon} steps: "
            "compare with longer ones"
        )
    predicted: dict[str, list[Array]] = {key.key: [] for key in modality.actions}
    recorded: dict[str, list[Array]] = {key.key: [] for key in modality.actions}
    for row in watch(rows.tolist()):
        answer = model.predict(_inputs(table, pictures, modality, int(row)), seed=seed)
        actions, _ = table.chunk(int(row), modality.horizon)
        for key in predicted:
            predicted[key].append(answer[key])
            recorded[key].append(actions[key])
    answers, truth = _stacked(predicted), _stacked(recorded)
    return OpenLoopComparison(
        answers, truth, table.names, shown_chunks(table, rows, answers, truth)
    )


def _inputs(table: Table, pictures: VideoPictures, modality: Modality, row: int) -> ModelInput:
    """What a model sees at a row."""
    frames = pictures.frames(table.moments(row, modality.video_delta))
    views = len(modality.video_keys)
    return ModelInput(
        video={key: frames[view::views] for view, key in enumerate(modality.video_keys)},
        state=table.observed(row, modality.state_delta),
        language=table.task[row],
    )


def _embodiment(folder: Path, dataset: Dataset) -> str | None:
    """Of several that a checkpoint knows, that of the dataset's robot, or with its very keys."""
    checkpoint = CheckpointFolder(folder)
    several = checkpoint.metadata.get(EMBODIMENTS, {})
    if not several:
        return None
    robot = dataset.own.get("robot")
    of_robot = [tag for tag, own in several.items() if robot and own.get("robot") == robot]
    fitting = [tag for tag in several if _has_keys(dataset, checkpoint.numbers(tag).modality)]
    for tags in (of_robot, fitting):
        if len(tags) == 1:
            return str(tags[0])
    raise UserError(
        f"{folder} was trained with several robots and {dataset.path} does not say which it is "
        f"of: add --embodiment {' or '.join(several)}"
    )


def _has_keys(dataset: Dataset, modality: Modality) -> bool:
    """Whether keys and sizes of state and action are in a dataset."""
    actions = {action.key: action.dim for action in modality.actions}
    return all(
        key in dataset.places(group) and dataset.places(group)[key].size == size
        for group, keys in (("state", modality.state), ("action", actions))
        for key, size in keys.items()
    )


def _stacked(chunks: Mapping[str, list[Array]]) -> dict[str, Array]:
    return {key: np.stack(values) for key, values in chunks.items()}


def write_plot(comparison: OpenLoopComparison, path: Path) -> None:
    """Draw mean errors per step, and some chunks over the recorded actions, a row per channel."""
    from matplotlib.figure import Figure

    channels = [
        (key, column, name)
        for key, names in comparison.names.items()
        for column, name in enumerate(names)
    ]
    count = len(next(iter(comparison.predicted.values())))
    shown = np.unique(np.linspace(0, count - 1, SHOWN_CHUNKS).astype(int))
    figure = Figure(figsize=(2.4 * (len(shown) + 1), 1.1 * len(channels)), layout="constrained")
    axes = figure.subplots(len(channels), len(shown) + 1, squeeze=False, sharex=True)
    for row, (key, column, name) in zip(axes, channels, strict=True):
        for axis, chunk in zip(row[1:], shown, strict=True):
            axis.plot(comparison.recorded[key][chunk, :, column], "k-", label="recorded")
            axis.plot(comparison.predicted[key][chunk, :, column], "r.-", label="predicted")
        error = comparison.predicted[key][..., column] - comparison.recorded[key][..., column]
        row[0].plot(np.abs(error).mean(axis=0), "b-", label="mean error")
        row[0].set_ylim(bottom=0.0)
        row[0].set_ylabel(name, fontsize=7)
        for axis in row:
            axis.tick_params(labelsize=6)
    for axis in axes[0, :2]:
        axis.legend(fontsize=6)
    axes[0, 0].set_title(f"over all {count} chunks", fontsize=8)
    for axis, chunk in zip(axes[0, 1:], shown, strict=True):
        axis.set_title(f"chunk {chunk}", fontsize=8)
    for axis in axes[-1]:
        axis.set_xlabel("step", fontsize=7)
    figure.savefig(path, dpi=110)
