"""Observations -> normalised actions, with everything kept that the next one can use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from groot_ros.model.inference.compilation import Compiled, CompileMode, compile_stage
from groot_ros.model.inference.denoiser import Denoiser
from groot_ros.model.inference.fused_denoiser import denoising_stage
from groot_ros.model.networks.backbone import Grid, PromptLayout
from groot_ros.model.networks.flow_matching import NormalizedPrefix
from groot_ros.model.networks.network import Network
from groot_ros.model.processing.images import ImagePipeline

Frame = NDArray[np.uint8]
PROMPTS_KEPT = 16


@dataclass(frozen=True)
class EncodedImage:
    """A picture as the language model sees it: patch grid, tokens and deepstack levels (N, D)."""

    grid: Grid
    levels: tuple[Tensor, ...]


@dataclass(frozen=True)
class Prompt:
    """A prompt's layout and which of its tokens are text and which are image."""

    layout: PromptLayout
    text_index: Tensor
    image_index: Tensor


class PreparedNetwork:
    """A network that answers one observation at a time.

    Pictures that come again bit by bit are not encoded again, a prompt's tokens and positions
    are kept, and the stages may be compiled. `tokenize` gives the ids of an instruction with
    images of so many tokens each.
    """

    def __init__(
        self,
        network: Network,
        images: ImagePipeline,
        tokenize: Callable[[str, Sequence[int]], list[int]],
        mode: CompileMode = CompileMode.OFF,
    ) -> None:
        self.network = network
        self.images = images
        self.denoiser = Denoiser(network.action_head)
        parameter = next(network.action_head.parameters())
        self.device, self.dtype = parameter.device, parameter.dtype
        self._tokenize = tokenize
        self._prompts: dict[tuple[str, tuple[Grid, ...]], Prompt] = {}
        self._last: list[tuple[Frame, EncodedImage]] = []
        # A compiled stage knows one number of pictures: then all are encoded or none.
        self._all_or_none = mode is not CompileMode.OFF
        self._encode_images = compile_stage(
            network.backbone.encode_images, mode, "vision", self.device
        )
        self._text = compile_stage(network.backbone.text, mode, "language model", self.device)
        self._denoise = denoising_stage(self.denoiser, mode)

    @property
    def failures(self) -> list[str]:
        """Why stages run as they are that should be compiled or recorded."""
        stages = (self._encode_images, self._text, self._denoise)
        return [s.failure for s in stages if isinstance(s, Compiled) and s.failure]

    def actions(
        self,
        frames: Sequence[Frame],
        instruction: str,
        state: NDArray[np.float32],
        noise: Tensor,
        prefix: NormalizedPrefix | None = None,
    ) -> Tensor:
        """Normalised actions (H, D) for frames (h, w, 3), a state (T, D) and noise (H, D)."""
        images = self.encode(frames)
        prompt = self.prompt(instruction, tuple(image.grid for image in images))
        return self.denoise(
            self.features(prompt, images), prompt, state=state, noise=noise, prefix=prefix
        )

    def encode(self, frames: Sequence[Frame]) -> list[EncodedImage]:
        """Each frame encoded; only those that differ from the last ones are computed."""
        known = [
            image if np.array_equal(frame, last) else None
            for frame, (last, image) in zip(frames, self._last, strict=False)
        ]
        if len(known) != len(frames) or (self._all_or_none and None in known):
            known = [None] * len(frames)
        new = [frame for frame, image in zip(frames, known, strict=True) if image is None]
        computed = iter(self.encode_patches(*self.patches(new)) if new else ())
        images = [image or next(computed) for image in known]
        if new or len(images) != len(self._last):
            self._last = [(f.copy(), image) for f, image in zip(frames, images, strict=True)]
        return images

    def patches(self, frames: Sequence[Frame]) -> tuple[Tensor, tuple[Grid, ...]]:
        """Patches of all frames, in order, on the network's device, and each one's grid."""
        # torch warns of arrays that cannot be written to, as those off a wire are.
        owned = [np.require(frame, requirements=["C", "W"]) for frame in frames]
        tensors = [torch.from_numpy(frame) for frame in owned]
        return self.images([tensor.to(self.device) for tensor in tensors])

    def encode_patches(self, patches: Tensor, grids: Sequence[Grid]) -> list[EncodedImage]:
        """Images from their patches; neighbours of one grid go through as a batch."""
        images = []
        counts = [rows * columns for rows, columns in grids]
        for batch, grid in _batches(patches.split(counts), grids):
            tables = self.network.backbone.grid_tables(grid, self.device)
            tokens = self.images.patches.tokens(grid)
            levels = [level.split(tokens) for level in self._encode_images(batch, tables)]
            images += [EncodedImage(grid, image) for image in zip(*levels, strict=True)]
        return images

    def features(self, prompt: Prompt, images: Sequence[EncodedImage]) -> Tensor:
        """Backbone features (1, S, D) of a prompt with its images."""
        levels = zip(*(image.levels for image in images), strict=True)
        out: Tensor = self._text(prompt.layout, [torch.cat(level) for level in levels])
        return out

    def denoise(
        self,
        features: Tensor,
        prompt: Prompt,
        state: NDArray[np.float32],
        noise: Tensor,
        prefix: NormalizedPrefix | None,
    ) -> Tensor:
        """Normalised actions (H, D) from features (1, S, D), a state (T, D) and noise (H, D)."""
        start = noise[None].to(self.device, self.dtype)
        strength = torch.ones(start.shape[1], 1)
        if prefix is not None:
            start, strength = prefix.start(start), prefix.strength(start.shape[1])
        out: Tensor = self._denoise(
            features,
            prompt.text_index,
            prompt.image_index,
            torch.from_numpy(state)[None].to(self.device, self.dtype),
            start,
            strength.expand(start.shape[1:]).to(self.device, self.dtype).contiguous(),
        )[0]
        return out

    def prompt(self, instruction: str, grids: tuple[Grid, ...]) -> Prompt:
        """Tokens and positions of an instruction with images of these grids."""
        key = instruction, grids
        if key not in self._prompts:
            if len(self._prompts) >= PROMPTS_KEPT:
                del self._prompts[next(iter(self._prompts))]
            self._prompts[key] = self._new_prompt(instruction, grids)
        return self._prompts[key]

    def _new_prompt(self, instruction: str, grids: tuple[Grid, ...]) -> Prompt:
        ids = self._tokenize(instruction, [self.images.patches.tokens(grid) for grid in grids])
        backbone = self.network.backbone
        layout = backbone.layout(torch.tensor([ids], device=self.device), grids)
        is_text = layout.input_ids[0] != backbone.config.image_token_id
        return Prompt(layout, is_text.nonzero()[:, 0], layout.image_index)


def _batches(patches: Sequence[Tensor], grids: Sequence[Grid]) -> list[tuple[Tensor, Grid]]:
    groups: list[tuple[list[Tensor], Grid]] = []
    for image, grid in zip(patches, grids, strict=True):
        if not groups or groups[-1][1] != grid:
            groups.append(([], grid))
        groups[-1][0].append(image)
    return [(torch.stack(images), grid) for images, grid in groups]
