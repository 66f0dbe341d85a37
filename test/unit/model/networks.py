"""Small networks whose weights and inputs come from seeds, for comparison with golden files."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch

from groot_ros.benchmarks.model_configs import FULL_N16
from groot_ros.model.networks.config import Gr00tConfig
from groot_ros.model.networks.network import Batch

DATA = Path(__file__).parents[2] / "data"
IMAGE, VIDEO, VISION_START, VISION_END, PAD = 9, 10, 7, 8, 0


def droid_config() -> dict[str, Any]:
    return json.loads((DATA / "gr00t_n17_droid" / "config.json").read_text())


def _attention(heads: int, head_dim: int, layers: int) -> dict[str, Any]:
    return {"num_attention_heads": heads, "attention_head_dim": head_dim, "num_layers": layers}


def _raw(
    text: dict[str, Any],
    vision: dict[str, Any],
    dit: dict[str, Any],
    vl: dict[str, Any],
    **sizes: Any,
) -> dict[str, Any]:
    raw = droid_config()
    width, hidden = text["hidden_size"], sizes["hidden_size"]
    raw.update(sizes, backbone_embedding_dim=width)
    raw["diffusion_model_cfg"] |= {**dit, "output_dim": hidden}
    raw["vl_self_attention_cfg"] |= vl
    rope = {"rope_type": "default", "rope_theta": 5e6, "mrope_interleaved": True}
    rope["mrope_section"] = text.pop("mrope_section")
    raw["backbone_config"] = {
        "image_token_id": IMAGE,
        "video_token_id": VIDEO,
        "vision_start_token_id": VISION_START,
        "vision_end_token_id": VISION_END,
        "tie_word_embeddings": True,
        "text_config": {
            **text,
            "rms_norm_eps": 1e-6,
            "max_position_embeddings": 4096,
            "rope_parameters": rope,
        },
        "vision_config": {
            **vision,
            "patch_size": 16,
            "temporal_patch_size": 2,
            "spatial_merge_size": 2,
            "out_hidden_size": width,
        },
    }
    return raw


def tiny() -> dict[str, Any]:
    """config.json of a network of 0.7 M parameters that has every kind of layer."""
    return _raw(
        text={
            "vocab_size": 300,
            "hidden_size": 96,
            "intermediate_size": 192,
            "num_hidden_layers": 5,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 32,
            "mrope_section": [6, 5, 5],
        },
        vision={
            "depth": 3,
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_heads": 4,
            "num_position_embeddings": 64,
            "deepstack_visual_indexes": [0, 1],
        },
        dit=_attention(4, 24, 6),
        vl=_attention(4, 24, 2),
        select_layer=3,
        hidden_size=80,
        max_state_dim=20,
        max_action_dim=16,
        action_horizon=12,
        max_seq_len=32,
        max_num_embodiments=4,
    )


def mid() -> dict[str, Any]:
    """config.json of a network of 10 M parameters with the full number of steps and dimensions."""
    return _raw(
        text={
            "vocab_size": 4000,
            "hidden_size": 384,
            "intermediate_size": 1024,
            "num_hidden_layers": 8,
            "num_attention_heads": 8,
            "num_key_value_heads": 4,
            "head_dim": 64,
            "mrope_section": [12, 10, 10],
        },
        vision={
            "depth": 8,
            "hidden_size": 256,
            "intermediate_size": 512,
            "num_heads": 8,
            "num_position_embeddings": 2304,
            "deepstack_visual_indexes": [1, 3, 5],
        },
        dit=_attention(8, 32, 12),
        vl=_attention(8, 48, 4),
        select_layer=5,
        hidden_size=128,
        max_state_dim=132,
        max_action_dim=132,
        action_horizon=40,
        max_seq_len=128,
        max_num_embodiments=4,
    )


def _n16(
    text: dict[str, Any], vision: dict[str, Any], dit: dict[str, Any], **sizes: Any
) -> dict[str, Any]:
    return {
        **FULL_N16,
        **sizes,
        "backbone_embedding_dim": text["hidden_size"],
        "diffusion_model_cfg": {
            **FULL_N16["diffusion_model_cfg"],
            **dit,
            "output_dim": sizes["hidden_size"],
            "dropout": 0.0,
        },
        "backbone_config": {
            "image_token_id": IMAGE,
            "vision_start_token_id": VISION_START,
            "vision_end_token_id": VISION_END,
            "tie_word_embeddings": True,
            "text_config": {
                **text,
                "rms_norm_eps": 1e-6,
                "max_position_embeddings": 4096,
                "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
            },
            "vision_config": {**vision, "patch_size": 14},
        },
    }


def tiny_n16() -> dict[str, Any]:
    """config.json of a network of 0.7 M parameters; in training every state is dropped."""
    return _n16(
        text={
            "vocab_size": 300,
            "hidden_size": 96,
            "intermediate_size": 192,
            "num_hidden_layers": 5,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 32,
        },
        vision={
            "num_hidden_layers": 3,
            "hidden_size": 64,
            "intermediate_size": 120,
            "num_attention_heads": 4,
            "num_patches": 36,
        },
        dit=_attention(4, 24, 6),
        input_embedding_dim=96,
        select_layer=3,
        hidden_size=80,
        max_state_dim=20,
        max_action_dim=16,
        action_horizon=12,
        max_seq_len=32,
        max_num_embodiments=4,
        state_dropout_prob=1.0,
    )


def mid_n16() -> dict[str, Any]:
    """config.json of a network of 10 M parameters with the full number of steps and dimensions."""
    return _n16(
        text={
            "vocab_size": 4000,
            "hidden_size": 384,
            "intermediate_size": 1024,
            "num_hidden_layers": 8,
            "num_attention_heads": 8,
            "num_key_value_heads": 4,
            "head_dim": 64,
        },
        vision={
            "num_hidden_layers": 8,
            "hidden_size": 288,
            "intermediate_size": 512,
            "num_attention_heads": 4,
            "num_patches": 256,
        },
        dit=_attention(8, 32, 12),
        input_embedding_dim=256,
        select_layer=5,
        hidden_size=128,
        max_seq_len=128,
        max_num_embodiments=4,
    )


CONFIGS = {"tiny": tiny, "mid": mid, "tiny_n16": tiny_n16, "mid_n16": mid_n16}
GRIDS = [(8, 8), (8, 8), (8, 12), (8, 8)]
"""Patch grids of two images for each of two samples."""
TEXTS = [[11, 12, 13, 14, 15, 16, 20], [11, 30]]


def normal(seed: int, name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """Normal numbers that depend on nothing but seed and name."""
    generator = np.random.default_rng([seed, zlib.crc32(name.encode())])
    return torch.from_numpy(generator.standard_normal(shape, dtype=np.float32))


@torch.no_grad()
def seed_weights(network: torch.nn.Module) -> None:
    """Weights from their names: norms near 1, so that every layer matters."""
    for name, parameter in network.named_parameters():
        values = normal(0, name, tuple(parameter.shape))
        if parameter.ndim == 1 and "norm" in name and name.endswith("weight"):
            parameter.copy_(1 + 0.1 * values)
        elif parameter.ndim > 1:
            parameter.copy_(values * 0.5 / parameter.shape[-1] ** 0.5)
        else:
            parameter.copy_(0.05 * values)


def batch(config: Gr00tConfig) -> Batch:
    """Two samples of different prompt length, left-padded."""
    vision = config.backbone["vision_config"]
    patch_numbers = 3 * vision.get("temporal_patch_size", 1) * vision["patch_size"] ** 2
    prompts = []
    for sample, text in enumerate(TEXTS):
        ids = [1, 2, 3]
        for rows, columns in GRIDS[2 * sample : 2 * sample + 2]:
            ids += [VISION_START, *[IMAGE] * (rows * columns // 4), VISION_END]
        prompts.append(ids + text)
    length = max(map(len, prompts))
    padding = [length - len(ids) for ids in prompts]
    return Batch(
        input_ids=torch.tensor([[PAD] * n + ids for n, ids in zip(padding, prompts, strict=True)]),
        attention_mask=torch.tensor([[0] * n + [1] * (length - n) for n in padding]),
        patches=normal(1, "patches", (sum(a * b for a, b in GRIDS), patch_numbers)),
        grids=GRIDS,
        state=normal(1, "state", (2, 1, config.max_state_dim)),
        slot=torch.tensor([1, 3]),
    )


def actions(config: Gr00tConfig, name: str) -> torch.Tensor:
    """Actions or noise (2, H, D)."""
    return normal(1, name, (2, config.action_horizon, config.max_action_dim))


def action_mask(config: Gr00tConfig) -> torch.Tensor:
    mask = torch.zeros(2, config.action_horizon, config.max_action_dim)
    mask[:, :9, :7] = 1
    mask[1, :, :11] = 1
    return mask


TIMES = torch.tensor([0.3137, 0.8421])
RTC = {"overlap": 6, "frozen": 2, "rate": 6.0}
TIMESTEP = 250
EVERY = {"tiny": 5, "mid": 16, "tiny_n16": 5, "mid_n16": 16}
"""Every so many tokens of the features are kept in the golden file."""


def gradient_summary(network: torch.nn.Module) -> dict[str, np.ndarray]:
    """Of each parameter's gradient: its norm and its component along a fixed direction."""
    summary = {}
    for name, parameter in network.named_parameters():
        if parameter.grad is not None:
            direction = normal(2, name, tuple(parameter.shape))
            direction /= direction.norm()
            component = (parameter.grad * direction).sum()
            summary[name] = np.array([parameter.grad.norm().item(), component.item()])
    return summary
