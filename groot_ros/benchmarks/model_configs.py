"""The networks that the benchmark builds: the released ones, parts of these, tiny ones."""

from __future__ import annotations

from typing import Any

from groot_ros.model.networks.n16 import EAGLE_2B, N16
from groot_ros.model.networks.n17 import QWEN3_VL_2B
from groot_ros.model.networks.released import N17_3B as FULL


def _part(text: dict[str, Any], vision: dict[str, Any], **changes: Any) -> dict[str, Any]:
    backbone = {
        **QWEN3_VL_2B,
        "text_config": {**QWEN3_VL_2B["text_config"], **text},
        "vision_config": {**QWEN3_VL_2B["vision_config"], **vision},
    }
    return {**FULL, "backbone_config": backbone, **changes}


MID = _part(
    text={"num_hidden_layers": 4},
    vision={"depth": 8, "deepstack_visual_indexes": [1, 3, 5]},
    select_layer=4,
    diffusion_model_cfg={**FULL["diffusion_model_cfg"], "num_layers": 8},
)
TINY = _part(
    text={
        "vocab_size": 512,
        "hidden_size": 96,
        "intermediate_size": 192,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 32,
        "rope_parameters": {
            **QWEN3_VL_2B["text_config"]["rope_parameters"],
            "mrope_section": [6, 5, 5],
        },
    },
    vision={
        "depth": 2,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_heads": 4,
        "num_position_embeddings": 256,
        "out_hidden_size": 96,
        "deepstack_visual_indexes": [0],
    },
    select_layer=2,
    hidden_size=96,
    backbone_embedding_dim=96,
    max_num_embodiments=2,
    diffusion_model_cfg={
        **FULL["diffusion_model_cfg"],
        "num_layers": 4,
        "num_attention_heads": 4,
        "attention_head_dim": 24,
        "output_dim": 96,
    },
    vl_self_attention_cfg={
        **FULL["vl_self_attention_cfg"],
        "num_layers": 1,
        "num_attention_heads": 4,
        "attention_head_dim": 24,
    },
)
TINY["backbone_config"].update(
    image_token_id=505, video_token_id=506, vision_start_token_id=507, vision_end_token_id=508
)
FULL_N16: dict[str, Any] = {
    **{key: value for key, value in FULL.items() if key != "vl_self_attention_cfg"},
    "model_type": N16.model_type,
    "model_name": "nvidia/Eagle-Block2A-2B-v2",
    "action_horizon": 50,
    "max_state_dim": 128,
    "max_action_dim": 128,
    "state_dropout_prob": 0.0,
}
MID_N16: dict[str, Any] = {
    **FULL_N16,
    "select_layer": MID["select_layer"],
    "diffusion_model_cfg": MID["diffusion_model_cfg"],
    "backbone_config": {
        **EAGLE_2B,
        "text_config": {**EAGLE_2B["text_config"], "num_hidden_layers": 4},
        "vision_config": {**EAGLE_2B["vision_config"], "num_hidden_layers": 8},
    },
}
TINY_N16: dict[str, Any] = {
    **FULL_N16,
    **{
        key: TINY[key]
        for key in (
            "select_layer",
            "hidden_size",
            "backbone_embedding_dim",
            "max_num_embodiments",
            "diffusion_model_cfg",
        )
    },
    "backbone_config": {
        **EAGLE_2B,
        "image_token_id": 505,
        "vision_start_token_id": 507,
        "vision_end_token_id": 508,
        "text_config": {
            **TINY["backbone_config"]["text_config"],
            "rope_parameters": EAGLE_2B["text_config"]["rope_parameters"],
        },
        "vision_config": {
            **EAGLE_2B["vision_config"],
            "num_hidden_layers": 2,
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_attention_heads": 4,
        },
    },
}
CONFIGS = {
    "full": FULL,
    "mid": MID,
    "tiny": TINY,
    "full_n16": FULL_N16,
    "mid_n16": MID_N16,
    "tiny_n16": TINY_N16,
}
