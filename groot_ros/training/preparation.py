"""Everything that is decided and checked before the first step."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from groot_ros.codecs.catalog import OWN_KEY
from groot_ros.codecs.file import EACH_CAMERA, CodecFile
from groot_ros.codecs.parts import NOW
from groot_ros.data.datasets.pairing import file_keys, find_pairing
from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.datasets.statistics import column_statistics, relative_statistics
from groot_ros.data.datasets.writer import MODALITY
from groot_ros.errors import UserError
from groot_ros.files.hub import is_hub_address
from groot_ros.model.checkpoint.folder import CheckpointFolder
from groot_ros.model.checkpoint.load import load_network
from groot_ros.model.networks.network import Gr00t
from groot_ros.model.processing.modality import ActionKey, ModalityConfig
from groot_ros.model.processing.processor import Processor
from groot_ros.model.processing.relative import action_config
from groot_ros.model.processing.state_action import ProcessorConfig, StateActionProcessor
from groot_ros.model.tiny.init import CheckpointSpec, init_checkpoint
from groot_ros.model.tiny.initialize import initialize
from groot_ros.model.tiny.tabletop import Workspace
from groot_ros.policies.checkpoint.folder import find_checkpoint
from groot_ros.training.config import TINY, TrainConfig
from groot_ros.training.lora import add_adapters
from groot_ros.training.memory import halve_frozen, recompute_activations
from groot_ros.training.module import choose_trainable, set_state_dropout
from groot_ros.training.table import Keys, Table, check_pictures, dataset_hash, load_table

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
    "merges.txt",
    "preprocessor_config.json",
)
# What a checkpoint's groot_ros.json says as the dataset's does.
OWN_KEYS = ("robot", "base_frame", "joints", "action_rate_hz", "cameras")
# Replaced by the dataset's statistics before anything reads it.
ANY_RANGE = np.array([[-1.0], [1.0]])


@dataclass(frozen=True)
class Prepared:
    """A network, its processor and data, and the small files of its checkpoints."""

    network: Gr00t
    processor: Processor
    table: Table
    held_out: Table | None
    processor_config: Mapping[str, Any]
    statistics: Mapping[str, Any]
    slots: Mapping[str, int]
    extra_files: Mapping[str, str]
    metadata: Mapping[str, Any]
    slot_was_trained: bool
    """Whether the base model knows the embodiment."""


def prepare_training(config: TrainConfig) -> Prepared:
    """Load base model and dataset; UserError says what does not fit and how to mend it."""
    dataset = open_dataset(Path(config.input_path))
    variant = find_pairing(dataset, config.modality_config)
    _check_history(variant)
    check_pictures(dataset, _video_keys(dataset, variant))
    table, held_out = _split(dataset, variant, config)
    if config.base_model != TINY:
        base = CheckpointFolder(_base_folder(config))
        return _prepare(config, base, dataset, variant, table, held_out)
    with TemporaryDirectory() as name:
        folder = Path(name) / TINY
        init_checkpoint(folder, _tiny_spec(dataset, variant, table), config.seed)
        base = CheckpointFolder(folder)
        prepared = _prepare(config, base, dataset, variant, table, held_out)
    initialize(prepared.network, torch.Generator().manual_seed(config.seed))
    return prepared


def _check_history(variant: CodecFile) -> None:
    histories = {entry.history for entry in variant.state}
    histories |= {part.history for part in variant.video.values()}
    if histories - {NOW}:
        raise UserError(
            f"codec {variant.name} reads a history, with which groot-ros train cannot train: give "
            "a copy of the codec file without `history` as --modality_config"
        )


def open_dataset(path: Path) -> Dataset:
    """A dataset that can be trained on, of any maker; UserError otherwise."""
    dataset = Dataset(path)
    if dataset.own and not dataset.has_modality:
        raise UserError(
            f"{path} has no {MODALITY}, which names its columns: convert the bags again"
        )
    return dataset


def _split(
    dataset: Dataset, variant: CodecFile, config: TrainConfig
) -> tuple[Table, Table | None]:
    """Rows to train on and rows to measure with."""
    count, held_out = len(dataset.episodes), config.eval_episodes
    if 0 < count <= held_out:
        raise UserError(
            f"eval_episodes is {held_out} and {dataset.path} has {count} episodes: none is left "
            "to train on, hold out fewer"
        )
    order = np.random.default_rng((config.seed, 3)).permutation(count)
    chosen, rest = sorted(order[:held_out].tolist()), sorted(order[held_out:].tolist())
    keys = Keys(file_keys(variant, "state"), file_keys(variant, "action"))
    table = load_table(dataset, keys, rest)
    return table, load_table(dataset, keys, chosen) if held_out else None


def _base_folder(config: TrainConfig) -> Path:
    if config.init_from:
        return find_checkpoint(config.init_from)
    path = Path(config.base_model)
    if path.is_dir() or is_hub_address(config.base_model):
        return find_checkpoint(config.base_model)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(config.base_model, local_files_only=True))
    except (LocalEntryNotFoundError, HfHubHTTPError, ValueError, OSError):
        raise UserError(
            f"base_model {config.base_model!r} is no folder and not in the Hugging Face cache: "
            f"`huggingface-cli download {config.base_model}` fetches it, --base_model tiny needs "
            "no download"
        ) from None


def _action_keys(dataset: Dataset, variant: CodecFile, table: Table) -> list[ActionKey]:
    how = dataset.own.get("relative") or "se3"
    return [
        ActionKey(key, values.shape[1], action_config(variant, key, how))
        for key, values in table.action.items()
    ]


def _video_keys(dataset: Dataset, variant: CodecFile) -> list[str]:
    """Those that the codec shows, in its order; `each_camera` stands for all."""
    if EACH_CAMERA in variant.video:
        return list(dataset.picture_columns)
    return list(variant.video)


def _horizon(dataset: Dataset, variant: CodecFile) -> int:
    """Steps of a chunk: of the dataset's maker, or the codec's."""
    return int(dataset.own.get("horizon", variant.horizon))


def _language_key(dataset: Dataset) -> str:
    return str("annotation." + next(iter(dataset.modality["annotation"])))


def _tiny_spec(dataset: Dataset, variant: CodecFile, table: Table) -> CheckpointSpec:
    joints = table.state.get("joint_position", np.empty((0, 0))).shape[1]
    return CheckpointSpec(
        state={key: values.shape[1] for key, values in table.state.items()},
        actions=_action_keys(dataset, variant, table),
        video_keys=_video_keys(dataset, variant),
        language_key=_language_key(dataset),
        workspace=Workspace(np.repeat(ANY_RANGE, 3, axis=1), np.repeat(ANY_RANGE, joints, axis=1)),
        horizon=_horizon(dataset, variant),
    )


def dataset_statistics(table: Table, actions: Sequence[ActionKey], horizon: int) -> dict[str, Any]:
    """One embodiment's entry of statistics.json."""
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


