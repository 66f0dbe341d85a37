"""The network's shape, read from a checkpoint's `config.json`.

Every number comes from that file. Keys that NVIDIA's released files leave out: the width of the
DiT's tokens is that of its attention; `attend_text_every_n_blocks` is 2 and
`state_history_length` 1, as in NVIDIA's configuration class.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from groot_ros.errors import UserError

MODEL_TYPE = "Gr00tN1d7"
OTHER_VERSIONS = {
    "gr00t_n1": "N1",
    "gr00t_n1_5": "N1.5",
    "GR00T_N1_5": "N1.5",
    "Gr00tN1d6": "N1.6",
}
# The released checkpoints name their backbone; its architecture is that of Qwen3-VL-2B.
QWEN3_VL_2B_NAMES = ("nvidia/Cosmos-Reason2-2B", "Qwen/Qwen3-VL-2B-Instruct")
QWEN3_VL_2B: dict[str, Any] = {
    "image_token_id": 151655,
    "video_token_id": 151656,
    "vision_start_token_id": 151652,
    "vision_end_token_id": 151653,
    "tie_word_embeddings": True,
    "text_config": {
        "vocab_size": 151936,
        "hidden_size": 2048,
        "intermediate_size": 6144,
        "num_hidden_layers": 28,
        "num_attention_heads": 16,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "rms_norm_eps": 1e-6,
        "max_position_embeddings": 262144,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 5_000_000,
            "mrope_section": [24, 20, 20],
            "mrope_interleaved": True,
        },
    },
    "vision_config": {
        "depth": 24,
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_heads": 16,
        "patch_size": 16,
        "temporal_patch_size": 2,
        "spatial_merge_size": 2,
        "num_position_embeddings": 2304,
        "out_hidden_size": 2048,
        "deepstack_visual_indexes": [5, 11, 17],
    },
}


@dataclass(frozen=True)
class TransformerConfig:
    """Size of a stack of attention blocks in the action head."""

    num_layers: int
    num_attention_heads: int
    attention_head_dim: int
    dropout: float
    final_dropout: bool

    @property
    def inner_dim(self) -> int:
        return self.num_attention_heads * self.attention_head_dim

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], name: str) -> TransformerConfig:
        if values.get("positional_embeddings") is not None:
            raise UserError(
                f"{name}.positional_embeddings is {values['positional_embeddings']!r} in "
                "config.json, expected null: this network is not GR00T N1.7"
            )
        return cls(
            num_layers=_get(values, "num_layers", name),
            num_attention_heads=_get(values, "num_attention_heads", name),
            attention_head_dim=_get(values, "attention_head_dim", name),
            dropout=_get(values, "dropout", name),
            final_dropout=_get(values, "final_dropout", name),
        )


@dataclass(frozen=True)
class Gr00tConfig:
    """What builds the network; `raw` is the whole file, so that saving writes it unchanged."""

    action_horizon: int
    max_state_dim: int
    max_action_dim: int
    state_history_length: int
    hidden_size: int
    input_embedding_dim: int
    backbone_embedding_dim: int
    max_seq_len: int
    max_num_embodiments: int
    select_layer: int
    attend_text_every_n_blocks: int
    add_pos_embed: bool
    use_vlln: bool
    dit: TransformerConfig
    vl_self_attention: TransformerConfig | None
    state_dropout_prob: float
    noise_beta_alpha: float
    noise_beta_beta: float
    noise_s: float
    num_inference_timesteps: int
    num_timestep_buckets: int
    rtc_ramp_rate: float
    model_name: str
    backbone: Mapping[str, Any]
    raw: Mapping[str, Any]

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Gr00tConfig:
        """Read the content of `config.json`; UserError for another version or a missing key."""
        _check_version(raw)
        dit = TransformerConfig.from_dict(
            _get(raw, "diffusion_model_cfg", ""), "diffusion_model_cfg"
        )
        vl_self_attention = raw.get("vl_self_attention_cfg") or {}
        config = cls(
            **{key: _get(raw, key, "") for key in _PLAIN_KEYS},
            state_history_length=raw.get("state_history_length", 1),
            attend_text_every_n_blocks=raw.get("attend_text_every_n_blocks", 2),
            input_embedding_dim=raw.get("input_embedding_dim", dit.inner_dim),
            dit=dit,
            vl_self_attention=(
                TransformerConfig.from_dict(vl_self_attention, "vl_self_attention_cfg")
                if vl_self_attention.get("num_layers", 0)
                else None
            ),
            model_name=raw.get("model_name", ""),
            backbone=_backbone(raw),
            raw=dict(raw),
        )
        config._check_sizes()
        return config

    @classmethod
    def from_folder(cls, folder: Path) -> Gr00tConfig:
        """Read `config.json` of a checkpoint folder."""
        return cls.from_dict(read_json(folder / "config.json", "a GR00T checkpoint folder"))

    def single_slot(self) -> Gr00tConfig:
        """The same network with the per-embodiment weights of one slot only."""
        return replace(self, max_num_embodiments=1)

    def _check_sizes(self) -> None:
        dit = self.raw["diffusion_model_cfg"]
        expectations = [
            ("diffusion_model_cfg heads x dim", self.dit.inner_dim, self.input_embedding_dim),
            ("diffusion_model_cfg.output_dim", dit.get("output_dim"), self.hidden_size),
            (
                "backbone hidden size",
                self.backbone["text_config"]["hidden_size"],
                self.backbone_embedding_dim,
            ),
        ]
        if self.vl_self_attention is not None:
            inner_dim = self.vl_self_attention.inner_dim
            expectations.append(
                ("vl_self_attention_cfg heads x dim", inner_dim, self.backbone_embedding_dim)
            )
        for name, found, expected in expectations:
            if found != expected:
                raise UserError(
                    f"config.json is inconsistent: {name} is {found}, expected {expected}; "
                    "get an unmodified config.json of this checkpoint"
                )
        layers = self.backbone["text_config"]["num_hidden_layers"]
        if not 0 < self.select_layer <= layers:
            raise UserError(
                f"select_layer is {self.select_layer} in config.json, expected 1 to {layers}, "
                "the layers of the backbone"
            )


_PLAIN_KEYS = (
    "action_horizon",
    "max_state_dim",
    "max_action_dim",
    "hidden_size",
    "backbone_embedding_dim",
    "max_seq_len",
    "max_num_embodiments",
    "select_layer",
    "add_pos_embed",
    "use_vlln",
    "state_dropout_prob",
    "noise_beta_alpha",
    "noise_beta_beta",
    "noise_s",
    "num_inference_timesteps",
    "num_timestep_buckets",
    "rtc_ramp_rate",
)


def read_json(path: Path, what: str) -> dict[str, Any]:
    """Content of a JSON file of a checkpoint; UserError when it is missing or broken."""
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        raise UserError(
            f"{path.name} not found in {path.parent}: expected {what}, check the path"
        ) from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}): copy the checkpoint again") from None
    if not isinstance(content, dict):
        raise UserError(f"{path} holds no JSON object: copy the checkpoint again")
    return content


def _get(values: Mapping[str, Any], key: str, prefix: str) -> Any:
    if key not in values:
        name = f"{prefix}.{key}" if prefix else key
        raise UserError(
            f"config.json has no key {name!r}: expected the config.json of GR00T N1.7, "
            "get the checkpoint's own file"
        )
    return values[key]


def _check_version(raw: Mapping[str, Any]) -> None:
    found = raw.get("model_type")
    if found in OTHER_VERSIONS:
        raise UserError(
            f"the checkpoint is GR00T {OTHER_VERSIONS[found]} (model_type {found!r}), expected "
            f"N1.7 ({MODEL_TYPE!r}): use an N1.7 checkpoint"
        )
    if found != MODEL_TYPE:
        raise UserError(
            f"config.json has model_type {found!r}, expected {MODEL_TYPE!r}: "
            "this is not a GR00T checkpoint"
        )
    dit = raw.get("diffusion_model_cfg", {})
    for name, values in (("use_alternate_vl_dit", raw), ("interleave_self_attention", dit)):
        if not values.get(name):
            raise UserError(
                f"config.json has {name} {values.get(name)}, expected true as in every released "
                "GR00T N1.7 checkpoint"
            )


def _backbone(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    if raw.get("backbone_config") is not None:
        return raw["backbone_config"]
    if raw.get("model_name", "") in QWEN3_VL_2B_NAMES:
        return QWEN3_VL_2B
    raise UserError(
        f"config.json names the backbone {raw.get('model_name')!r}, expected one of "
        f"{', '.join(QWEN3_VL_2B_NAMES)} or a backbone_config with its sizes"
    )
