"""What the backbones of all versions have in common: pictures and a prompt in, features out.

Their parts are those of transformers; the way through them is ours, so that nothing is computed
that is not used, images of one size go through as a batch and all shapes are static.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from transformers.masking_utils import create_causal_mask

from groot_ros.model.networks.rope import RopePrecision

Grid = tuple[int, int]
"""Patch rows and columns of an image."""


@dataclass(frozen=True)
class PromptLayout:
    """What depends on the token sequence alone, not on pictures or weights.

    input_ids (B, S); cosine and sine (B, S, head_dim); image_index: where image tokens are in
    the flattened (B S) sequence; attention_mask (B, S), None when no row is padded.
    """

    input_ids: Tensor
    cosine: Tensor
    sine: Tensor
    image_index: Tensor
    attention_mask: Tensor | None


@dataclass(frozen=True)
class Names:
    """Where the parts of a backbone are in a checkpoint: beginnings of tensor names.

    `head` is the output head, tied to the embedding and never used.
    """

    vision: tuple[str, ...]
    text: str
    head: str

    @property
    def embedding(self) -> str:
        return f"{self.text}embed_tokens.weight"

    def text_layer(self, name: str) -> int | None:
        """The text layer that a tensor belongs to."""
        match = re.match(re.escape(self.text) + r"layers\.(\d+)\.", name)
        return None if match is None else int(match[1])


class Backbone(nn.Module, ABC):
    """Images and prompt -> features (B, S, D) of the last text layer.

    `config` has the image token's id and transformers' configurations of both towers.
    """

    names: ClassVar[Names]
    parts: ClassVar[type[nn.Module]]
    """The modules, made from `config`; named as in a checkpoint below `model`."""

    def __init__(
        self,
        values: Mapping[str, Any],
        num_layers: int,
        precision: RopePrecision = RopePrecision.FLOAT32,
    ) -> None:
        super().__init__()
        self.config = self.configure(values, num_layers)
        self.precision = precision
        self._grids: dict[tuple[Grid, torch.device], Any] = {}
        self.model: Any = self.parts(self.config)
        self.tie()

    @staticmethod
    @abstractmethod
    def configure(values: Mapping[str, Any], num_layers: int) -> Any:
        """transformers' configuration of the backbone, cut to `num_layers` text layers."""

    @property
    @abstractmethod
    def vision_parts(self) -> list[nn.Module]:
        """Everything between patches and image tokens."""

    @property
    @abstractmethod
    def language_model(self) -> Any:
        """The text tower: embed_tokens, layers, norm."""

    @property
    @abstractmethod
    def unused(self) -> list[nn.Module]:
        """Parts that checkpoints hold and no feature passes."""

    @abstractmethod
    def tie(self) -> None:
        """Make the output head the embedding's own parameter."""

    @abstractmethod
    def rotary(
        self, input_ids: Tensor, grids: Sequence[Grid], attention_mask: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Cosine and sine (B, S, head_dim) of the tokens' positions."""

    @abstractmethod
    def new_tables(self, grid: Grid) -> tuple[Tensor, ...]:
        """What the vision tower needs of an image's grid alone."""

    @abstractmethod
    def encode_images(self, patches: Tensor, tables: tuple[Tensor, ...]) -> list[Tensor]:
        """`vision` for patches (images, P, patch size) of one grid."""

    def forward(self, layout: PromptLayout, patches: Tensor, grids: Sequence[Grid]) -> Tensor:
        """Features (B, S, D) of a prompt and its images' patches (sum of P, patch size)."""
        return self.text(layout, self.vision(patches, grids))

    def layout(
        self, input_ids: Tensor, grids: Sequence[Grid], attention_mask: Tensor | None = None
    ) -> PromptLayout:
        """Positions and masks of token ids (B, S) with image tokens for `grids`, in order."""
        cosine, sine = self.rotary(input_ids, grids, attention_mask)
        image_index = (input_ids == self.config.image_token_id).flatten().nonzero()[:, 0]
        return PromptLayout(
            input_ids=input_ids,
            cosine=cosine,
            sine=sine,
            image_index=image_index,
            attention_mask=attention_mask,
        )

    def vision(self, patches: Tensor, grids: Sequence[Grid]) -> list[Tensor]:
        """Levels (N, D) of the image tokens, the final one first, of patches in image order."""
        sizes = [rows * columns for rows, columns in grids]
        if len(set(grids)) == 1:
            images = patches.unflatten(0, (len(grids), -1))
            return self.encode_images(images, self.grid_tables(grids[0], patches.device))
        parts = [
            self.encode_images(image[None], self.grid_tables(grid, patches.device))
            for image, grid in zip(patches.split(sizes), grids, strict=True)
        ]
        return [torch.cat(level) for level in zip(*parts, strict=True)]

    def grid_tables(self, grid: Grid, device: torch.device) -> tuple[Tensor, ...]:
        """The tables of a grid, computed once."""
        if (grid, device) not in self._grids:
            tables = self.new_tables(grid)
            self._grids[grid, device] = tuple(table.to(device) for table in tables)
        out: tuple[Tensor, ...] = self._grids[grid, device]
        return out

    def text(self, layout: PromptLayout, images: Sequence[Tensor]) -> Tensor:
        """Output (B, S, D) of the last layer for a prompt with `vision`'s tokens in it.

        Levels beside the final one are added to the image tokens behind the first layers.
        """
        image_tokens, *deepstack = images
        hidden: torch.Tensor = self.language_model.embed_tokens(layout.input_ids)
        flat = hidden.flatten(0, 1).index_copy(0, layout.image_index, image_tokens.to(hidden))
        hidden = flat.view_as(hidden)
        mask = None
        if layout.attention_mask is not None:
            mask = create_causal_mask(
                config=self.config.text_config,
                inputs_embeds=hidden,
                attention_mask=layout.attention_mask,
                past_key_values=None,
            )
        layers = self.language_model.layers
        for index, layer in enumerate(layers):
            hidden = layer(
                hidden,
                position_embeddings=(layout.cosine, layout.sine),
                attention_mask=mask,
            )
            if index < min(len(deepstack), len(layers) - 1):
                flat = hidden.flatten(0, 1)
                level = deepstack[index].to(hidden)
                hidden = flat.index_add(0, layout.image_index, level).view_as(hidden)
        return hidden
