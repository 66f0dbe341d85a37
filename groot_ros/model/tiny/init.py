"""A tiny GR00T with untrained weights: the same classes, no download, fast on a CPU."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from groot_ros.errors import UserError
from groot_ros.model.checkpoint.load import save_checkpoint
from groot_ros.model.networks.config import Gr00tConfig
from groot_ros.model.networks.network import Network
from groot_ros.model.networks.version import Version
from groot_ros.model.networks.versions import named_version
from groot_ros.model.processing.modality import ActionKey
from groot_ros.model.tiny.backbones import BACKBONES, TinyBackbone
from groot_ros.model.tiny.initialize import calm, initialize
from groot_ros.model.tiny.tabletop import Workspace, tabletop_statistics
from groot_ros.model.tiny.tokenizer import tiny_tokenizer

EMBODIMENT = "new_embodiment"
# Of a codec's picture the middle is kept: what a 4:3 camera fills, without its black borders.
CROP_FRACTION = 0.75
HEADS, HEAD_DIM = 4, 24
WIDTH = HEADS * HEAD_DIM
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
    state_history: Sequence[int] = (0,)
    video_history: Sequence[int] = (0,)
    metadata: Mapping[str, Any] | None = None
    version: str = "N1.7"
    embodiments: Sequence[str] = (EMBODIMENT,)
    """Slots in this order; the first one reads and answers that."""


def init_checkpoint(output: Path, spec: CheckpointSpec, seed: int = 0) -> None:
    """Write a loadable folder of a tiny network with weights from `seed`."""
    version, backbone = named_version(spec.version), BACKBONES[spec.version]
    tokenizer = tiny_tokenizer(version.prompt)
    sizes = backbone.config(WIDTH, tokenizer.get_vocab_size(), tokenizer.token_to_id)
    config = tiny_config(spec, version, sizes, backbone.vl_layers)
    network = Network(config)
    initialize(network, torch.Generator().manual_seed(seed))
    calm(network.action_head)
    statistics = tabletop_statistics(spec.state, spec.actions, spec.horizon, spec.workspace)
    extra = {
        "tokenizer.json": tokenizer.to_str(pretty=True) + "\n",
        "tokenizer_config.json": _json({"tokenizer_class": "PreTrainedTokenizerFast"}),
        **backbone.extra_files,
    }
    if spec.metadata is not None:
        extra["groot_ros.json"] = _json(spec.metadata)
    save_checkpoint(
        output,
        network,
        processor_config=processor_config(spec, version, backbone),
        statistics={spec.embodiments[0]: statistics},
        slots={name: slot for slot, name in enumerate(spec.embodiments)},
        extra_files=extra,
    )


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2) + "\n"


def tiny_config(
    spec: CheckpointSpec, version: Version, backbone: Mapping[str, Any], vl_layers: int
) -> Gr00tConfig:
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
    attention = {
        "num_attention_heads": HEADS,
        "attention_head_dim": HEAD_DIM,
        "dropout": 0.0,
        "final_dropout": False,
        "positional_embeddings": None,
    }
    return Gr00tConfig.from_dict(
        {
            "architectures": [version.model_type],
            "model_type": version.model_type,
            "model_name": "tiny",
            "backbone_config": backbone,
            "select_layer": 2,
            "action_horizon": spec.horizon,
            "state_history_length": len(spec.state_history),
            "max_state_dim": STATE_DIM,
            "max_action_dim": ACTION_DIM,
            "max_num_embodiments": max(2, len(spec.embodiments)),
            "max_seq_len": 64,
            "hidden_size": WIDTH,
            "input_embedding_dim": WIDTH,
            "backbone_embedding_dim": WIDTH,
            "add_pos_embed": True,
            "use_vlln": True,
            "use_alternate_vl_dit": True,
            "attend_text_every_n_blocks": 2,
            "diffusion_model_cfg": {
                **attention,
                "num_layers": 4,
                "output_dim": WIDTH,
                "norm_type": "ada_norm",
                "interleave_self_attention": True,
            },
            "vl_self_attention_cfg": {**attention, "num_layers": vl_layers},
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


def processor_config(
    spec: CheckpointSpec, version: Version, backbone: TinyBackbone
) -> dict[str, Any]:
    """`processor_config.json` of the tiny network."""
    modality = {
        "video": {
            "delta_indices": list(spec.video_history),
            "modality_keys": list(spec.video_keys),
        },
        "state": {
            "delta_indices": list(spec.state_history),
            "modality_keys": list(spec.state),
        },
        "action": {
            "delta_indices": list(range(spec.horizon)),
            "modality_keys": [key.key for key in spec.actions],
            "action_configs": [key.config.to_dict() for key in spec.actions],
        },
        "language": {"delta_indices": [0], "modality_keys": [spec.language_key]},
    }
    return {
        "processor_class": f"{version.model_type}Processor",
        "processor_kwargs": {
            "modality_configs": {spec.embodiments[0]: modality},
            "use_percentiles": False,
            "clip_outliers": True,
            "image_crop_size": [round(backbone.edge * CROP_FRACTION)] * 2,
            "image_target_size": [backbone.edge, backbone.edge],
            "shortest_image_edge": backbone.edge,
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
