"""The operations of the fused head in plain PyTorch, which the kernels are held to."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from groot_ros.model.fused.kernels import Matrix, Norm, Sums

ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "": lambda x: x,
    "gelu": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
    "relu": F.relu,
}


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
