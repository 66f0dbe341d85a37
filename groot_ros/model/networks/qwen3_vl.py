"""Qwen3-VL as GR00T N1.7 uses it: vision tower, first text layers, no final norm, no head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import Qwen3VLConfig, Qwen3VLModel
from transformers.models.qwen3_vl.modeling_qwen3_vl import apply_rotary_pos_emb_vision
from transformers.vision_utils import (
    get_vision_interpolation_indices_and_weights,
    get_vision_position_ids,
)

from groot_ros.model.networks.backbone import Backbone, Grid, Names
from groot_ros.model.networks.rope import interleaved_tables, vision_tables


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


class Qwen3VLBackbone(Backbone):
    """Features are the last layer's own output: no norm, no deepstack after it."""

    parts = QwenVL
    names = Names(
        vision=("backbone.model.model.visual.",),
        text="backbone.model.model.language_model.",
        head="backbone.model.lm_head.weight",
    )

    @staticmethod
    def configure(values: Mapping[str, Any], num_layers: int) -> Any:
        text = {**values["text_config"], "num_hidden_layers": num_layers}
        config: Any = Qwen3VLConfig(**{**values, "text_config": text})
        for part in (config, config.text_config, config.vision_config):
            part._attn_implementation = "sdpa"
        return config

    @property
    def visual(self) -> Any:
        return self.model.model.visual

    @property
    def vision_parts(self) -> list[nn.Module]:
        return [self.visual]

    @property
    def language_model(self) -> Any:
        return self.model.model.language_model

    @property
    def unused(self) -> list[nn.Module]:
        return [self.language_model.norm]

    def tie(self) -> None:
        self.model.lm_head.weight = self.language_model.embed_tokens.weight

    def rotary(
        self, input_ids: Tensor, grids: Sequence[Grid], attention_mask: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        is_image = input_ids == self.config.image_token_id
        positions, _ = self.model.model.get_rope_index(
            input_ids.cpu(),
            mm_token_type_ids=is_image.int().cpu(),
            image_grid_thw=torch.tensor([(1, *grid) for grid in grids]),
            attention_mask=None if attention_mask is None else attention_mask.cpu(),
        )
        dtype = self.language_model.embed_tokens.weight.dtype
        text = self.config.text_config
        return interleaved_tables(text, positions.to(input_ids.device), dtype, self.precision)

    def encode_images(self, patches: Tensor, tables: tuple[Tensor, ...]) -> list[Tensor]:
        """The image tokens (N, D), then the deepstack levels'."""
        visual = self.visual
        interpolation_index, interpolation_weight, cosine, sine = tables
        projection = visual.patch_embed.proj
        patches = patches.to(projection.weight.dtype)
        # A convolution whose stride is its kernel is a matrix product.
        x = F.linear(patches, projection.weight.flatten(1), projection.bias)
        positions = visual.pos_embed(interpolation_index)
        positions = (positions * interpolation_weight[..., None]).sum(1)
        x = x + positions.to(x.dtype)
        deepstack = []
        for index, block in enumerate(visual.blocks):
            x = x + self._vision_attention(block.attn, block.norm1(x), cosine, sine)
            x = x + block.mlp(block.norm2(x))
            if index in visual.deepstack_visual_indexes:
                level = visual.deepstack_visual_indexes.index(index)
                deepstack.append(visual.deepstack_merger_list[level](x))
        return [visual.merger(x), *deepstack]

    @staticmethod
    def _vision_attention(attention: Any, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        query, key, value = attention.qkv(x).unflatten(-1, (3, attention.num_heads, -1)).unbind(-3)
        query, key = apply_rotary_pos_emb_vision(query, key, cosine, sine)
        attended = F.scaled_dot_product_attention(
            query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)
        )
        out: Tensor = attention.proj(attended.transpose(1, 2).flatten(2))
        return out

    def new_tables(self, grid: Grid) -> tuple[Tensor, ...]:
        """Index and weight of the interpolated positions, cosine and sine: (P, ...) each."""
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
        return index, weight, cosine, sine
