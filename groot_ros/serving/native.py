"""A checkpoint in its own keys, for clients that know them: no codec and no robot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groot_ros.model.inference.loaded import Groot
from groot_ros.model.inference.selfcheck import seeded_observation
from groot_ros.model.processing.modality import Modality
from groot_ros.observation.types import ModelInput, ModelOutput, Prefix
from groot_ros.policies.checkpoint.config import LocalPolicyConfig
from groot_ros.policies.checkpoint.folder import find_checkpoint


@dataclass(frozen=True)
class NativeModel:
    """One embodiment of a checkpoint as NVIDIA's policy serves it."""

    groot: Groot
    folder: Path

    @classmethod
    def load(cls, config: LocalPolicyConfig, embodiment: str) -> NativeModel:
        """Load and warm up; UserError names the embodiments where one has to be chosen."""
        folder = find_checkpoint(config.checkpoints_dir, config.checkpoint)
        groot = Groot.load(
            folder, config.device, config.dtype, embodiment or None, compile=config.compile
        )
        groot.warm_up(seeded_observation(groot.modality, groot.processor.numbers.statistics))
        return cls(groot, folder)

    @property
    def modality(self) -> Modality:
        return self.groot.modality

    @property
    def description(self) -> Mapping[str, Any]:
        """The model's name, the only thing that a codec can be compared with."""
        return {"checkpoint": self.folder.name}

    def predict(
        self, inputs: ModelInput, prefix: Prefix[ModelOutput] | None = None
    ) -> ModelOutput:
        """Actions {key: (T, D)} that continue `prefix`, if there is one."""
        return self.groot.predict(inputs, prefix=prefix)
