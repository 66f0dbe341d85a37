"""A tiny GR00T N1.7 with untrained weights: the same classes, no download, fast on a CPU."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from groot_ros.errors import UserError
from groot_ros.model.checkpoint import save_checkpoint
from groot_ros.model.config import MODEL_TYPE, Gr00tConfig
from groot_ros.model.gr00t import Gr00t
from groot_ros.model.initialize import calm, initialize
from groot_ros.model.modality import ActionKey
from groot_ros.model.tabletop import Workspace, tabletop_statistics
from groot_ros.model.tiny_tokenizer import tiny_tokenizer

EMBODIMENT = "new_embodiment"
# Of a codec's picture the middle is kept: what a 4:3 camera fills, without its black borders.
PICTURE_EDGE, CROP_FRACTION = 224, 0.75
IMAGE_EDGE = 64
PATCH, MERGE = 16, 4
HEADS, HEAD_DIM = 4, 24
STATE_DIM, ACTION_DIM = 32, 16


@dataclass(frozen=True)
class CheckpointSpec:
    """What a new checkpoint shall read and answer; keys in the network's order.

    The workspace gives it statistics; `metadata` is written to groot_ros.json.
    """

    state: Mapping[str, int]
    actions: Sequence[ActionKey]
    video_keys: Sequence[str]
    language_key: str
    workspace: Workspace
    horizon: int = 16
    metadata: Mapping[str, Any] | None = None


def init_checkpoint(output: Path, spec: CheckpointSpec, seed: int = 0) -> None:
    """Write a loadable folder of a tiny network with weights from `seed`."""
    tokenizer = tiny_tokenizer()
    config = tiny_config(spec, tokenizer.get_vocab_size(), tokenizer.token_to_id)
    network = Gr00t(config)
    initialize(network, torch.Generator().manual_seed(seed))
    calm(network.action_head)
    statistics = tabletop_statistics(spec.state, spec.actions, spec.horizon, spec.workspace)
    extra = {
        "tokenizer.json": tokenizer.to_str(pretty=True) + "\n",
        "tokenizer_config.json": _json({"tokenizer_class": "PreTrainedTokenizerFast"}),
        "preprocessor_config.json": _json(_preprocessor_config()),
    }
    if spec.metadata is not None:
        extra["groot_ros.json"] = _json(spec.metadata)
    save_checkpoint(
        output,
        network,
        processor_config(spec),
        {EMBODIMENT: statistics},
        {EMBODIMENT: 0},
        extra,
    )


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2) + "\n"


def tiny_config(spec: CheckpointSpec, vocabulary: int, token_id: Any) -> Gr00tConfig:
    """`config.json` of the tiny network; UserError when the robot has too many numbers."""
    sizes = (
        ("state", sum(spec.state.values()), STATE_DIM),
        ("action", sum(key.dim for key in spec.actions), ACTION_DIM),
    )
    for what, found, limit in sizes:
        if found > limit:
            raise UserError(
                f"the {what} of this robot and variant has {found} numbers, expected at most "
                f"{limit} in the tiny network: choose a variant without joints"
            )
    width = HEADS * HEAD_DIM
    attention = {
        "num_attention_heads": HEADS,
        "attention_head_dim": HEAD_DIM,
        "dropout": 0.0,
        "final_dropout": False,
        "positional_embeddings": None,
    }
    return Gr00tConfig.from_dict(
        {
            "architectures": [MODEL_TYPE],
            "model_type": MODEL_TYPE,
            "model_name": "tiny",
            "backbone_config": _backbone_config(width, vocabulary, token_id),
            "select_layer": 2,
            "action_horizon": spec.horizon,
            "max_state_dim": STATE_DIM,
            "max_action_dim": ACTION_DIM,
            "max_num_embodiments": 2,
            "max_seq_len": 64,
            "hidden_size": width,
            "input_embedding_dim": width,
            "backbone_embedding_dim": width,
            "add_pos_embed": True,
            "use_vlln": True,
            "use_alternate_vl_dit": True,
            "attend_text_every_n_blocks": 2,
            "diffusion_model_cfg": {
                **attention,
                "num_layers": 4,
                "output_dim": width,
                "norm_type": "ada_norm",
                "interleave_self_attention": True,
            },
            "vl_self_attention_cfg": {**attention, "num_layers": 1},
            "state_dropout_prob": 0.0,
            "noise_beta_alpha": 1.5,
            "noise_beta_beta": 1.0,
            "noise_s": 0.999,
            "num_inference_timesteps": 4,
            "num_timestep_buckets": 1000,
            "rtc_ramp_rate": 6.0,
            "tune_llm": True,
            "tune_visual": True,
            "tune_projector": True,
            "tune_diffusion_model": True,
            "tune_vlln": True,
            "dtype": "float32",
        }
    )


def _backbone_config(width: int, vocabulary: int, token_id: Any) -> dict[str, Any]:
    side = IMAGE_EDGE // PATCH
    return {
        "image_token_id": token_id("<|image_pad|>"),
        "video_token_id": token_id("<|video_pad|>"),
        "vision_start_token_id": token_id("<|vision_start|>"),
        "vision_end_token_id": token_id("<|vision_end|>"),
        "tie_word_embeddings": True,
        "text_config": {
            "vocab_size": vocabulary,
            "hidden_size": width,
            "intermediate_size": 2 * width,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 32,
            "rms_norm_eps": 1e-6,
            "max_position_embeddings": 4096,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 5_000_000,
                "mrope_section": [6, 5, 5],
                "mrope_interleaved": True,
            },
        },
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


def _preprocessor_config() -> dict[str, Any]:
    return {
        "image_processor_type": "Qwen2VLImageProcessor",
        "size": {"shortest_edge": IMAGE_EDGE**2, "longest_edge": IMAGE_EDGE**2},
        "patch_size": PATCH,
        "temporal_patch_size": 2,
        "merge_size": MERGE,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }


def processor_config(spec: CheckpointSpec) -> dict[str, Any]:
    """`processor_config.json` of the tiny network."""
    modality = {
        "video": {"delta_indices": [0], "modality_keys": list(spec.video_keys)},
        "state": {"delta_indices": [0], "modality_keys": list(spec.state)},
        "action": {
            "delta_indices": list(range(spec.horizon)),
            "modality_keys": [key.key for key in spec.actions],
            "action_configs": [key.config.to_dict() for key in spec.actions],
        },
        "language": {"delta_indices": [0], "modality_keys": [spec.language_key]},
    }
    return {
        "processor_class": "Gr00tN1d7Processor",
        "processor_kwargs": {
            "modality_configs": {EMBODIMENT: modality},
            "use_percentiles": False,
            "clip_outliers": True,
            "image_crop_size": [round(PICTURE_EDGE * CROP_FRACTION)] * 2,
            "image_target_size": [PICTURE_EDGE, PICTURE_EDGE],
            "shortest_image_edge": PICTURE_EDGE,
            "crop_fraction": CROP_FRACTION,
            "use_albumentations": True,
            "letter_box_transform": False,
            "formalize_language": True,
            "max_state_dim": STATE_DIM,
            "max_action_dim": ACTION_DIM,
            "max_action_horizon": spec.horizon,
            "apply_sincos_state_encoding": False,
            "use_relative_action": True,
            "exclude_state": False,
            "state_dropout_prob": 0.0,
            "random_rotation_angle": None,
            "color_jitter_params": None,
        },
    }
