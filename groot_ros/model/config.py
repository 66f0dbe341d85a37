"""The network's shape, read from a checkpoint's `config.json`.

Every number comes from that file. Keys that NVIDIA's released files leave out: the width of the
DiT's tokens is that of its attention; the rest is in `Version.defaults`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from groot_ros.errors import UserError
from groot_ros.model.json_file import read_json
from groot_ros.model.version import Version
from groot_ros.model.versions import find_version


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
                "config.json, expected null: this network is not GR00T N1.6 or N1.7"
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

    version: Version
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
    state_additive_noise_scale: float
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
        version = find_version(raw)
        values = {**version.defaults, **raw}
        _check_dit(values)
        dit = TransformerConfig.from_dict(
            _get(values, "diffusion_model_cfg", ""), "diffusion_model_cfg"
        )
        vl_self_attention = raw.get("vl_self_attention_cfg") or {}
        config = cls(
            version=version,
            **{key: _get(values, key, "") for key in _PLAIN_KEYS},
            input_embedding_dim=raw.get("input_embedding_dim", dit.inner_dim),
            dit=dit,
            vl_self_attention=(
                TransformerConfig.from_dict(vl_self_attention, "vl_self_attention_cfg")
                if vl_self_attention.get("num_layers", 0)
                else None
            ),
            model_name=raw.get("model_name", ""),
            backbone=_backbone(raw, version),
            raw=dict(raw),
        )
        config._check_sizes()
        return config

    @classmethod
    def from_folder(cls, folder: Path) -> Gr00tConfig:
        """Read `config.json` of a checkpoint folder."""
        return cls.from_dict(read_json(folder / "config.json", "a GR00T checkpoint folder"))

    @property
    def learns_dropped_state(self) -> bool:
        """Whether a state that is dropped in training becomes a learnt token; else it is zero."""
        return self.version.learns_dropped_state and self.state_dropout_prob > 0

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
    "state_history_length",
    "hidden_size",
    "backbone_embedding_dim",
    "max_seq_len",
    "max_num_embodiments",
    "select_layer",
    "attend_text_every_n_blocks",
    "add_pos_embed",
    "use_vlln",
    "state_dropout_prob",
    "state_additive_noise_scale",
    "noise_beta_alpha",
    "noise_beta_beta",
    "noise_s",
    "num_inference_timesteps",
    "num_timestep_buckets",
    "rtc_ramp_rate",
)


def _get(values: Mapping[str, Any], key: str, prefix: str) -> Any:
    if key not in values:
        name = f"{prefix}.{key}" if prefix else key
        raise UserError(
            f"config.json has no key {name!r}: expected the config.json of a GR00T checkpoint, "
            "get the checkpoint's own file"
        )
    return values[key]


def _check_dit(raw: Mapping[str, Any]) -> None:
    dit = raw.get("diffusion_model_cfg", {})
    for name, values in (("use_alternate_vl_dit", raw), ("interleave_self_attention", dit)):
        if not values.get(name):
            raise UserError(
                f"config.json has {name} {values.get(name)}, expected true as in every released "
                "checkpoint of GR00T N1.6 and N1.7"
            )


def _backbone(raw: Mapping[str, Any], version: Version) -> Mapping[str, Any]:
    if raw.get("backbone_config") is not None:
        return raw["backbone_config"]
    if raw.get("model_name", "") in version.sizes:
        return version.sizes[raw["model_name"]]
    raise UserError(
        f"config.json names the backbone {raw.get('model_name')!r}, expected one of "
        f"{', '.join(version.sizes)} or a backbone_config with its sizes"
    )
