"""GR00T in this process: a checkpoint folder, a variant and a robot."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.columns import continued_actions, to_chunk
from groot_ros.chunks.envelope import EnvelopeMonitor
from groot_ros.codecs.catalog import OWN_KEY
from groot_ros.codecs.codec import Codec, Timing
from groot_ros.codecs.file import CodecFile
from groot_ros.errors import UserError
from groot_ros.model.checkpoint.folder import CheckpointFolder
from groot_ros.model.inference.loaded import Groot
from groot_ros.model.networks.network import Network
from groot_ros.model.processing.modality import Modality
from groot_ros.observation.types import ModelInput, ModelOutput, Observation, Prefix
from groot_ros.policies.checkpoint.config import LocalPolicyConfig
from groot_ros.policies.checkpoint.folder import find_checkpoint
from groot_ros.policies.checkpoint.handshake import check_fit
from groot_ros.policy import Inputs
from groot_ros.robot.config import RobotConfig
from groot_ros.signals.signals import Signals

# Of groot_ros.json, for clients.
DESCRIBED = ("robot", "base_frame", "envelope")
WARM_UP_IMAGE = (480, 640, 3)
# In parameters, of which the shipped tiny network has 3.4 millions, released ones 3000 millions.
SMALL = 100_000_000


@dataclass(frozen=True)
class LoadedModel:
    """A checkpoint that fits a variant and a robot, behind the variant's codec."""

    groot: Groot
    codec: Codec
    variant: CodecFile
    folder: Path

    @property
    def modality(self) -> Modality:
        return self.groot.modality

    @property
    def description(self) -> dict[str, Any]:
        """What a client compares and grades by: variant, codec and its file, robot, rate,
        envelope."""
        return {
            **{k: v for k, v in self.groot.metadata.items() if k in DESCRIBED},
            "variant": self.variant.name,
            "codec": self.codec.name,
            OWN_KEY: dict(self.variant.values),
            "joints": list(self.codec.state.joints),
            "action_rate_hz": self.codec.timing.action_rate_hz,
            "checkpoint": self.folder.name,
        }

    def predict(
        self, inputs: ModelInput, prefix: Prefix[ModelOutput] | None = None
    ) -> ModelOutput:
        """Actions {key: (T, D)} that continue `prefix`, if there is one."""
        return self.groot.predict(inputs, prefix=prefix)

    def warm_up(self) -> None:
        """Predict for blank pictures, so that no real observation has to wait."""
        self.groot.warm_up(self.codec.encode(self._blank_observation()))

    def _blank_observation(self) -> Observation:
        cameras = self.codec.video.cameras.values()
        blank = Observation(
            stamp_ns=0,
            images={camera: np.zeros(WARM_UP_IMAGE, np.uint8) for camera in cameras},
            instruction="warm up",
            signals=Signals.of(
                {part.signal: part.signal.blank for part in self.codec.state.parts}
            ),
        )
        return replace(blank, past=dict.fromkeys(self.codec.past, blank))


def load_model(config: LocalPolicyConfig, variant: CodecFile, robot: RobotConfig) -> LoadedModel:
    """Load and compare with variant and robot; UserError says what does not fit."""
    if not config.checkpoints_dir:
        raise UserError(
            "checkpoints_dir is empty: give the folder of a GR00T checkpoint, for example "
            "one made by `groot-ros init-checkpoint`"
        )
    folder = find_checkpoint(config.checkpoints_dir, config.checkpoint)
    groot = Groot.load(
        folder, config.device, config.dtype, _embodiment(folder, variant), compile=config.compile
    )
    check_fit(folder, groot.modality, metadata=groot.metadata, variant=variant, robot=robot)
    rate_hz = config.action_rate_hz or float(
        groot.metadata.get("action_rate_hz", variant.timing.action_rate_hz)
    )
    timing = Timing(horizon=groot.modality.horizon, step_ns=round(1e9 / rate_hz))
    return LoadedModel(groot, variant.codec(robot, timing), variant, folder)


def _embodiment(folder: Path, variant: CodecFile) -> str | None:
    """That of the codec, where a checkpoint has several of them to choose from."""
    several = CheckpointFolder(folder).embodiments
    return variant.embodiment_tag if variant.embodiment_tag in several else None


def _take_threads(network: Network) -> None:
    """A small network on the CPU takes one thread of torch's in this process.

    Two gain it nothing, and where other processes want the cores one spins while the other waits
    for its turn. OMP_NUM_THREADS says otherwise.
    """
    parameters = list(network.parameters())
    if parameters[0].device.type != "cpu" or "OMP_NUM_THREADS" in os.environ:
        return
    if sum(parameter.numel() for parameter in parameters) < SMALL:
        torch.set_num_threads(1)


class LocalPolicy:
    """A GR00T checkpoint behind a variant's codec."""

    def __init__(self, config: LocalPolicyConfig, variant: CodecFile, robot: RobotConfig) -> None:
        self._config = config
        self._variant = variant
        self._robot = robot
        self._codec = variant.codec(robot)
        self._groot: Groot | None = None
        self._monitor = EnvelopeMonitor.of({}, self._codec)
        self._inferences = 0

    @property
    def inputs(self) -> Inputs:
        return Inputs.of(self._codec)

    @property
    def no_continuation(self) -> str:
        return ""

    def open(self) -> None:
        """Load, compare with variant and robot, warm up; UserError says what does not fit."""
        model = load_model(self._config, self._variant, self._robot)
        _take_threads(model.groot.network)
        model.warm_up()
        self._codec, self._groot = model.codec, model.groot
        self._monitor = EnvelopeMonitor.of(model.groot.metadata, model.codec)

    def reset(self, instruction: str) -> None:
        """Restart noise and monitor; GR00T itself keeps nothing between observations."""
        self._inferences = 0
        self._monitor.reset()

    def predict(self, observation: Observation, prefix: Prefix[Chunk] | None = None) -> Chunk:
        """Chunk of the checkpoint's horizon that continues `prefix`, graded by its envelope."""
        if self._groot is None:
            raise RuntimeError("predict before open")
        inputs, seed = self._codec.encode(observation), self._config.seed
        if seed is not None:
            seed += self._inferences
            self._inferences += 1
        continued = None if prefix is None else continued_actions(self._codec, prefix)
        output = self._groot.predict(inputs, seed=seed, prefix=continued)
        chunk = to_chunk(self._codec, output, observation.stamp_ns)
        return replace(chunk, verdict=self._monitor.check(observation, chunk))

    def close(self) -> None:
        self._groot = None
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
