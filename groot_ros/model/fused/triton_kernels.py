"""The operations of the fused head as Triton kernels, with the sizes of their blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from groot_ros.model.fused import triton_source as source
from groot_ros.model.fused.kernels import Matrix, Norm, Sums

LOG2_E = 1.4426950408889634
EARLY_CAPABILITY = 9
NOT_EARLY = {"EARLY": False}
# Found best on an H100 with 41 rows; what a GPU has no shared memory for becomes smaller.
MOST_ROWS, LEAST_STEPS, LINEAR_WARPS = 64, 4, 4
ATTENTION_ROWS, ATTENTION_TOKENS, ATTENTION_WARPS = 16, 64, 2
SETTLE_WARPS = 16


@dataclass(frozen=True)
class Blocks:
    """How a product is shared out: columns and depth of a block, shares of the depth."""

    n: int
    k: int
    splits: int
    stages: int
    """Blocks on their way from memory at once."""


class TritonKernels:
    """Kernels for a GPU with so many multiprocessors and so much shared memory for a program.

    `early`: a kernel may begin before the one before it has ended.
    """

    def __init__(self, multiprocessors: int, shared_bytes: int, early: bool) -> None:
        self._multiprocessors = multiprocessors
        self._shared_bytes = shared_bytes
        self._launch: dict[str, Any] = {"EARLY": True, "launch_pdl": True} if early else NOT_EARLY

    @classmethod
    def of(cls, device: torch.device) -> TritonKernels:
        """Kernels for a CUDA device."""
        properties: Any = torch.cuda.get_device_properties(device)
        return cls(
            properties.multi_processor_count,
            properties.shared_memory_per_block_optin,
            properties.major >= EARLY_CAPABILITY,
        )

    def linear(self, x: Tensor, matrix: Matrix, activation: str = "") -> Tensor:
        blocks = self._plan(matrix, whole=True)
        out = x.new_empty(len(x), len(matrix.weight))
        self._product(x, matrix, out=out, blocks=blocks, kind=activation)
        return out

    def partial(self, x: Tensor, matrix: Matrix) -> Sums:
        blocks = self._plan(matrix, whole=False)
        shape = blocks.splits, len(x), len(matrix.weight)
        parts = torch.empty(shape, dtype=torch.float32, device=x.device)
        self._product(x, matrix, out=parts, blocks=blocks, kind="")
        return Sums(parts, matrix.bias)

    def _plan(self, matrix: Matrix, whole: bool) -> Blocks:
        columns, depth = matrix.weight.shape
        return plan(
            columns,
            depth,
            whole=whole,
            multiprocessors=self._multiprocessors,
            shared_bytes=self._shared_bytes,
        )

    def _product(self, x: Tensor, matrix: Matrix, out: Tensor, blocks: Blocks, kind: str) -> None:
        columns, depth = matrix.weight.shape
        rows = next((size for size in (16, 32) if len(x) <= size), MOST_ROWS)
        source.linear[columns // blocks.n, blocks.splits, -(-len(x) // rows)](
            x,
            matrix.weight,
            matrix.bias,
            out,
            len(x),
            columns,
            x.stride(0),
            depth,
            depth // (blocks.k * blocks.splits),
            KIND=kind,
            PARTIAL=out.ndim == 3,
            BLOCK_M=rows,
            BLOCK_N=blocks.n,
            BLOCK_K=blocks.k,
            num_stages=blocks.stages,
            num_warps=LINEAR_WARPS,
            **self._launch,
        )

    def settle(self, residual: Tensor, sums: Sums | None, norm: Norm) -> tuple[Tensor, Tensor]:
        rows, columns = residual.shape
        dtype = residual.dtype if sums is None else sums.bias.dtype
        out = torch.empty_like(residual, dtype=dtype)
        new = torch.empty_like(residual, dtype=torch.float32)
        source.settle[rows,](
            residual,
            residual if sums is None else sums.parts,
            residual if sums is None else sums.bias,
            residual if norm.modulation is None else norm.modulation,
            new,
            out,
            rows,
            columns,
            norm.epsilon,
            SPLITS=0 if sums is None else len(sums.parts),
            SCALE_FIRST=norm.scale_first,
            MODULATED=norm.modulation is not None,
            BLOCK=1 << (columns - 1).bit_length(),
            num_warps=SETTLE_WARPS,
            **self._launch,
        )
        return new, out

    def attend(self, query: Sums | Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
        given = query.parts if isinstance(query, Sums) else query
        rows, columns = given.shape[-2:]
        out = torch.empty((rows, columns), dtype=key.dtype, device=key.device)
        head_dim = columns // heads
        source.attention[heads, -(-rows // ATTENTION_ROWS)](
            given,
            query.bias if isinstance(query, Sums) else given,
            key,
            value,
            out,
            rows,
            len(key),
            columns,
            given.stride(-2),
            key.stride(0),
            LOG2_E * head_dim**-0.5,
            SPLITS=len(given) if isinstance(query, Sums) else 0,
            HEAD_DIM=head_dim,
            BLOCK_D=max(16, 1 << (head_dim - 1).bit_length()),
            BLOCK_M=ATTENTION_ROWS,
            BLOCK_S=ATTENTION_TOKENS,
            num_warps=ATTENTION_WARPS,
            **self._launch,
        )
        return out


def plan(columns: int, depth: int, whole: bool, multiprocessors: int, shared_bytes: int) -> Blocks:
    """Blocks as wide as go that give most multiprocessors a program.

    A product that need not be `whole` keeps its blocks wide, and shares its depth out. ValueError
    where no block divides the matrix.
    """
    deep = [k for k in (64, 32, 16) if depth % k == 0]
    wide = [n for n in (64, 32, 16) if columns % n == 0]
    if not deep or not wide:
        raise ValueError(f"a matrix of {columns} x {depth} does not divide into blocks")
    k, steps = deep[0], depth // deep[0]
    if whole:
        enough = (n for n in wide if columns // n >= 0.5 * multiprocessors)
        n, splits = next(enough, wide[-1]), 1
    else:
        n = wide[0]
        shares = [s for s in range(1, 9) if steps % s == 0 and steps // s >= LEAST_STEPS] or [1]
        splits = next((s for s in shares if columns // n * s >= 0.7 * multiprocessors), shares[-1])
    stages = 8 if steps // splits >= 8 else 5
    return Blocks(n, k, splits, min(stages, shared_bytes // (2 * k * (MOST_ROWS + n))))
