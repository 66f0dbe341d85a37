"""Resizing of uint8 pictures with the numbers of OpenCV's INTER_AREA, on any device.

GR00T's processor resizes with OpenCV. A picture that shrinks is averaged over areas in float32;
one that grows is interpolated linearly in fixed point (11 fractional bits), with weights of its
own.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

FRACTION_BITS = 11


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


def _shrink(frames: Tensor, height: int, width: int) -> Tensor:
    if (frames.shape[1], frames.shape[2]) == (2 * height, 2 * width):
        # OpenCV's own path for halves rounds ties up.
        blocks = frames.unflatten(2, (width, 2)).unflatten(1, (height, 2)).int()
        return ((blocks.sum((2, 4)) + 2) >> 2).to(torch.uint8)
    averaged = _shrink_axis(_shrink_axis(frames.float(), 2, width), 1, height)
    return averaged.round().clamp(0, 255).to(torch.uint8)


def _grow(frames: Tensor, height: int, width: int) -> Tensor:
    first, second, weight_first, weight_second = (
        table.to(frames.device) for table in _grow_taps(frames.shape[2], width)
    )
    source = frames.int()
    rows = source.index_select(2, first) * weight_first[:, None]
    rows = (rows + source.index_select(2, second) * weight_second[:, None]) >> 4
    first, second, weight_first, weight_second = (
        table.to(frames.device) for table in _grow_taps(frames.shape[1], height)
    )
    upper = rows.index_select(1, first) * weight_first[:, None, None] >> 16
    lower = rows.index_select(1, second) * weight_second[:, None, None] >> 16
    return ((upper + lower + 2) >> 2).clamp(0, 255).to(torch.uint8)


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
