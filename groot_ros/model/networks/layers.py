"""Attention blocks of the action head, with the tensor names of NVIDIA's checkpoints."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class KeyValue(NamedTuple):
    """Keys and values (B, heads, S, head_dim); mask (B, 1, 1, S) is True where visible."""

    key: Tensor
    value: Tensor
    mask: Tensor | None = None


class Attention(nn.Module):
    """Multi-head attention with biases; keys and values may be given, computed beforehand."""

    def __init__(self, dim: int, heads: int, context_dim: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(dim, dim)
        self.to_k = nn.Linear(context_dim, dim)
        self.to_v = nn.Linear(context_dim, dim)
        self.to_out = nn.ModuleList([nn.Linear(dim, dim), nn.Dropout(dropout)])

    def _split(self, x: Tensor) -> Tensor:
        out: Tensor = x.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        return out

    def keys_values(self, context: Tensor, mask: Tensor | None = None) -> KeyValue:
        """Keys and values of context tokens (B, S, context_dim); mask (B, S)."""
        if mask is not None:
            mask = mask[:, None, None, :]
        return KeyValue(self._split(self.to_k(context)), self._split(self.to_v(context)), mask)

    def forward(self, x: Tensor, keys_values: KeyValue | None = None) -> Tensor:
        """Attend from tokens (B, T, dim) to the keys and values, by default to themselves."""
        if keys_values is None:
            keys_values = self.keys_values(x)
        key, value, mask = keys_values
        attended = F.scaled_dot_product_attention(
            self._split(self.to_q(x)), key, value, attn_mask=mask
        )
        out = self.to_out[0](attended.transpose(1, 2).flatten(2))
        answer: Tensor = self.to_out[1](out)
        return answer


class GeluProjection(nn.Module):
    """Linear layer and GELU (tanh form)."""

    def __init__(self, dim: int, inner_dim: int) -> None:
        super().__init__()
        self.proj = nn.Linear(dim, inner_dim)

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(self.proj(x), approximate="tanh")


class FeedForward(nn.Module):
    """dim -> 4 dim -> dim with GELU."""

    def __init__(self, dim: int, dropout: float, final_dropout: bool) -> None:
        super().__init__()
        self.net = nn.ModuleList(
            [GeluProjection(dim, 4 * dim), nn.Dropout(dropout), nn.Linear(4 * dim, dim)]
        )
        if final_dropout:
            self.net.append(nn.Dropout(dropout))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.net:
            x = layer(x)
        return x


class AdaLayerNorm(nn.Module):
    """Layer norm without own scale, modulated by the time embedding.

    The linear layer's output is (scale, shift) in this order, unlike at the network's output.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.linear = nn.Linear(dim, 2 * dim)

    def modulation(self, time_embedding: Tensor) -> Tensor:
        """(B, 1, 2 dim) of the time embedding (B, dim)."""
        out: Tensor = self.linear(F.silu(time_embedding))[:, None]
        return out

    def forward(self, x: Tensor, modulation: Tensor) -> Tensor:
        scale, shift = modulation.chunk(2, dim=-1)
        return F.layer_norm(x, x.shape[-1:], eps=1e-5) * (1 + scale) + shift


class DiTBlock(nn.Module):
    """Attention (to itself or to the vision-language tokens), then feed-forward."""

    def __init__(
        self, dim: int, heads: int, context_dim: int, dropout: float, final_dropout: bool
    ) -> None:
        super().__init__()
        self.norm1 = AdaLayerNorm(dim)
        self.attn1 = Attention(dim, heads, context_dim, dropout)
        self.norm3 = nn.LayerNorm(dim, eps=1e-5, elementwise_affine=False)
        self.ff = FeedForward(dim, dropout, final_dropout)
        self.final_dropout = nn.Dropout(dropout if final_dropout else 0.0)

    def forward(self, x: Tensor, modulation: Tensor, keys_values: KeyValue | None) -> Tensor:
        x = x + self.final_dropout(self.attn1(self.norm1(x, modulation), keys_values))
        out: Tensor = x + self.ff(self.norm3(x))
        return out


class SelfAttentionBlock(nn.Module):
    """Pre-norm transformer block over the vision-language tokens, without a mask."""

    def __init__(self, dim: int, heads: int, dropout: float, final_dropout: bool) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-5)
        self.attn1 = Attention(dim, heads, dim, dropout)
        self.norm3 = nn.LayerNorm(dim, eps=1e-5)
        self.ff = FeedForward(dim, dropout, final_dropout)
        self.final_dropout = nn.Dropout(dropout if final_dropout else 0.0)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.final_dropout(self.attn1(self.norm1(x)))
        out: Tensor = x + self.ff(self.norm3(x))
        return out


def sinusoid(positions: Tensor, frequencies: Tensor) -> tuple[Tensor, Tensor]:
    """Sine and cosine (..., F) of positions (...) at angular frequencies (F,)."""
    angles = positions.float()[..., None] * frequencies.to(positions.device)
    return torch.sin(angles), torch.cos(angles)
