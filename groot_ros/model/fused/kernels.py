"""What the fused head is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, cast

from torch import Tensor, nn


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
