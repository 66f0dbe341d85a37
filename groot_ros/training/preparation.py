"""Everything that is decided and checked before the first step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from groot_ros.errors import UserError
from groot_ros.files.hub import is_hub_address
from groot_ros.model.checkpoint.folder import CheckpointFolder
from groot_ros.model.checkpoint.load import load_network
from groot_ros.model.checkpoint.metadata import EMBODIMENTS
from groot_ros.model.networks.network import Network
from groot_ros.model.processing.modality import ModalityConfig
from groot_ros.model.processing.processor import Processor
from groot_ros.model.processing.state_action import ProcessorConfig, StateActionProcessor
from groot_ros.model.tiny.init import CheckpointSpec, init_checkpoint
from groot_ros.model.tiny.initialize import initialize
from groot_ros.model.tiny.tabletop import Workspace
from groot_ros.policies.checkpoint.folder import find_checkpoint
from groot_ros.training.config import TINY, TrainConfig
from groot_ros.training.data.embodiments import by_embodiment, embodiment_statistics
from groot_ros.training.data.source import Source, open_source
from groot_ros.training.data.table import Table
from groot_ros.training.lora import add_adapters
from groot_ros.training.memory import halve_frozen, recompute_activations
from groot_ros.training.metadata import training_metadata
from groot_ros.training.module import (
    choose_trainable,
    learn_given_steps,
    set_state_dropout,
)

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
    "merges.txt",
    "preprocessor_config.json",
)
# Replaced by the dataset's statistics before anything reads it.
ANY_RANGE = np.array([[-1.0], [1.0]])


@dataclass(frozen=True)
class Part:
    """A dataset and what its embodiment sees of it."""

    source: Source
    processor: Processor
    was_trained: bool
    """Whether the base model knows the embodiment."""

    @property
    def table(self) -> Table:
        """The rows to train on."""
        return self.source.table

    @property
    def held_out(self) -> Table | None:
        """The rows to measure with."""
        return self.source.held_out

    @property
    def about(self) -> str:
        """What is learned with which embodiment."""
        modality = self.processor.modality
        state = "trained before" if self.was_trained else "new"
        return f"{self.source.codec.name} on {modality.embodiment} (slot {modality.slot}, {state})"


@dataclass(frozen=True)
class Prepared:
    """A network, its datasets, and the small files of its checkpoints."""

    network: Network
    parts: Sequence[Part]
    processor_config: Mapping[str, Any]
    statistics: Mapping[str, Any]
    slots: Mapping[str, int]
    extra_files: Mapping[str, str]
    metadata: Mapping[str, Any]

    @property
    def variants(self) -> str:
        """By what a policy is asked for: the codec, or each of several embodiments."""
        return ", ".join(self.metadata.get(EMBODIMENTS) or [self.metadata["variant"]])


def prepare_training(config: TrainConfig) -> Prepared:
    """Load base model and datasets; UserError says what does not fit and how to mend it."""
    sources = [
        open_source(
            path,
            modality_config,
            embodiment=embodiment,
            eval_episodes=config.eval_episodes,
            seed=config.seed,
        )
        for path, modality_config, embodiment in config.inputs
    ]
    embodiments = by_embodiment(sources)
    if config.base_model != TINY:
        return _prepare(config, CheckpointFolder(_base_folder(config)), embodiments, sources)
    with TemporaryDirectory() as name:
        folder = Path(name) / TINY
        spec = _tiny_spec([alike[0] for alike in embodiments.values()])
        init_checkpoint(folder, spec, config.seed)
        prepared = _prepare(config, CheckpointFolder(folder), embodiments, sources)
    initialize(prepared.network, torch.Generator().manual_seed(config.seed))
    return prepared


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


def _tiny_spec(sources: Sequence[Source]) -> CheckpointSpec:
    """A network that is large enough for each of the embodiments."""
    first = sources[0]
    joints = first.table.state.get("joint_position", np.empty((0, 0))).shape[1]
    return CheckpointSpec(
        state={key: values.shape[1] for key, values in first.table.state.items()},
        actions=first.actions,
        video_keys=first.video_keys,
        language_key=first.language_key,
        workspace=Workspace(np.repeat(ANY_RANGE, 3, axis=1), np.repeat(ANY_RANGE, joints, axis=1)),
        horizon=max(source.horizon for source in sources),
        state_history=first.codec.state_history,
        video_history=first.codec.video_history,
        embodiments=[source.embodiment for source in sources],
    )


def _shares(config: TrainConfig, sources: Sequence[Source]) -> list[float]:
    """Of the samples that each dataset is to give, by which statistics are weighed."""
    given = config.weights or [len(source.table) for source in sources]
    return [weight / sum(given) for weight in given]


def _statistics(
    config: TrainConfig, base: CheckpointFolder, tag: str, shares: Sequence[tuple[Source, float]]
) -> Any:
    """Those of an embodiment, of its datasets with their shares of the samples."""
    if config.keep_statistics:
        return _kept_statistics(base, tag)
    alike = [(source, share) for source, share in shares if source.embodiment == tag]
    return embodiment_statistics(*zip(*alike, strict=True))


def _prepare(
    config: TrainConfig,
    base: CheckpointFolder,
    embodiments: Mapping[str, Sequence[Source]],
    sources: Sequence[Source],
) -> Prepared:
    for source in sources:
        _check_rate(base, source)
        _check_horizon(base, source)
        _check_state_history(base, source)
    shares = _shares(config, sources)
    kwargs = dict(base.processor_kwargs)
    modalities = {tag: alike[0].modality for tag, alike in embodiments.items()}
    kwargs["modality_configs"] = {**kwargs.get("modality_configs", {}), **modalities}
    kwargs["use_relative_action"] = True
    shared = list(zip(sources, shares, strict=True))
    statistics = {
        **base.statistics,
        **{tag: _statistics(config, base, tag, shared) for tag in embodiments},
    }
    images, prompts = base.images(), base.prompts()
    processors = {
        tag: Processor(
            images,
            prompts,
            StateActionProcessor(
                ProcessorConfig.from_dict(kwargs),
                ModalityConfig.from_dict(modality, tag),
                statistics=statistics,
                embodiment=tag,
                slot=base.slot(tag),
            ),
        )
        for tag, modality in modalities.items()
    }
    return Prepared(
        network=_network(config, base),
        parts=[
            Part(
                source,
                processors[source.embodiment],
                config.base_model != TINY and source.embodiment in base.statistics,
            )
            for source in sources
        ],
        processor_config={**base.processor_config, "processor_kwargs": kwargs},
        statistics=statistics,
        slots={**base.slots, **{tag: base.slot(tag) for tag in embodiments}},
        extra_files=_extra_files([*base.processor_folders, base.tokenizer_folder]),
        metadata=training_metadata(embodiments, sources, shares),
    )


def _network(config: TrainConfig, base: CheckpointFolder) -> Network:
    """The base model's network with the chosen parts to train."""
    network = load_network(base.path, "cpu")
    set_state_dropout(network, config.state_dropout_prob)
    learn_given_steps(network, config.max_delay_steps)
    choose_trainable(network, config)
    if config.lora:
        add_adapters(network, config)
    if config.bf16:
        halve_frozen(network)
    if config.gradient_checkpointing:
        recompute_activations(network)
    return network


