"""The diffusion transformer with its weights packed, in about seven kernels a block."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from groot_ros.model.fused.kernels import Kernels, Matrix, Norm, Sums
from groot_ros.model.networks.dit import AlternateVLDiT, Context, Modulation
from groot_ros.model.networks.layers import Attention


@dataclass(frozen=True)
class Block:
    """A block's matrices; `entry` makes queries, of self-attention keys and values as well."""

    entry: Matrix
    exit: Matrix
    widen: Matrix
    narrow: Matrix


KeysValues = list[tuple[Tensor, Tensor] | None]


class FusedTransformer:
    """`AlternateVLDiT.denoise` of one observation.

    Weights that are used together lie together: those of `model` become views of them.
    """

    def __init__(self, model: AlternateVLDiT, kernels: Kernels) -> None:
        self._kernels = kernels
        blocks = list(model.blocks)
        self._heads = blocks[0].attn1.heads
        self._dim = blocks[0].attn1.to_q.in_features
        self._blocks = [
            Block(
                pack(_inputs(block.attn1)) if index % 2 else Matrix.of(block.attn1.to_q),
                Matrix.of(block.attn1.to_out[0]),
                Matrix.of(block.ff.net[0].proj),
                Matrix.of(block.ff.net[2]),
            )
            for index, block in enumerate(blocks)
        ]
        text = [i for i in range(len(blocks)) if i % (2 * model.text_every) == 0]
        image = [i for i in range(0, len(blocks), 2) if i not in text]
        self._seen = [
            (
                indices,
                pack([layer for i in indices for layer in _inputs(blocks[i].attn1)[1:]])
                if indices
                else None,
            )
            for indices in (text, image)
        ]
        self._output = Matrix.of(model.proj_out_2)

    def keys_values(self, context: Context) -> KeysValues:
        """Keys and values (S, D) of each cross-attention block, made at once; else None."""
        found: KeysValues = [None] * len(self._blocks)
        for tokens, (indices, matrix) in zip(context, self._seen, strict=True):
            if matrix is not None:
                made = nn.functional.linear(tokens.features[0], matrix.weight, matrix.bias)
                parts = made.split(self._dim, 1)
                for place, index in enumerate(indices):
                    found[index] = parts[2 * place], parts[2 * place + 1]
        return found

    def denoise(self, hidden: Tensor, keys_values: KeysValues, modulation: Modulation) -> Tensor:
        """One pass over state and action tokens (T, D) -> (T, output_dim)."""
        kernels = self._kernels
        norms = [Norm(1e-5, block[0, 0]) for block in modulation.blocks]
        norms.append(Norm(1e-6, modulation.output[0, 0], scale_first=False))
        residual, normed = kernels.settle(hidden, None, norms[0])
        query: Sums | Tensor
        for block, seen, norm in zip(self._blocks, keys_values, norms[1:], strict=True):
            if seen is None:
                made = kernels.linear(normed, block.entry)
                query, key, value = made.split(self._dim, 1)
            else:
                query = kernels.partial(normed, block.entry)
                key, value = seen
            attended = kernels.attend(query, key, value, self._heads)
            sums = kernels.partial(attended, block.exit)
            residual, normed = kernels.settle(residual, sums, Norm(1e-5))
            wide = kernels.linear(normed, block.widen, "gelu")
            sums = kernels.partial(wide, block.narrow)
            residual, normed = kernels.settle(residual, sums, norm)
        return kernels.linear(normed, self._output)


def _inputs(attention: Attention) -> list[nn.Linear]:
    return [attention.to_q, attention.to_k, attention.to_v]


@torch.no_grad()
def pack(layers: list[nn.Linear]) -> Matrix:
    """The layers' outputs side by side; their weights become views of the packed ones."""
    weight = torch.cat([layer.weight for layer in layers])
    bias = torch.cat([layer.bias for layer in layers])
    start = 0
    for layer in layers:
        end = start + layer.out_features
        layer.weight.data, layer.bias.data = weight[start:end], bias[start:end]
        start = end
    return Matrix(weight, bias)
