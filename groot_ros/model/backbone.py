"""Qwen3-VL as GR00T N1.7 uses it: vision tower, first `select_layer` text layers, no head.

The parts are those of transformers; the way through them is ours, so that nothing is computed
that is not used, images of one size go through as a batch and all shapes are static.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import Qwen3VLConfig, Qwen3VLModel
from transformers.masking_utils import create_causal_mask
from transformers.models.qwen3_vl.modeling_qwen3_vl import apply_rotary_pos_emb_vision
from transformers.vision_utils import (
    get_vision_interpolation_indices_and_weights,
    get_vision_position_ids,
)

from groot_ros.model.rope import RopePrecision, text_tables, vision_tables

Grid = tuple[int, int]
"""Patch rows and columns of an image."""


@dataclass(frozen=True)
class GridTables:
    """What depends on an image's grid alone, (P, ...) for its P patches."""

    interpolation_index: Tensor
    interpolation_weight: Tensor
    cosine: Tensor
    sine: Tensor


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


def qwen_config(values: Mapping[str, Any], num_layers: int) -> Any:
    """transformers' configuration of the backbone, cut to `num_layers` text layers."""
    text = {**values["text_config"], "num_hidden_layers": num_layers}
    config: Any = Qwen3VLConfig(**{**values, "text_config": text})
    for part in (config, config.text_config, config.vision_config):
        part._attn_implementation = "sdpa"
    return config


class QwenVL(nn.Module):
    """Names as in the checkpoint: `model` and the unused `lm_head`, tied to the embedding."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.model = Qwen3VLModel(config)
        # Their tables are not part of a checkpoint and stay behind on the meta device.
        del self.model.language_model.rotary_emb
        del self.model.visual.rotary_pos_emb
        text = config.text_config
        self.lm_head = nn.Linear(text.hidden_size, text.vocab_size, bias=False)
        self.tie()

    def tie(self) -> None:
        """Make the head the embedding's own parameter."""
        self.lm_head.weight = self.model.language_model.embed_tokens.weight


class Backbone(nn.Module):
    """Images and prompt -> features of the last text layer, before any final norm."""

    def __init__(
        self,
        values: Mapping[str, Any],
        num_layers: int,
        precision: RopePrecision = RopePrecision.FLOAT32,
    ) -> None:
        super().__init__()
        self.config = qwen_config(values, num_layers)
        self.precision = precision
        self.model = QwenVL(self.config)
        self._grids: dict[tuple[Grid, torch.device], GridTables] = {}

    @property
    def visual(self) -> Any:
        return self.model.model.visual

    @property
    def language_model(self) -> Any:
        return self.model.model.language_model

    def forward(self, layout: PromptLayout, patches: Tensor, grids: Sequence[Grid]) -> Tensor:
        """Features (B, S, D) of a prompt and its images' patches (sum of P, patch size)."""
        return self.text(layout, self.vision(patches, grids))

    def layout(
        self, input_ids: Tensor, grids: Sequence[Grid], attention_mask: Tensor | None = None
    ) -> PromptLayout:
        """Positions and masks of token ids (B, S) with image tokens for `grids`, in order."""
        is_image = input_ids == self.config.image_token_id
        qwen: Any = self.model.model
        positions, _ = qwen.get_rope_index(
            input_ids.cpu(),
            mm_token_type_ids=is_image.int().cpu(),
            image_grid_thw=torch.tensor([(1, *grid) for grid in grids]),
            attention_mask=None if attention_mask is None else attention_mask.cpu(),
        )
        dtype = self.language_model.embed_tokens.weight.dtype
        cosine, sine = text_tables(
            self.config.text_config, positions.to(input_ids.device), dtype, self.precision
        )
        image_index = is_image.flatten().nonzero()[:, 0]
        return PromptLayout(input_ids, cosine, sine, image_index, attention_mask)

    def vision(self, patches: Tensor, grids: Sequence[Grid]) -> list[Tensor]:
        """Image tokens (N, D), then the deepstack levels' (N, D), of patches in image order."""
        sizes = [rows * columns for rows, columns in grids]
        if len(set(grids)) == 1:
            images = patches.unflatten(0, (len(grids), -1))
            return self.encode_images(images, self.grid_tables(grids[0], patches.device))
        parts = [
            self.encode_images(image[None], self.grid_tables(grid, patches.device))
            for image, grid in zip(patches.split(sizes), grids, strict=True)
        ]
        return [torch.cat(level) for level in zip(*parts, strict=True)]

    def encode_images(self, patches: Tensor, tables: GridTables) -> list[Tensor]:
        """`vision` for patches (images, P, patch size) of one grid."""
        visual = self.visual
        projection = visual.patch_embed.proj
        patches = patches.to(projection.weight.dtype)
        # A convolution whose stride is its kernel is a matrix product.
        x = F.linear(patches, projection.weight.flatten(1), projection.bias)
        positions = visual.pos_embed(tables.interpolation_index)
        positions = (positions * tables.interpolation_weight[..., None]).sum(1)
        x = x + positions.to(x.dtype)
        deepstack = []
        for index, block in enumerate(visual.blocks):
            x = x + self._vision_attention(block.attn, block.norm1(x), tables)
            x = x + block.mlp(block.norm2(x))
            if index in visual.deepstack_visual_indexes:
                level = visual.deepstack_visual_indexes.index(index)
                deepstack.append(visual.deepstack_merger_list[level](x))
        return [visual.merger(x), *deepstack]

    @staticmethod
    def _vision_attention(attention: Any, x: Tensor, tables: GridTables) -> Tensor:
        query, key, value = attention.qkv(x).unflatten(-1, (3, attention.num_heads, -1)).unbind(-3)
        query, key = apply_rotary_pos_emb_vision(query, key, tables.cosine, tables.sine)
        attended = F.scaled_dot_product_attention(
            query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)
        )
        return attention.proj(attended.transpose(1, 2).flatten(2))

    def grid_tables(self, grid: Grid, device: torch.device) -> GridTables:
        """The tables of a grid, computed once."""
        if (grid, device) not in self._grids:
            thw = torch.tensor([(1, *grid)])
            merge = self.visual.spatial_merge_size
            index, weight = get_vision_interpolation_indices_and_weights(
                thw,
                num_grid_per_side=self.visual.num_grid_per_side,
                mode=self.visual.interpolation_mode,
                align_corners=self.visual.interpolation_align_corners,
                spatial_merge_size=merge,
            )
            rows, columns = get_vision_position_ids(thw, merge).unbind(-1)
            cosine, sine = vision_tables(self.config.vision_config, rows, columns, self.precision)
            self._grids[grid, device] = GridTables(
                *(tensor.to(device) for tensor in (index, weight, cosine, sine))
            )
        return self._grids[grid, device]

    def text(self, layout: PromptLayout, images: Sequence[Tensor]) -> Tensor:
        """Features (B, S, D) of a prompt with `vision`'s tokens in it.

        They are the last layer's own output: no norm, no deepstack after it.
        """
        image_tokens, *deepstack = images
        hidden = self.language_model.embed_tokens(layout.input_ids)
        flat = hidden.flatten(0, 1).index_copy(0, layout.image_index, image_tokens)
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
                hidden = flat.index_add(0, layout.image_index, deepstack[index]).view_as(hidden)
        return hidden
