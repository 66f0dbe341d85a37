"""The Eagle backbone of GR00T N1.6: SigLIP2, a connector, and the first layers of Qwen3."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import Qwen3Config, Qwen3Model, Siglip2VisionConfig, Siglip2VisionModel

from groot_ros.model.networks.backbone import Backbone, Grid, Names, PromptLayout
from groot_ros.model.networks.rope import text_tables

MERGE = 2
"""Neighbouring patches, in each direction, that become one token."""


@dataclass(frozen=True)
class EagleConfig:
    """transformers' configurations of both towers, and the token that an image's replace."""

    image_token_id: int
    text_config: Qwen3Config
    vision_config: Siglip2VisionConfig


class VisionModel(nn.Module):
    """Names as in the checkpoint: `vision_model` within a `vision_model`."""

    def __init__(self, config: Siglip2VisionConfig) -> None:
        super().__init__()
        self.vision_model = Siglip2VisionModel(config)


class LanguageModel(nn.Module):
    """Names as in the checkpoint: `model` and the unused `lm_head`, tied to the embedding."""

    def __init__(self, config: Qwen3Config) -> None:
        super().__init__()
        self.model = Qwen3Model(config)
        # Its table is not part of a checkpoint and stays behind on the meta device.
        del self.model.rotary_emb
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)


class Eagle(nn.Module):
    """Vision model, language model and the connector `mlp1` between them."""

    def __init__(self, config: EagleConfig) -> None:
        super().__init__()
        self.vision_model = VisionModel(config.vision_config)
        self.language_model = LanguageModel(config.text_config)
        merged = config.vision_config.hidden_size * MERGE**2
        width = config.text_config.hidden_size
        self.mlp1 = nn.Sequential(
            nn.LayerNorm(merged), nn.Linear(merged, width), nn.GELU(), nn.Linear(width, width)
        )


class EagleBackbone(Backbone):
    """Features are those behind the language model's final norm."""

    parts = Eagle
    names = Names(
        vision=("backbone.model.vision_model.", "backbone.model.mlp1."),
        text="backbone.model.language_model.model.",
        head="backbone.model.language_model.lm_head.weight",
    )

    @staticmethod
    def configure(values: Mapping[str, Any], num_layers: int) -> EagleConfig:
        text = {**values["text_config"], "num_hidden_layers": num_layers}
        config = EagleConfig(
            values["image_token_id"],
            Qwen3Config(**text),
            Siglip2VisionConfig(**values["vision_config"]),
        )
        for part in (config.text_config, config.vision_config):
            part._attn_implementation = "sdpa"
        return config

    @property
    def visual(self) -> Any:
        return self.model.vision_model.vision_model

    @property
    def vision_parts(self) -> list[nn.Module]:
        visual = self.visual
        return [visual.embeddings, visual.encoder, visual.post_layernorm, self.model.mlp1]

    @property
    def language_model(self) -> Any:
        return self.model.language_model.model

    @property
    def unused(self) -> list[nn.Module]:
        return [self.visual.head]

    def tie(self) -> None:
        self.model.language_model.lm_head.weight = self.language_model.embed_tokens.weight

    def rotary(
        self, input_ids: Tensor, grids: Sequence[Grid], attention_mask: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        # Padding counts: rotary positions matter by their differences alone.
        positions = torch.arange(input_ids.shape[1], device=input_ids.device)
        dtype = self.language_model.embed_tokens.weight.dtype
        text = self.config.text_config
        return text_tables(text, positions.expand_as(input_ids), dtype, self.precision)

    def encode_images(self, patches: Tensor, tables: tuple[Tensor, ...]) -> list[Tensor]:
        """The image tokens (N, D), row by row."""
        visual = self.visual
        row_weight, column_weight = tables
        embedding = visual.embeddings.patch_embedding
        x = embedding(patches.to(embedding.weight.dtype))
        x = x + self._positions(row_weight, column_weight).to(x.dtype)
        for layer in visual.encoder.layers:
            x = layer(x, attention_mask=None)
        x = visual.post_layernorm(x).unflatten(1, (len(row_weight), len(column_weight)))
        merged = F.pixel_unshuffle(x.permute(0, 3, 1, 2), MERGE)
        return [self.model.mlp1(merged.flatten(2).transpose(1, 2)).flatten(0, 1)]

    def _positions(self, row_weight: Tensor, column_weight: Tensor) -> Tensor:
        """Position embeddings (P, D) interpolated to the rows and columns of a grid."""
        table = self.visual.embeddings.position_embedding.weight.float()
        side = math.isqrt(len(table))
        columns = torch.einsum("wj,ijd->iwd", column_weight, table.unflatten(0, (side, side)))
        return torch.einsum("hi,iwd->hwd", row_weight, columns).flatten(0, 1)

    def new_tables(self, grid: Grid) -> tuple[Tensor, ...]:
        """Weight of each of the table's rows and columns in the grid's, (rows, side) and so on.

        Interpolation, linear with antialiasing, works on each axis by itself.
        """
        side = math.isqrt(self.config.vision_config.num_patches)
        unit = torch.eye(side)[:, None, None]
        return tuple(
            F.interpolate(unit, (1, size), mode="bilinear", antialias=True)[:, 0, 0].T
            for size in grid
        )

    def text(self, layout: PromptLayout, images: Sequence[Tensor]) -> Tensor:
        out: Tensor = self.language_model.norm(super().text(layout, images))
        return out
