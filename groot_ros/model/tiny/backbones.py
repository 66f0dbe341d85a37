"""Backbones of the tiny networks, a few hundred thousand parameters each."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

TokenId = Callable[[str], int | None]


@dataclass(frozen=True)
class TinyBackbone:
    """What makes a tiny network one of its version.

    `config` takes the width, the size of the vocabulary and the ids of tokens; pictures get the
    shorter edge `edge`; `vl_layers` transform the vision-language tokens behind the backbone.
    """

    config: Callable[[int, int, TokenId], dict[str, Any]]
    edge: int
    vl_layers: int
    extra_files: Mapping[str, str] = field(default_factory=dict)


def _text_config(width: int, vocabulary: int, rope: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 32,
        "rms_norm_eps": 1e-6,
        "max_position_embeddings": 4096,
        "rope_parameters": {"rope_type": "default", **rope},
    }


IMAGE_EDGE, EAGLE_EDGE = 64, 96
PATCH, MERGE = 16, 4


def _qwen(width: int, vocabulary: int, token_id: TokenId) -> dict[str, Any]:
    side = IMAGE_EDGE // PATCH
    rope = {"rope_theta": 5_000_000, "mrope_section": [6, 5, 5], "mrope_interleaved": True}
    return {
        "image_token_id": token_id("<|image_pad|>"),
        "video_token_id": token_id("<|video_pad|>"),
        "vision_start_token_id": token_id("<|vision_start|>"),
        "vision_end_token_id": token_id("<|vision_end|>"),
        "tie_word_embeddings": True,
        "text_config": _text_config(width, vocabulary, rope),
        "vision_config": {
            "depth": 2,
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_heads": 4,
            "patch_size": PATCH,
            "temporal_patch_size": 2,
            "spatial_merge_size": MERGE,
            "num_position_embeddings": side * side,
            "out_hidden_size": width,
            "deepstack_visual_indexes": [0],
        },
    }


QWEN_PREPROCESSOR = {
    "image_processor_type": "Qwen2VLImageProcessor",
    "size": {"shortest_edge": IMAGE_EDGE**2, "longest_edge": IMAGE_EDGE**2},
    "patch_size": PATCH,
    "temporal_patch_size": 2,
    "merge_size": MERGE,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
}


def _eagle(width: int, vocabulary: int, token_id: TokenId) -> dict[str, Any]:
    return {
        "image_token_id": token_id("<IMG_CONTEXT>"),
        "vision_start_token_id": token_id("<img>"),
        "vision_end_token_id": token_id("</img>"),
        "tie_word_embeddings": True,
        "text_config": _text_config(width, vocabulary, {"rope_theta": 1_000_000}),
        "vision_config": {
            "num_hidden_layers": 2,
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_attention_heads": 4,
            "patch_size": PATCH,
            "num_patches": (EAGLE_EDGE // PATCH) ** 2,
        },
    }


BACKBONES = {
    "N1.6": TinyBackbone(_eagle, edge=EAGLE_EDGE, vl_layers=0),
    "N1.7": TinyBackbone(
        _qwen,
        edge=224,
        vl_layers=1,
        extra_files={"preprocessor_config.json": json.dumps(QWEN_PREPROCESSOR, indent=2) + "\n"},
    ),
}
