"""What the fused head is made of, and its plain form in PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "": lambda x: x,
    "gelu": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
    "relu": F.relu,
}


@dataclass(frozen=True)
class Matrix:
    """Weight (N, K), contiguous, and bias (N,) of a linear layer."""

    weight: Tensor
    bias: Tensor

    @classmethod
    def of(cls, layer: nn.Module | Tensor) -> Matrix:
        """That of a linear layer, which share its memory."""
        linear = cast(nn.Linear, layer)
        return cls(linear.weight, linear.bias)


@dataclass(frozen=True)
class Sums:
    """Shares (splits, T, N) in float32 of a product, to be added in order, and its bias (N,)."""

    parts: Tensor
    bias: Tensor


@dataclass(frozen=True)
class Norm:
    """Layer norm without own scale; modulation (2 D,) holds scale and shift or the other order."""

    epsilon: float
    modulation: Tensor | None = None
    scale_first: bool = True


class Kernels(Protocol):
    """The operations of the fused head; tokens (T, D) of one observation, sums in float32."""

    def linear(self, x: Tensor, matrix: Matrix, activation: str = "") -> Tensor:
        """activation(x W^T + b) (T, N)."""

    def partial(self, x: Tensor, matrix: Matrix) -> Sums:
        """x W^T, the depth split so that a GPU is filled."""

    def settle(self, residual: Tensor, sums: Sums | None, norm: Norm) -> tuple[Tensor, Tensor]:
        """The residual stream (T, D) in float32 with the sums added, and its norm."""

    def attend(self, query: Sums | Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
        """Attention (T, D) of queries to keys and values (S, D), all heads side by side."""


class TorchKernels:
    """The same numbers in the same order by PyTorch, on any device."""

    def __init__(self, splits: int = 1) -> None:
        self._splits = splits

    def linear(self, x: Tensor, matrix: Matrix, activation: str = "") -> Tensor:
        sums = x.float() @ matrix.weight.float().T + matrix.bias.float()
        return ACTIVATIONS[activation](sums).to(x.dtype)

    def partial(self, x: Tensor, matrix: Matrix) -> Sums:
        shares = [
            part.float() @ columns.float().T
            for part, columns in zip(
                x.chunk(self._splits, 1), matrix.weight.chunk(self._splits, 1), strict=True
            )
        ]
        return Sums(torch.stack(shares), matrix.bias)

    def settle(self, residual: Tensor, sums: Sums | None, norm: Norm) -> tuple[Tensor, Tensor]:
        x = residual.float()
        if sums is not None:
            x = x + total(sums)
        normed = F.layer_norm(x, x.shape[-1:], eps=norm.epsilon)
        if norm.modulation is not None:
            scale, shift = norm.modulation.float().chunk(2)
            if not norm.scale_first:
                scale, shift = shift, scale
            normed = normed * (1 + scale) + shift
        return x, normed.to(residual.dtype if sums is None else sums.bias.dtype)

    def attend(self, query: Sums | Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
        if isinstance(query, Sums):
            query = total(query).to(key.dtype)
        split = [
            tensor.float().unflatten(1, (heads, -1)).transpose(0, 1)
            for tensor in (query, key, value)
        ]
        attended = F.scaled_dot_product_attention(*split)
        return attended.transpose(0, 1).flatten(1).to(key.dtype)


def total(sums: Sums) -> Tensor:
    """The product (T, N) in float32."""
    added = sums.bias.float()
    for part in sums.parts:
        added = added + part
    return added
