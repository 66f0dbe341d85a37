"""GR00T as the rest of the package uses it: a checkpoint folder in, actions out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from groot_ros.errors import UserError
from groot_ros.model.checkpoint import weights
from groot_ros.model.checkpoint.folder import CheckpointFolder
from groot_ros.model.checkpoint.load import load_network, out_of_memory
from groot_ros.model.inference.compilation import CompileMode, find_compile_mode
from groot_ros.model.inference.device import find_device, find_dtype
from groot_ros.model.inference.prepared import PreparedNetwork
from groot_ros.model.networks.flow_matching import GivenPrefix, NormalizedPrefix
from groot_ros.model.networks.network import Network
from groot_ros.model.networks.rope import RopePrecision
from groot_ros.model.processing.modality import Modality
from groot_ros.model.processing.processor import Processor
from groot_ros.observation.types import ModelInput, ModelOutput, Prefix

Array = NDArray[np.float64]
WARM_UP_INSTRUCTIONS = ("warm up", "warm up once more with a longer prompt")


class Groot(PreparedNetwork):
    """One embodiment of a checkpoint, ready to predict: the network and what is around it."""

    def __init__(
        self,
        network: Network,
        processor: Processor,
        metadata: Mapping[str, Any] | None = None,
        mode: CompileMode = CompileMode.OFF,
    ) -> None:
        super().__init__(network, processor.images, processor.prompts, mode)
        self.processor = processor
        self.metadata = metadata or {}
        """Content of groot_ros.json: variant, robot, joints, step rate; empty when absent."""

    @classmethod
    def load(
        cls,
        folder: str | Path,
        device: str = "auto",
        dtype: str = "auto",
        embodiment: str | None = None,
        rope: RopePrecision = RopePrecision.FLOAT32,
        compile: str = "auto",
        verify: bool = False,
    ) -> Groot:
        """Load a checkpoint folder; UserError says in one sentence what is wrong with it.

        `auto` is the first GPU with bfloat16 and CUDA graphs, without one the CPU with float32.
        `compile` is auto, off, default or max, see CompileMode: warm up before the first real
        observation. `verify` compares every weight in memory with its file.
        """
        target = find_device(device)
        number_type = find_dtype(dtype, target)
        mode = find_compile_mode(compile, target)
        checkpoint = CheckpointFolder(Path(folder))
        chosen = checkpoint.choose(embodiment)
        processor = checkpoint.processor(chosen)
        slot = processor.modality.slot
        network = load_network(checkpoint.path, target, number_type, slot=slot, precision=rope)
        if verify:
            weights.verify(network, checkpoint.path, slot)
        return cls(network, processor, checkpoint.metadata_of(chosen), mode)

    @property
    def modality(self) -> Modality:
        """Keys, sizes, representations and horizon of the embodiment."""
        return self.processor.modality

    @property
    def noise_shape(self) -> tuple[int, int]:
        """Shape of the noise that denoising starts from: all steps, all dimensions."""
        config = self.network.config
        return config.action_horizon, config.max_action_dim

    @torch.inference_mode()
    def predict(
        self,
        inputs: ModelInput,
        *,
        noise: ArrayLike | None = None,
        seed: int | None = None,
        prefix: Prefix[ModelOutput] | None = None,
    ) -> dict[str, Array]:
        """Actions {key: (T, D)} in physical, absolute units, T the horizon.

        The noise (see `noise_shape`) is given, or drawn from `seed`, or at random. UserError names
        an input that does not fit the checkpoint.
        """
        frames, state = self.processor.frames(inputs), self.processor.state(inputs)
        try:
            actions = self.actions(
                frames,
                inputs.language,
                state=self.processor.numbers.encode_state(state),
                noise=self._noise(noise, seed),
                prefix=self._prefix(prefix, state),
            )
        except torch.OutOfMemoryError:
            raise out_of_memory(self.device) from None
        answer = actions.float().cpu().numpy()
        if not np.all(np.isfinite(answer)):
            raise UserError(
                "the network's answer holds NaN or infinity: load the checkpoint with dtype "
                "float32 or bfloat16, or check its weights with groot-ros inspect --weights"
            )
        return self.processor.numbers.decode_actions(answer, state)

    def warm_up(self, inputs: ModelInput) -> None:
        """Predict for two prompts of different length, so that no real observation has to wait.

        Compiled stages then know pictures of this size, and prompts of any length.
        """
        for language in WARM_UP_INSTRUCTIONS:
            self.predict(replace(inputs, language=language), seed=0)

    def _noise(self, noise: ArrayLike | None, seed: int | None) -> torch.Tensor:
        if noise is None:
            generator = torch.Generator()
            if seed is None:
                generator.seed()
            else:
                generator.manual_seed(seed)
            return torch.randn(self.noise_shape, generator=generator)
        given = torch.as_tensor(np.asarray(noise, dtype=np.float32))
        if tuple(given.shape) != self.noise_shape:
            raise ValueError(f"noise has shape {tuple(given.shape)}, expected {self.noise_shape}")
        return given

    def _prefix(
        self, prefix: Prefix[ModelOutput] | None, state: Mapping[str, Array]
    ) -> NormalizedPrefix | None:
        if prefix is None:
            return None
        known = [key.key for key in self.modality.actions]
        if not prefix.steps or (unknown := prefix.steps.keys() - set(known)):
            found = ", ".join(sorted(unknown)) if prefix.steps else "nothing"
            raise ValueError(f"a prefix holds {found}, expected some of {', '.join(known)}")
        steps = len(next(iter(prefix.steps.values())))
        if not 0 <= prefix.frozen_steps <= steps <= self.modality.horizon:
            raise ValueError(
                f"a prefix of {steps} steps, {prefix.frozen_steps} of them frozen, does not fit "
                f"a horizon of {self.modality.horizon}"
            )
        numbers, rate = self.processor.numbers, prefix.ramp_rate
        encoded, _ = numbers.encode_actions(prefix.steps, state)
        free = numbers.free_numbers(prefix.steps.keys())
        config = self.network.config
        continued = GivenPrefix if config.max_delay_steps else NormalizedPrefix
        return continued(
            steps=torch.from_numpy(encoded[:steps])[None],
            frozen_steps=prefix.frozen_steps,
            ramp_rate=config.rtc_ramp_rate if rate is None else rate,
            free=torch.from_numpy(free) if free.any() else None,
        )
