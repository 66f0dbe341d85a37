"""Model input in physical units -> network input, and the network's answer back."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from groot_ros.codecs.types import ModelInput
from groot_ros.errors import UserError
from groot_ros.model.images import ImagePipeline
from groot_ros.model.modality import Modality
from groot_ros.model.prompt import SPECIAL_TOKENS, formalize, prompt

if TYPE_CHECKING:
    from groot_ros.model.state_action import StateActionProcessor

Array = NDArray[np.float64]


class PromptProcessor:
    """Instructions -> token ids; each instruction is tokenised once."""

    def __init__(self, tokenizer: Tokenizer, formalize_language: bool) -> None:
        self._tokenizer = tokenizer
        self._formalize = formalize_language
        self._encode = functools.lru_cache(maxsize=32)(self._tokenize)

    def __call__(self, instruction: str, image_tokens: Sequence[int]) -> list[int]:
        """Token ids of the prompt with images of so many tokens each."""
        return self._encode(instruction, tuple(image_tokens))

    def _tokenize(self, instruction: str, image_tokens: tuple[int, ...]) -> list[int]:
        text = formalize(instruction) if self._formalize else instruction
        special = [token for token in SPECIAL_TOKENS if token in text]
        if special:
            raise UserError(
                f"the instruction {instruction!r} holds the reserved {', '.join(special)}: "
                "leave it out"
            )
        return self._tokenizer.encode(prompt(text, image_tokens), add_special_tokens=False).ids


@dataclass(frozen=True)
class Encoded:
    """One observation for the network: token ids, patches with grids, state (T, D)."""

    input_ids: list[int]
    patches: Tensor
    grids: tuple[tuple[int, int], ...]
    state: NDArray[np.float32]


class Processor:
    """The whole way of one embodiment: pictures, prompt, state and actions."""

    def __init__(
        self, images: ImagePipeline, prompts: PromptProcessor, numbers: StateActionProcessor
    ) -> None:
        self.images = images
        self.prompts = prompts
        self.numbers = numbers

    @property
    def modality(self) -> Modality:
        return self.numbers.modality

    def encode(self, inputs: ModelInput, device: torch.device) -> Encoded:
        """Network input of one observation; UserError names what does not fit."""
        frames = self._frames(inputs, device)
        patches, grids = self.images(frames)
        tokens = [self.images.patches.tokens(grid) for grid in grids]
        ids = self.prompts(inputs.language, tokens)
        return Encoded(ids, patches, grids, self.numbers.encode_state(self.state(inputs)))

    def _frames(self, inputs: ModelInput, device: torch.device) -> list[Tensor]:
        """Frames in time order, the views side by side within each time."""
        modality = self.modality
        _check_keys("video", inputs.video, modality.video_keys)
        steps = len(modality.video_delta)
        for key in modality.video_keys:
            video = inputs.video[key]
            if video.dtype != np.uint8 or video.ndim != 4 or video.shape[3] != 3:
                raise UserError(
                    f"video {key!r} is {video.dtype} {video.shape}, expected uint8 "
                    f"({steps}, height, width, 3) RGB"
                )
            if len(video) != steps:
                raise UserError(
                    f"video {key!r} has {len(video)} frames, expected {steps} at steps "
                    f"{list(modality.video_delta)}: the checkpoint was trained so"
                )
        videos = [
            torch.from_numpy(np.ascontiguousarray(inputs.video[key])).to(device)
            for key in modality.video_keys
        ]
        return [video[step] for step in range(steps) for video in videos]

    def state(self, inputs: ModelInput) -> dict[str, Array]:
        """The state in float64; UserError names a key or size that does not fit."""
        modality = self.modality
        _check_keys("state", inputs.state, modality.state)
        state = {}
        for key, dim in modality.state.items():
            values = np.asarray(inputs.state[key], dtype=np.float64)
            expected = (len(modality.state_delta), dim)
            if values.shape != expected:
                raise UserError(
                    f"state {key!r} has shape {values.shape}, expected {expected}: the "
                    "checkpoint was trained on another robot or variant"
                )
            if not np.all(np.isfinite(values)):
                raise UserError(f"state {key!r} holds NaN or infinity: check its source")
            state[key] = values
        return state


def _check_keys(kind: str, found: Mapping[str, Any], expected: Iterable[str]) -> None:
    missing = [key for key in expected if key not in found]
    if missing:
        raise UserError(
            f"the observation has no {kind} {', '.join(map(repr, missing))}, only "
            f"{', '.join(map(repr, found)) or 'none'}: choose the variant that the checkpoint "
            "was trained with"
        )
