"""Rotary tables against transformers' own, and as NVIDIA's server rounds them."""

from __future__ import annotations

import networks
import pytest
import torch
from transformers.models.qwen3_vl.modeling_qwen3_vl import (
    Qwen3VLTextRotaryEmbedding,
    Qwen3VLVisionRotaryEmbedding,
)

from groot_ros.model.networks.config import Gr00tConfig
from groot_ros.model.networks.n17 import QWEN3_VL_2B
from groot_ros.model.networks.network import Network
from groot_ros.model.networks.qwen3_vl import Qwen3VLBackbone
from groot_ros.model.networks.rope import RopePrecision, interleaved_tables, vision_tables

CONFIG = Qwen3VLBackbone.configure(QWEN3_VL_2B, 16)
POSITIONS = torch.stack([torch.arange(300), torch.arange(300) % 17, torch.arange(300) % 23])[
    :, None
]


def test_text_tables_are_transformers() -> None:
    rotary = Qwen3VLTextRotaryEmbedding(CONFIG.text_config)
    expected = rotary(torch.zeros(1, dtype=torch.float32), POSITIONS)
    found = interleaved_tables(CONFIG.text_config, POSITIONS, torch.float32, RopePrecision.FLOAT32)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_a_module_cast_to_bfloat16_has_the_rounded_tables() -> None:
    rotary = Qwen3VLTextRotaryEmbedding(CONFIG.text_config).to(torch.bfloat16)
    expected = rotary(torch.zeros(1, dtype=torch.float32), POSITIONS)
    found = interleaved_tables(
        CONFIG.text_config, POSITIONS, torch.float32, RopePrecision.BFLOAT16
    )
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize(("position", "error_rad"), [(50, 0.06), (200, 0.23), (300, 0.35)])
def test_how_far_the_rounding_turns(position: int, error_rad: float) -> None:
    positions = torch.full((3, 1, 1), position)
    exact, rounded = (
        interleaved_tables(CONFIG.text_config, positions, torch.float64, precision)
        for precision in RopePrecision
    )
    angles = [torch.atan2(sine, cosine) for cosine, sine in (exact, rounded)]
    difference = (angles[0] - angles[1] + torch.pi) % (2 * torch.pi) - torch.pi
    assert 0.3 * error_rad < difference.abs().max() < 1.7 * error_rad


def test_vision_tables_are_transformers() -> None:
    rotary = Qwen3VLVisionRotaryEmbedding(CONFIG.vision_config)
    rows, columns = torch.arange(352) // 22, torch.arange(352) % 22
    expected = rotary(torch.zeros(1), torch.stack([rows, columns], dim=-1))
    found = vision_tables(CONFIG.vision_config, rows, columns, RopePrecision.FLOAT32)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_rounded_vision_angles_are_bfloat16_products() -> None:
    rows = torch.arange(22)
    cosine, sine = vision_tables(
        CONFIG.vision_config, rows, torch.zeros_like(rows), RopePrecision.BFLOAT16
    )
    frequencies = (1 / 10000 ** (torch.arange(0, 32, 2) / 32)).bfloat16()
    angles = rows.bfloat16()[:, None] * frequencies
    torch.testing.assert_close(cosine[:, :16], angles.cos().float(), rtol=0, atol=0)
    torch.testing.assert_close(sine[:, :16], angles.sin().float(), rtol=0, atol=0)


BOTH = pytest.mark.parametrize("size", ["tiny", "tiny_n16"])


@BOTH
@torch.no_grad()
def test_casting_the_network_leaves_the_tables_exact(size: str) -> None:
    config = Gr00tConfig.from_dict(networks.CONFIGS[size]())
    batch = networks.batch(config)
    layouts = []
    for dtype in (torch.float32, torch.bfloat16):
        network = Network(config).to(dtype).float()
        layouts.append(network.backbone.layout(batch.input_ids, batch.grids, batch.attention_mask))
    torch.testing.assert_close(layouts[0].cosine, layouts[1].cosine, rtol=0, atol=0)


@BOTH
@torch.no_grad()
def test_the_flag_reaches_the_features(size: str) -> None:
    config = Gr00tConfig.from_dict(networks.CONFIGS[size]())
    batch, features = networks.batch(config), []
    for precision in RopePrecision:
        network = Network(config, precision).eval()
        networks.seed_weights(network)
        layout = network.backbone.layout(batch.input_ids, batch.grids, batch.attention_mask)
        features.append(network.backbone(layout, batch.patches, batch.grids))
    difference = (features[0] - features[1]).abs().max()
    assert 1e-4 < difference < 1
