"""The diffusion transformer of the action head and the transformer over its context.

Even blocks attend to the vision-language tokens, in turn to the text and to the image tokens;
odd blocks attend among the state and action tokens.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from groot_ros.model.networks.config import TransformerConfig
from groot_ros.model.networks.layers import DiTBlock, KeyValue, SelfAttentionBlock, sinusoid

TIME_CHANNELS = 256


class Tokens(NamedTuple):
    """Vision-language tokens (B, S, D) that a block may see; mask (B, S), None: all of them."""

    features: Tensor
    mask: Tensor | None = None


class Context(NamedTuple):
    """What the text blocks and what the image blocks see."""

    text: Tokens
    image: Tokens


class Modulation(NamedTuple):
    """All that depends on the time bucket alone: blocks (L, B, 1, 2 D), output (B, 1, 2 D)."""

    blocks: Tensor
    output: Tensor


class TimestepEmbedder(nn.Module):
    """Channels (B, 256) of a time -> embedding (B, dim): two layers."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(TIME_CHANNELS, dim)
        self.linear_2 = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.linear_2(F.silu(self.linear_1(x)))
        return out


class TimestepEncoder(nn.Module):
    """Time bucket (B,) -> embedding (B, dim): 256 channels, cosines first, then two layers."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.timestep_embedder = TimestepEmbedder(dim)

    def forward(self, timestep: Tensor) -> Tensor:
        half = TIME_CHANNELS // 2
        frequencies = torch.exp(-math.log(10000) * torch.arange(half).float() / (half - 1))
        sine, cosine = sinusoid(timestep, frequencies)
        dtype = self.timestep_embedder.linear_1.weight.dtype
        out: Tensor = self.timestep_embedder(torch.cat([cosine, sine], dim=-1).to(dtype))
        return out


class AlternateVLDiT(nn.Module):
    """DiT whose cross-attention alternates between text and image tokens."""

    def __init__(
        self, config: TransformerConfig, context_dim: int, output_dim: int, text_every: int
    ) -> None:
        super().__init__()
        dim = config.inner_dim
        self.text_every = text_every
        self.timestep_encoder = TimestepEncoder(dim)
        blocks = [
            DiTBlock(
                dim,
                config.num_attention_heads,
                context_dim=context_dim if index % 2 == 0 else dim,
                dropout=config.dropout,
                final_dropout=config.final_dropout,
            )
            for index in range(config.num_layers)
        ]
        self.transformer_blocks = nn.ModuleList(blocks)
        self.proj_out_1 = nn.Linear(dim, 2 * dim)
        self.proj_out_2 = nn.Linear(dim, output_dim)

    @property
    def blocks(self) -> Iterator[DiTBlock]:
        return cast(Iterator[DiTBlock], iter(self.transformer_blocks))

    def keys_values(self, context: Context) -> list[KeyValue | None]:
        """Keys and values of each cross-attention block; None for a self-attention block."""
        result: list[KeyValue | None] = []
        for index, block in enumerate(self.blocks):
            if index % 2:
                result.append(None)
                continue
            tokens = context.text if index % (2 * self.text_every) == 0 else context.image
            result.append(block.attn1.keys_values(tokens.features, tokens.mask))
        return result

    def modulation(self, timestep: Tensor) -> Modulation:
        """Scale and shift of every norm for time buckets (B,)."""
        embedding = self.timestep_encoder(timestep)
        blocks = [block.norm1.modulation(embedding) for block in self.blocks]
        return Modulation(torch.stack(blocks), self.proj_out_1(F.silu(embedding))[:, None])

    def denoise(
        self, hidden: Tensor, keys_values: list[KeyValue | None], modulation: Modulation
    ) -> Tensor:
        """One pass over state and action tokens (B, T, D) -> (B, T, output_dim)."""
        for block, key_value, block_modulation in zip(
            self.blocks, keys_values, modulation.blocks, strict=True
        ):
            hidden = block(hidden, block_modulation, key_value)
        shift, scale = modulation.output.chunk(2, dim=-1)
        hidden = F.layer_norm(hidden, hidden.shape[-1:], eps=1e-6) * (1 + scale) + shift
        out: Tensor = self.proj_out_2(hidden)
        return out

    def forward(self, hidden: Tensor, context: Context, timestep: Tensor) -> Tensor:
        """Everything anew: the plain form of `denoise`, for training and comparison."""
        return self.denoise(hidden, self.keys_values(context), self.modulation(timestep))


class SelfAttentionTransformer(nn.Module):
    """Transformer over all vision-language tokens; padding tokens take part, as upstream."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.transformer_blocks = nn.ModuleList(
            SelfAttentionBlock(
                config.inner_dim,
                config.num_attention_heads,
                config.dropout,
                config.final_dropout,
            )
            for _ in range(config.num_layers)
        )

    def forward(self, x: Tensor) -> Tensor:
        for block in self.transformer_blocks:
            x = block(x)
        return x
