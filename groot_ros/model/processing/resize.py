"""Resizing of uint8 pictures with the numbers of OpenCV's INTER_AREA and Pillow, on any device.

GR00T's processors resize with OpenCV: a picture that shrinks is averaged over areas in float32;
one that grows is interpolated linearly in fixed point (11 fractional bits), with weights of its
own. N1.6's Eagle then resizes with Pillow's bicubic filter: 22 fractional bits, row by row, then
column by column, rounded to uint8 in between.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

FRACTION_BITS = 11
PILLOW_BITS = 22


@functools.lru_cache(maxsize=64)
def _shrink_taps(size_in: int, size_out: int) -> tuple[tuple[Tensor, Tensor], ...]:
    """Source index and weight (out,) of each tap, padded with weight 0, in OpenCV's order."""
    scale = 1.0 / (size_out / size_in)
    taps: list[list[tuple[int, float]]] = []
    for out in range(size_out):
        start = out * scale
        end = start + scale
        width = min(scale, size_in - start)
        first = math.ceil(start)
        last = min(math.floor(end), size_in - 1)
        first = min(first, last)
        row = [(first - 1, (first - start) / width)] if first - start > 1e-3 else []
        row += [(index, 1.0 / width) for index in range(first, last)]
        if end - last > 1e-3:
            row.append((last, min(end - last, 1.0, width) / width))
        taps.append(row)
    count = max(len(row) for row in taps)
    padded = [row + [(0, 0.0)] * (count - len(row)) for row in taps]
    table = np.array(padded)
    index, weight = table[..., 0].astype(np.int64), table[..., 1].astype(np.float32)
    return tuple(
        (torch.from_numpy(index[:, k].copy()), torch.from_numpy(weight[:, k].copy()))
        for k in range(count)
    )


