"""Observations -> normalised actions, with everything kept that the next one can use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from groot_ros.model.backbone import Grid, PromptLayout
from groot_ros.model.compilation import CompileMode, compile_stage
from groot_ros.model.denoiser import Denoiser
from groot_ros.model.flow_matching import Prefix
from groot_ros.model.gr00t import Gr00tN1d7
from groot_ros.model.images import ImagePipeline
from groot_ros.model.processor import PromptProcessor

Frame = NDArray[np.uint8]
PROMPTS_KEPT = 16


@dataclass(frozen=True)
class EncodedImage:
    """A picture as the language model sees it: patch grid, tokens and deepstack levels (N, D)."""

    frame: Frame
    grid: Grid
    levels: tuple[Tensor, ...]


@dataclass(frozen=True)
class Prompt:
    """A prompt's layout and which of its tokens are text and which are image."""

    layout: PromptLayout
    text_index: Tensor
    image_index: Tensor


class Serving:
    """A network that answers one observation at a time.

    Pictures that come again bit by bit are not encoded again, a prompt's tokens and positions
    are kept, and the stages may be compiled.
    """

    def __init__(
        self,
        network: Gr00tN1d7,
        images: ImagePipeline,
        prompts: PromptProcessor,
        mode: CompileMode = CompileMode.OFF,
    ) -> None:
        self.network = network
        self.images = images
        self._prompts = prompts
        self._prompt_cache: dict[tuple[str, tuple[Grid, ...]], Prompt] = {}
        self._last_images: list[EncodedImage] = []
        parameter = next(network.action_head.parameters())
        self.device, self.dtype = parameter.device, parameter.dtype
        self.denoiser = Denoiser(network.action_head)
        self._static = mode is not CompileMode.OFF
        self._encode_images = compile_stage(network.backbone.encode_images, mode, "vision")
        self._text = compile_stage(network.backbone.text, mode, "language model")
        self._denoise = compile_stage(self.denoiser, mode, "action head")

    def actions(
        self,
        frames: Sequence[Frame],
        instruction: str,
        state: NDArray[np.float32],
        noise: Tensor,
        prefix: Prefix | None = None,
    ) -> Tensor:
        """Normalised actions (H, D) for frames (h, w, 3), a state (T, D) and noise (H, D)."""
        images = self.encode(frames)
        prompt = self.prompt(instruction, tuple(image.grid for image in images))
        levels = [torch.cat(level) for level in zip(*(i.levels for i in images), strict=True)]
        features = self._text(prompt.layout, levels)
        start = noise[None].to(self.device, self.dtype)
        strength = torch.ones(start.shape[1], 1)
        if prefix is not None:
            start, strength = prefix.start(start), prefix.strength(start.shape[1])
        return self._denoise(
            features,
            prompt.text_index,
            prompt.image_index,
            torch.from_numpy(state)[None].to(self.device, self.dtype),
            start,
            strength.to(self.device, self.dtype),
        )[0]

    def encode(self, frames: Sequence[Frame]) -> list[EncodedImage]:
        """Tokens of each frame; only those that differ from the last ones are computed."""
        last = self._last_images
        same = len(last) == len(frames) and [
            np.array_equal(image.frame, frame) for image, frame in zip(last, frames, strict=True)
        ]
        if same and all(same):
            return last
        if not same or self._static or not any(same):
            self._last_images = self._encode(frames)
            return self._last_images
        new = iter(self._encode([f for f, known in zip(frames, same, strict=True) if not known]))
        self._last_images = [
            image if known else next(new) for image, known in zip(last, same, strict=True)
        ]
        return self._last_images

    def _encode(self, frames: Sequence[Frame]) -> list[EncodedImage]:
        tensors = [torch.from_numpy(np.ascontiguousarray(frame)) for frame in frames]
        patches, grids = self.images([tensor.to(self.device) for tensor in tensors])
        backbone, encoded = self.network.backbone, []
        counts = [rows * columns for rows, columns in grids]
        for batch, grid in _batches(patches.split(counts), grids):
            levels = self._encode_images(batch, backbone.grid_tables(grid, self.device))
            tokens = self.images.patches.tokens(grid)
            encoded += list(zip(*(level.split(tokens) for level in levels), strict=True))
        return [
            EncodedImage(frame.copy(), grid, levels)
            for frame, grid, levels in zip(frames, grids, encoded, strict=True)
        ]

    def prompt(self, instruction: str, grids: tuple[Grid, ...]) -> Prompt:
        """Tokens and positions of an instruction with images of these grids."""
        key = instruction, grids
        if key not in self._prompt_cache:
            if len(self._prompt_cache) >= PROMPTS_KEPT:
                self._prompt_cache.pop(next(iter(self._prompt_cache)))
            self._prompt_cache[key] = self._new_prompt(instruction, grids)
        return self._prompt_cache[key]

    def _new_prompt(self, instruction: str, grids: tuple[Grid, ...]) -> Prompt:
        ids = self._prompts(instruction, [self.images.patches.tokens(grid) for grid in grids])
        backbone = self.network.backbone
        layout = backbone.layout(torch.tensor([ids], device=self.device), grids)
        is_text = layout.input_ids[0] != backbone.config.image_token_id
        return Prompt(layout, is_text.nonzero()[:, 0], layout.image_index)


def _batches(patches: Sequence[Tensor], grids: Sequence[Grid]) -> list[tuple[Tensor, Grid]]:
    """Neighbouring images of one grid as one batch (images, P, patch size)."""
    groups: list[tuple[list[Tensor], Grid]] = []
    for image, grid in zip(patches, grids, strict=True):
        if groups and groups[-1][1] == grid:
            groups[-1][0].append(image)
        else:
            groups.append(([image], grid))
    return [(torch.stack(images), grid) for images, grid in groups]
