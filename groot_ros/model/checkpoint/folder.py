"""A checkpoint folder in NVIDIA's or LeRobot's layout: where its files are, what they say."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from groot_ros.errors import UserError
from groot_ros.files.json_file import read_json
from groot_ros.files.typed import KeyPath, typed, whole
from groot_ros.model.checkpoint.lerobot import PREPROCESSOR, TYPE, LeRobotFiles
from groot_ros.model.checkpoint.metadata import EMBODIMENT, EMBODIMENTS, MetadataFile
from groot_ros.model.checkpoint.tokenizer import find_tokenizer, load_tokenizer
from groot_ros.model.networks.config import Gr00tConfig
from groot_ros.model.processing.images import ImagePipeline
from groot_ros.model.processing.modality import ModalityConfig
from groot_ros.model.processing.processor import Processor
from groot_ros.model.processing.prompt import PromptProcessor
from groot_ros.model.processing.state_action import ProcessorConfig, StateActionProcessor

MOST_SLOTS = 4095
Slots = dict[str, Annotated[int, whole(0, MOST_SLOTS)]]


@dataclass(frozen=True)
class CheckpointFolder:
    """The small files of a checkpoint, read when asked for; no weights."""

    path: Path

    def __post_init__(self) -> None:
        if not self.path.is_dir():
            raise UserError(
                f"{self.path} is no folder, expected a GR00T checkpoint folder: check the path"
            )

    @cached_property
    def _raw(self) -> dict[str, Any]:
        return read_json(self.path / "config.json", "a GR00T checkpoint folder")

    @cached_property
    def _lerobot(self) -> LeRobotFiles | None:
        return LeRobotFiles(self.path, self._raw) if self._raw.get("type") == TYPE else None

    @cached_property
    def config(self) -> Gr00tConfig:
        return Gr00tConfig.from_dict(self._lerobot.network if self._lerobot else self._raw)

    @property
    def processor_folders(self) -> list[Path]:
        """Where processor files may be: a fine-tune's checkpoint-N may share its parent's."""
        folders = [self.path, self.path / "processor"]
        if self.path.name.startswith("checkpoint-"):
            folders += [self.path.parent, self.path.parent / "processor"]
        return folders

    @cached_property
    def processor_config(self) -> dict[str, Any]:
        """The whole of `processor_config.json`."""
        if self._lerobot:
            return self._lerobot.processor_config
        return self._processor_json("processor_config.json")

    @property
    def processor_kwargs(self) -> dict[str, Any]:
        """`processor_kwargs` of processor_config.json; UserError where it has none."""
        kwargs = self.processor_config.get("processor_kwargs")
        if not isinstance(kwargs, dict):
            raise UserError(
                f"processor_config.json in {self.path} has no processor_kwargs: expected the "
                "processor_config.json of a GR00T checkpoint"
            )
        return kwargs

    @cached_property
    def statistics(self) -> dict[str, Any]:
        if self._lerobot:
            return self._lerobot.statistics
        return self._processor_json("statistics.json")

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """Content of `groot_ros.json`, which only this package writes; empty without it."""
        file = self.path / "groot_ros.json"
        if not file.exists():
            return {}
        values = read_json(file, "what groot-ros wrote")
        typed(values, MetadataFile, KeyPath(str(file)))
        return values

    def metadata_of(self, embodiment: str) -> dict[str, Any]:
        """What `groot_ros.json` says of one embodiment, where it tells several apart."""
        several = self.metadata.get(EMBODIMENTS, {})
        return {**self.metadata, **several.get(embodiment, {})}

    @cached_property
    def slots(self) -> dict[str, int]:
        """Slot of each embodiment; the released ones' where the checkpoint does not tell."""
        if self._lerobot:
            return typed(self._lerobot.slots, Slots, KeyPath(PREPROCESSOR))
        for folder in self.processor_folders:
            if (folder / "embodiment_id.json").exists():
                file = folder / "embodiment_id.json"
                return typed(read_json(file, "embodiment slots"), Slots, KeyPath(str(file)))
        return dict(self.config.version.slots)

    def slot(self, embodiment: str) -> int:
        """Slot of an embodiment, that of its release where the checkpoint has none for it.

        The released N1.6 has none for `new_embodiment`, which fine-tuning is for. UserError for an
        embodiment that neither knows.
        """
        known = {**self.config.version.slots, **self.slots}
        if embodiment not in known:
            raise UserError(
                f"embodiment {embodiment!r} has no slot in {self.path.name}, expected one of "
                f"{', '.join(known)}"
            )
        return known[embodiment]

    @property
    def modality_configs(self) -> dict[str, Any]:
        """Modality configs by embodiment, as they were read."""
        configs = self.processor_kwargs.get("modality_configs")
        place = KeyPath("processor_config.json", "processor_kwargs.modality_configs")
        return {} if configs is None else typed(configs, dict[str, Any], place)

    @property
    def embodiments(self) -> list[str]:
        """Embodiments that can be served: with a modality config and statistics."""
        configs = self.modality_configs
        return [name for name in configs if name in self.statistics]

    def choose(self, embodiment: str | None) -> str:
        """The embodiment to serve, by default the only one or that which was trained.

        UserError lists the right ones.
        """
        known = self.embodiments
        embodiment = embodiment or self.metadata.get(EMBODIMENT)
        if embodiment is None and len(known) == 1:
            return known[0]
        if embodiment in known:
            return embodiment
        asked = "no embodiment is named" if embodiment is None else f"embodiment {embodiment!r}"
        raise UserError(
            f"{asked} but the checkpoint {self.path.name} serves "
            f"{', '.join(known) or 'none (no embodiment has statistics)'}: name one of them"
        )

    def numbers(self, embodiment: str) -> StateActionProcessor:
        """State and action processing of an embodiment; UserError where the checkpoint does not
        know it."""
        kwargs = self.processor_kwargs
        configs = self.modality_configs
        if embodiment not in configs:
            raise UserError(
                f"processor_config.json in {self.path} has no modality_configs of "
                f"{embodiment!r}, only of {', '.join(configs) or 'none'}"
            )
        numbers = StateActionProcessor(
            ProcessorConfig.from_dict(kwargs),
            ModalityConfig.from_dict(configs[embodiment], embodiment),
            statistics=self.statistics,
            embodiment=embodiment,
            slot=self.slot(embodiment),
        )
        self._check_sizes(numbers)
        return numbers

    def _check_sizes(self, numbers: StateActionProcessor) -> None:
        config, modality = self.config, numbers.modality
        sizes = (
            ("max_state_dim", numbers.config.max_state_dim, config.max_state_dim),
            ("max_action_dim", numbers.config.max_action_dim, config.max_action_dim),
            ("state delta_indices", len(modality.state_delta), config.state_history_length),
            ("slot", modality.slot, min(modality.slot, config.max_num_embodiments - 1)),
            ("horizon", modality.horizon, min(modality.horizon, config.action_horizon)),
        )
        for name, found, expected in sizes:
            if found != expected:
                raise UserError(
                    f"the processor of embodiment {modality.embodiment!r} has {name} {found}, but "
                    f"the network of config.json has {expected}: get both files of one checkpoint"
                )

    def images(self) -> ImagePipeline:
        """The image pipeline of all embodiments."""
        config = self.config
        return config.version.images(
            self.processor_kwargs, config.backbone, self.processor_folders
        )

    @property
    def tokenizer_folder(self) -> Path:
        """Where the backbone's tokenizer is: in the checkpoint or in Hugging Face's cache."""
        return find_tokenizer(self.processor_folders, self.config)

    def prompts(self) -> PromptProcessor:
        """The prompts of all embodiments."""
        config = self.config
        form, image_token_id = config.version.prompt, config.backbone["image_token_id"]
        tokenizer = load_tokenizer(self.tokenizer_folder, image_token_id, form)
        formalize = ProcessorConfig.from_dict(self.processor_kwargs).formalize_language
        return PromptProcessor(tokenizer, form, formalize)

    def processor(self, embodiment: str) -> Processor:
        """Everything between an observation and the network."""
        return Processor(self.images(), self.prompts(), self.numbers(embodiment))

    def _processor_json(self, name: str) -> dict[str, Any]:
        for folder in self.processor_folders:
            if (folder / name).exists():
                return read_json(folder / name, "a GR00T processor's file")
        raise UserError(
            f"{name} not found in {self.path} nor in its processor/ folder: copy it from the "
            "checkpoint's source"
        )
