"""Holds the Triton kernels to those of PyTorch; run with TRITON_INTERPRET=1, it needs no GPU."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch_kernels import TorchKernels, total
from triton.runtime import interpreter

from groot_ros.model.fused.kernels import Matrix, Norm, Sums
from groot_ros.model.fused.triton_kernels import TritonKernels

ROWS, DIM, HEADS, SEEN = 41, 96, 4, 70
MULTIPROCESSORS, SPLITS = 8, 2


def main() -> None:
    mend()
    torch.manual_seed(0)
    kernels, plain = TritonKernels(MULTIPROCESSORS, 227 << 10, early=False), TorchKernels()
    x, matrix = half(ROWS, DIM), Matrix(half(2 * DIM, DIM) / 10, half(2 * DIM))
    for activation in ("", "gelu", "silu", "relu"):
        same(kernels.linear(x, matrix, activation), plain.linear(x, matrix, activation))
        deep = 16 * DIM
    back, wide = Matrix(half(DIM, deep) / 40, half(DIM)), half(70, deep)
    sums = kernels.partial(wide, back)
    assert len(sums.parts) == SPLITS
    same(total(sums), total(plain.partial(wide, back)))
    residual = torch.randn(ROWS, DIM)
    shares = Sums(torch.randn(3, ROWS, DIM), half(DIM))
    for norm in (Norm(1e-5), Norm(1e-5, half(2 * DIM)), Norm(1e-6, half(2 * DIM), False)):
        for given, added in ((residual, shares), (half(ROWS, DIM), None)):
            for one, other in zip(
                kernels.settle(given, added, norm), plain.settle(given, added, norm), strict=True
            ):
                same(one, other)
    packed = half(SEEN, 3 * DIM)
    query, key, value = packed.split(DIM, 1)
    same(
        kernels.attend(query, key, value, HEADS),
        plain.attend(query, key, value, HEADS),
    )
    same(
        kernels.attend(shares, key, value, HEADS),
        plain.attend(shares, key, value, HEADS),
    )


def mend(patch: Any = interpreter._patch_lang_tensor) -> None:
    """Triton 3.6 takes the end of a loop from an array of one number, which NumPy 2.4 refuses."""

    def mended(tensor: Any, *scope: Any) -> None:
        patch(tensor, *scope)
        tensor.__index__ = lambda self: self.handle.data.item()

    interpreter._patch_lang_tensor = mended


def half(*shape: int) -> Tensor:
    return torch.randn(shape).half()


def same(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=2e-3, atol=2e-3)


if __name__ == "__main__":
    main()