def _kept_statistics(base: CheckpointFolder, embodiment: str) -> Any:
    if embodiment not in base.statistics:
        raise UserError(
            f"{base.path.name} has no statistics of {embodiment} to keep, only of "
            f"{', '.join(base.statistics) or 'none'}: leave --keep_statistics out"
        )
    return base.statistics[embodiment]


def _check_rate(base: CheckpointFolder, source: Source) -> None:
    own = base.metadata_of(source.embodiment)
    theirs, ours = own.get("action_rate_hz"), source.dataset.fps
    if theirs is not None and abs(theirs - ours) > 0.02 * ours:
        raise UserError(
            f"the base model's steps come at {theirs:g} Hz, those of {source.dataset.path} at "
            f"{ours:g} Hz: convert the bags with --fps {theirs:g}"
        )


def _check_horizon(base: CheckpointFolder, source: Source) -> None:
    if source.horizon > base.config.action_horizon:
        raise UserError(
            f"chunks of {source.dataset.path} have {source.horizon} steps, but {base.path.name} "
            f"answers with at most {base.config.action_horizon}: take a base model with a longer "
            "action_horizon"
        )


def _check_state_history(base: CheckpointFolder, source: Source) -> None:
    """Its length is in the sizes of the state encoder's weights; that of pictures is free."""
    ours, theirs = len(source.codec.state_history), base.config.state_history_length
    if ours != theirs:
        raise UserError(
            f"codec {source.codec.name} reads the state at {ours} steps, but {base.path.name} at "
            f"{theirs}: give a codec file with as many in the `history` of its state as "
            "--modality_config, or take a base model with that state_history_length"
        )


def _extra_files(folders: Sequence[Path]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in TOKENIZER_FILES:
        for folder in folders:
            if (folder / name).is_file():
                found[name] = (folder / name).read_text()
                break
    return found