@functools.lru_cache(maxsize=64)
def _grow_taps(size_in: int, size_out: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Both source indices and fixed-point weights (out,)."""
    scale, inverse = 1.0 / (size_out / size_in), size_out / size_in
    out = np.arange(size_out)
    first = np.floor(out * scale).astype(np.int64)
    fraction = ((out + 1) - (first + 1) * inverse).astype(np.float32)
    fraction = np.where(fraction <= 0, np.float32(0), fraction - np.floor(fraction))
    one = 1 << FRACTION_BITS
    weights = (np.rint((1 - fraction) * one), np.rint(fraction * one))
    second = np.minimum(first + 1, size_in - 1)
    tables = (first, second, *(weight.astype(np.int32) for weight in weights))
    first_index, second_index, first_weight, second_weight = map(torch.from_numpy, tables)
    return first_index, second_index, first_weight, second_weight


def _shrink_axis(x: Tensor, dim: int, size: int) -> Tensor:
    shape = [1] * x.ndim
    shape[dim] = size
    total: Tensor | None = None
    for index, weight in _shrink_taps(x.shape[dim], size):
        part = x.index_select(dim, index.to(x.device)) * weight.to(x.device).view(shape)
        total = part if total is None else total + part
    assert total is not None
    return total


def _whole(size_in: int, size_out: int) -> int:
    """How many sources there are for each, 0 where that is no whole number, as OpenCV finds it."""
    scale = 1.0 / (size_out / size_in)
    return round(scale) if abs(scale - round(scale)) < np.finfo(np.float64).eps else 0


def _shrink_blocks(frames: Tensor, rows: int, columns: int) -> Tensor:
    """Means of whole blocks, by OpenCV's own path: sums are exact, halves round ties up."""
    blocks = frames.unflatten(2, (-1, columns)).unflatten(1, (-1, rows)).int()
    total: Tensor = blocks.sum((2, 4))
    if (rows, columns) == (2, 2):
        return ((total + 2) >> 2).to(torch.uint8)
    scale = np.float32(1.0) / np.float32(rows * columns)
    return (total.float() * float(scale)).round().to(torch.uint8)


def _shrink(frames: Tensor, height: int, width: int) -> Tensor:
    rows, columns = _whole(frames.shape[1], height), _whole(frames.shape[2], width)
    if rows and columns:
        return _shrink_blocks(frames, rows, columns)
    averaged = _shrink_axis(_shrink_axis(frames.float(), 2, width), 1, height)
    return averaged.round().clamp(0, 255).to(torch.uint8)


def _grow(frames: Tensor, height: int, width: int) -> Tensor:
    # What is copied for a tap lies together in memory: first columns, then rows.
    channels = frames.shape[3]
    left, right = _weighted_taps(frames.transpose(1, 2).flatten(2).int(), width)
    columns = left.add_(right).bitwise_right_shift_(4).unflatten(2, (-1, channels))
    upper, lower = _weighted_taps(columns.transpose(1, 2).flatten(2), height)
    total = upper.bitwise_right_shift_(16).add_(lower.bitwise_right_shift_(16)).add_(2)
    grown = total.bitwise_right_shift_(2).clamp_(0, 255).to(torch.uint8)
    out: Tensor = grown.unflatten(2, (width, channels))
    return out


def _weighted_taps(source: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Both sources, weighted, of each of `size` rows (N, size, numbers)."""
    first, second, first_weight, second_weight = (
        table.to(source.device) for table in _grow_taps(source.shape[1], size)
    )
    return (
        source.index_select(1, first).mul_(first_weight[:, None]),
        source.index_select(1, second).mul_(second_weight[:, None]),
    )


def resize_area(frames: Tensor, height: int, width: int) -> Tensor:
    """Frames (N, H, W, 3) uint8 resized as OpenCV's INTER_AREA."""
    if tuple(frames.shape[1:3]) == (height, width):
        return frames
    if frames.shape[1] >= height and frames.shape[2] >= width:
        return _shrink(frames, height, width)
    return _grow(frames, height, width)


def resize_antialias(frames: Tensor, height: int, width: int, mode: str) -> Tensor:
    """Frames (N, H, W, 3) uint8 resized as torchvision does: `bilinear` or `bicubic`."""
    if tuple(frames.shape[1:3]) == (height, width):
        return frames
    planes = frames.permute(0, 3, 1, 2)
    if frames.device.type == "cpu":
        resized = F.interpolate(planes, (height, width), mode=mode, antialias=True)
    else:
        resized = F.interpolate(planes.float(), (height, width), mode=mode, antialias=True)
        resized = resized.round().clamp(0, 255).to(torch.uint8)
    return resized.permute(0, 2, 3, 1)


@functools.lru_cache(maxsize=64)
def _cubic_taps(size_in: int, size_out: int) -> tuple[Tensor, Tensor]:
    """Source index and fixed-point weight (taps, out) of Pillow's bicubic filter."""
    scale = size_in / size_out
    stretch = max(scale, 1.0)
    support = 2.0 * stretch
    center = (np.arange(size_out) + 0.5) * scale
    first = np.maximum((center - support + 0.5).astype(np.int64), 0)
    last = np.minimum((center + support + 0.5).astype(np.int64), size_in)
    index = first + np.arange(math.ceil(support) * 2 + 1)[:, None]
    weight = np.where(index < last, _cubic((index - center + 0.5) / stretch), 0.0)
    fixed = weight / weight.sum(axis=0) * (1 << PILLOW_BITS)
    fixed = np.trunc(fixed + np.copysign(0.5, fixed)).astype(np.int32)
    return torch.from_numpy(np.minimum(index, size_in - 1)), torch.from_numpy(fixed)


def _cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The cubic convolution kernel with a = -0.5 (Keys 1981)."""
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def _cubic_axis(frames: Tensor, dim: int, size: int) -> Tensor:
    if frames.shape[dim] == size:
        return frames
    shape = [1] * frames.ndim
    shape[dim] = size
    source = frames.int()
    index, weight = (table.to(frames.device) for table in _cubic_taps(frames.shape[dim], size))
    total = torch.full_like(source.narrow(dim, 0, 1), 1 << (PILLOW_BITS - 1))
    for tap_index, tap_weight in zip(index, weight, strict=True):
        total = total + source.index_select(dim, tap_index) * tap_weight.view(shape)
    return (total >> PILLOW_BITS).clamp(0, 255).to(torch.uint8)


def resize_pillow(frames: Tensor, height: int, width: int) -> Tensor:
    """Frames (N, H, W, 3) uint8 resized as Pillow's bicubic `Image.resize`, on any device."""
    return _cubic_axis(_cubic_axis(frames, 2, width), 1, height)
