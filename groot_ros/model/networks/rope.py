"""Rotary position tables of the Qwen3 and Qwen3-VL backbones.

The tables are computed from the configuration, in float32, so that casting or building the
network on the meta device cannot harm them. NVIDIA's server casts the whole module to bfloat16
and with it the frequencies: `RopePrecision.BFLOAT16` gives its numbers.
"""

from __future__ import annotations

import enum
from typing import Any

import torch
from torch import Tensor


class RopePrecision(enum.Enum):
    """What the angles of rotary positions are computed in."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


def text_tables(
    text: Any, positions: Tensor, dtype: torch.dtype, precision: RopePrecision
) -> tuple[Tensor, Tensor]:
    """Cosine and sine (B, S, head_dim) of positions (B, S), for a Qwen3 text config."""
    return _tables(_text_angles(text, positions, precision), dtype)


def interleaved_tables(
    text: Any, positions: Tensor, dtype: torch.dtype, precision: RopePrecision
) -> tuple[Tensor, Tensor]:
    """Cosine and sine (B, S, head_dim) of positions (3, B, S), for a Qwen3-VL text config.

    The axes are interleaved: channel j takes its position from height where j % 3 is 1, from
    width where it is 2 (up to three times the section's length), else from time.
    """
    angles = _text_angles(text, positions, precision)
    merged = angles[0].clone()
    for axis, section in enumerate(text.rope_parameters["mrope_section"][1:], start=1):
        channels = slice(axis, 3 * section, 3)
        merged[..., channels] = angles[axis, ..., channels]
    return _tables(merged, dtype)


def _text_angles(text: Any, positions: Tensor, precision: RopePrecision) -> Tensor:
    theta = text.rope_parameters["rope_theta"]
    frequencies = _frequencies(theta, text.head_dim, positions.device)
    if precision is RopePrecision.BFLOAT16:
        frequencies = frequencies.bfloat16().float()
    return positions[..., None].float() * frequencies


def _tables(angles: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    doubled = torch.cat([angles, angles], dim=-1)
    return doubled.cos().to(dtype), doubled.sin().to(dtype)


def vision_tables(
    vision: Any, rows: Tensor, columns: Tensor, precision: RopePrecision
) -> tuple[Tensor, Tensor]:
    """Cosine and sine (P, head_dim) of patches at rows and columns (P,), for a vision config."""
    head_dim = vision.hidden_size // vision.num_heads
    frequencies = _frequencies(10000.0, head_dim // 2, rows.device)
    positions = torch.stack([rows, columns], dim=-1)[..., None].float()
    if precision is RopePrecision.BFLOAT16:
        # There the angles, too, are bfloat16 products, and so are their sines and cosines.
        frequencies, positions = frequencies.bfloat16(), positions.bfloat16()
    angles = (positions * frequencies).flatten(1)
    angles = torch.cat([angles, angles], dim=-1)
    return angles.cos().float(), angles.sin().float()


def _frequencies(theta: float, dim: int, device: torch.device) -> Tensor:
    exponents = torch.arange(0, dim, 2, dtype=torch.float32) / dim
    return (1.0 / theta**exponents).to(device)