def _prepare(
    config: TrainConfig,
    base: CheckpointFolder,
    dataset: Dataset,
    variant: CodecFile,
    table: Table,
    held_out: Table | None,
) -> Prepared:
    embodiment, horizon = config.embodiment, _horizon(dataset, variant)
    _check_rate(base, dataset)
    _check_horizon(base, dataset, horizon)
    actions = _action_keys(dataset, variant, table)
    kwargs = dict(base.processor_kwargs)
    modality = {
        "video": {"delta_indices": [0], "modality_keys": _video_keys(dataset, variant)},
        "state": {"delta_indices": [0], "modality_keys": list(table.state)},
        "action": {
            "delta_indices": list(range(horizon)),
            "modality_keys": [action.key for action in actions],
            "action_configs": [action.config.to_dict() for action in actions],
        },
        "language": {"delta_indices": [0], "modality_keys": [_language_key(dataset)]},
    }
    kwargs["modality_configs"] = {**kwargs.get("modality_configs", {}), embodiment: modality}
    kwargs["use_relative_action"] = True
    statistics = {
        **base.statistics,
        embodiment: _kept_statistics(base, embodiment)
        if config.keep_statistics
        else dataset_statistics(table, actions, horizon),
    }
    numbers = StateActionProcessor(
        ProcessorConfig.from_dict(kwargs),
        ModalityConfig.from_dict(modality, embodiment),
        statistics,
        embodiment,
        base.slot(embodiment),
    )
    network = load_network(base.path, "cpu")
    set_state_dropout(network, config.state_dropout_prob)
    choose_trainable(network, config)
    if config.lora:
        add_adapters(network, config)
    if config.bf16:
        halve_frozen(network)
    if config.gradient_checkpointing:
        recompute_activations(network)
    return Prepared(
        network=network,
        processor=Processor(base.images(), base.prompts(), numbers),
        table=table,
        held_out=held_out,
        processor_config={**base.processor_config, "processor_kwargs": kwargs},
        statistics=statistics,
        slots={**base.slots, embodiment: base.slot(embodiment)},
        extra_files=_extra_files([*base.processor_folders, base.tokenizer_folder]),
        metadata=_metadata(dataset, variant, held_out),
        slot_was_trained=config.base_model != TINY and embodiment in base.statistics,
    )


def _kept_statistics(base: CheckpointFolder, embodiment: str) -> Any:
    if embodiment not in base.statistics:
        raise UserError(
            f"{base.path.name} has no statistics of {embodiment} to keep, only of "
            f"{', '.join(base.statistics) or 'none'}: leave --keep_statistics out"
        )
    return base.statistics[embodiment]


def _check_rate(base: CheckpointFolder, dataset: Dataset) -> None:
    theirs, ours = base.metadata.get("action_rate_hz"), dataset.fps
    if theirs is not None and abs(theirs - ours) > 0.02 * ours:
        raise UserError(
            f"the base model's steps come at {theirs:g} Hz, the dataset's at {ours:g} Hz: convert "
            f"the bags with --fps {theirs:g}"
        )


def _check_horizon(base: CheckpointFolder, dataset: Dataset, ours: int) -> None:
    if ours > base.config.action_horizon:
        raise UserError(
            f"chunks of {dataset.path} have {ours} steps, but {base.path.name} answers with at "
            f"most {base.config.action_horizon}: take a base model with a longer action_horizon"
        )


def _extra_files(folders: Sequence[Path]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in TOKENIZER_FILES:
        for folder in folders:
            if (folder / name).is_file():
                found[name] = (folder / name).read_text()
                break
    return found


def _metadata(dataset: Dataset, variant: CodecFile, held_out: Table | None) -> dict[str, Any]:
    """Content of a checkpoint's groot_ros.json."""
    own = dataset.own
    return {
        "format": 1,
        "variant": variant.name,
        "codec": variant.codec_name,
        OWN_KEY: dict(variant.values),
        "action_rate_hz": dataset.fps,
        # Datasets of others do not say of which robot they are.
        **{key: own[key] for key in OWN_KEYS if key in own},
        # Datasets of an earlier version have none.
        **({"envelope": own["envelope"]} if "envelope" in own else {}),
        "fps": dataset.fps,
        "dataset": {
            "sha256": dataset_hash(dataset.path),
            "episodes": len(dataset.episodes),
            "frames": dataset.info["total_frames"],
            "held_out": [file.index for file in held_out.files] if held_out else [],
        },
        "versions": {
            name: importlib.metadata.version(name) for name in ("torch", "transformers", "numpy")
        },
    }
