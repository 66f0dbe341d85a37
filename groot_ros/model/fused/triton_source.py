"""Triton kernels for a few dozen token rows: what they wait for is the weights' way from memory.

Matrices (N, K) are read once, by as many programs as keep every multiprocessor busy, sums are made
in float32 and in a fixed order. With EARLY a kernel is launched while the one before it still
runs (programmatic dependent launch of compute capability 9.0) and waits before it touches anything
that the other wrote. Asking for weights before that wait, a kernel's own or the next one's, made
the whole slower on an H100.
"""

from __future__ import annotations

import triton
import triton.language as tl
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait


@triton.jit
def _activated(x, KIND: tl.constexpr):
    if KIND == "gelu":
        inner = 0.7978845608028654 * (x + 0.044715 * x * x * x)
        # tanh(a) = 2 sigmoid(2 a) - 1
        x = x * tl.sigmoid(2.0 * inner)
    elif KIND == "silu":
        x = x * tl.sigmoid(x)
    elif KIND == "relu":
        x = tl.maximum(x, 0.0)
    return x


@triton.jit(do_not_specialize=["rows"])
def linear(
    x,
    weight,
    bias,
    out,
    rows,
    columns,
    x_stride,
    depth,
    steps,
    KIND: tl.constexpr,
    PARTIAL: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
    BLOCK_K: tl.constexpr,
    EARLY: tl.constexpr,
):
    """activation(x (M, K) @ weight (N, K)^T + bias), or its share (split, M, N) in float32.

    A program has BLOCK_N columns and `steps` blocks of the depth K.
    """
    split = tl.program_id(1)
    m = tl.program_id(2) * BLOCK_M + tl.arange(0, BLOCK_M)
    n = tl.program_id(0) * BLOCK_N + tl.arange(0, BLOCK_N)
    k = split * steps * BLOCK_K + tl.arange(0, BLOCK_K)
    if EARLY:
        gdc_wait()
        gdc_launch_dependents()
    here = m < rows
    x_at = x + m[:, None] * x_stride + k[None, :]
    weight_at = weight + n[None, :] * depth + k[:, None]
    sums = tl.zeros((BLOCK_M, BLOCK_N), dtype=tl.float32)
    for _ in range(steps):
        values = tl.load(x_at, mask=here[:, None], other=0.0)
        weights = tl.load(weight_at)
        sums = tl.dot(values, weights, sums)
        x_at += BLOCK_K
        weight_at += BLOCK_K
    place = m[:, None] * columns + n[None, :]
    if PARTIAL:
        tl.store(out + split * rows * columns + place, sums, mask=here[:, None])
    else:
        sums = _activated(sums + tl.load(bias + n)[None, :].to(tl.float32), KIND)
        tl.store(out + place, sums.to(out.dtype.element_ty), mask=here[:, None])


@triton.jit(do_not_specialize=["rows"])
def settle(
    residual,
    partials,
    bias,
    modulation,
    out_residual,
    out,
    rows,
    columns,
    epsilon,
    SPLITS: tl.constexpr,
    SCALE_FIRST: tl.constexpr,
    MODULATED: tl.constexpr,
    BLOCK: tl.constexpr,
    EARLY: tl.constexpr,
):
    """A row of the residual stream: partial sums and bias added, and its layer norm."""
    if EARLY:
        gdc_launch_dependents()
        gdc_wait()
    row = tl.program_id(0)
    n = tl.arange(0, BLOCK)
    inside = n < columns
    place = row * columns + n
    x = tl.load(residual + place, mask=inside, other=0.0).to(tl.float32)
    if SPLITS > 0:
        added = tl.load(bias + n, mask=inside, other=0.0).to(tl.float32)
        for split in tl.static_range(SPLITS):
            added += tl.load(partials + split * rows * columns + place, mask=inside, other=0.0)
        x += added
    tl.store(out_residual + place, x, mask=inside)
    centred = tl.where(inside, x - tl.sum(x) / columns, 0.0)
    normed = centred * tl.rsqrt(tl.sum(centred * centred) / columns + epsilon)
    if MODULATED:
        first = tl.load(modulation + n, mask=inside, other=0.0).to(tl.float32)
        second = tl.load(modulation + columns + n, mask=inside, other=0.0).to(tl.float32)
        if SCALE_FIRST:
            normed = normed * (1.0 + first) + second
        else:
            normed = normed * (1.0 + second) + first
    tl.store(out + place, normed.to(out.dtype.element_ty), mask=inside)


@triton.jit(do_not_specialize=["rows", "tokens"])
def attention(
    query,
    query_bias,
    key,
    value,
    out,
    rows,
    tokens,
    columns,
    query_stride,
    token_stride,
    scale,
    SPLITS: tl.constexpr,
    HEAD_DIM: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_S: tl.constexpr,
    EARLY: tl.constexpr,
):
    """softmax(q k^T scale) v of one head and BLOCK_M rows; q may be partial sums without bias."""
    if EARLY:
        gdc_launch_dependents()
        gdc_wait()
    head = tl.program_id(0)
    m = tl.program_id(1) * BLOCK_M + tl.arange(0, BLOCK_M)
    d = tl.arange(0, BLOCK_D)
    s = tl.arange(0, BLOCK_S)
    channel = head * HEAD_DIM + d
    inside = d < HEAD_DIM
    here = (m < rows)[:, None] & inside[None, :]
    q_at = m[:, None] * query_stride + channel[None, :]
    if SPLITS > 0:
        q = tl.zeros((BLOCK_M, BLOCK_D), dtype=tl.float32)
        q += tl.load(query_bias + channel, mask=inside, other=0.0).to(tl.float32)[None, :]
        for split in tl.static_range(SPLITS):
            q += tl.load(query + split * rows * query_stride + q_at, mask=here, other=0.0)
        q = q.to(key.dtype.element_ty)
    else:
        q = tl.load(query + q_at, mask=here, other=0.0)
    largest = tl.full((BLOCK_M,), float("-inf"), dtype=tl.float32)
    total = tl.zeros((BLOCK_M,), dtype=tl.float32)
    sums = tl.zeros((BLOCK_M, BLOCK_D), dtype=tl.float32)
    for first in range(0, tokens, BLOCK_S):
        seen = first + s < tokens
        at = (first + s) * token_stride
        keys = tl.load(
            key + at[None, :] + channel[:, None],
            mask=seen[None, :] & inside[:, None],
            other=0.0,
        )
        scores = tl.dot(q, keys) * scale
        scores = tl.where(seen[None, :], scores, float("-inf"))
        new = tl.maximum(largest, tl.max(scores, 1))
        weights = tl.exp2(scores - new[:, None])
        old = tl.exp2(largest - new)
        total = total * old + tl.sum(weights, 1)
        values = tl.load(
            value + at[:, None] + channel[None, :],
            mask=seen[:, None] & inside[None, :],
            other=0.0,
        )
        sums = tl.dot(weights.to(values.dtype), values, sums * old[:, None])
        largest = new
    sums = sums / total[:, None]
    tl.store(
        out + m[:, None] * columns + channel[None, :],
        sums.to(out.dtype.element_ty),
        mask=here,
    )
