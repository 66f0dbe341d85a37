"""The network's shape, read from a checkpoint's `config.json`.

Every number comes from that file. Keys that NVIDIA's released files leave out: the width of the
DiT's tokens is that of its attention; the rest is in `Version.defaults`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from groot_ros.errors import UserError
from groot_ros.files.config_file import shown
from groot_ros.files.section import Section
from groot_ros.model.networks.version import Version
from groot_ros.model.networks.versions import find_version


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
    def of(cls, section: Section) -> TransformerConfig:
        """Read one of the `..._cfg` of `config.json`."""
        if "positional_embeddings" in section:
            raise section.error(
                "positional_embeddings",
                f"is {shown(section.values['positional_embeddings'])}, expected null: this "
                "network is not GR00T N1.6 or N1.7",
            )
        return cls(
            num_layers=section.integer("num_layers", 1, MOST_LAYERS),
            num_attention_heads=section.integer("num_attention_heads", 1, MOST_HEADS),
            attention_head_dim=section.integer("attention_head_dim", 1, WIDEST),
            dropout=section.number("dropout", "shares", 0.0, 1.0),
            final_dropout=section.boolean("final_dropout"),
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
        values = Section({**version.defaults, **raw}, "config.json")
        _check_dit(values)
        dit = TransformerConfig.of(values.section("diffusion_model_cfg"))
        width = "input_embedding_dim"
        plain: dict[str, Any] = {
            **{key: values.integer(key, low, high) for key, (low, high) in _WHOLE.items()},
            **{key: values.number(key, "no unit", low=0.0) for key in _NUMBERS},
            **{key: values.boolean(key) for key in ("add_pos_embed", "use_vlln")},
        }
        config = cls(
            version=version,
            **plain,
            input_embedding_dim=(
                values.integer(width, 1, WIDEST) if width in values else dit.inner_dim
            ),
            dit=dit,
            vl_self_attention=_vl_self_attention(values),
            model_name=values.text("model_name") if "model_name" in values else "",
            backbone=_backbone(values, version),
            raw=dict(raw),
        )
        config._check_sizes()
        return config

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


# Far above every released network: a number beyond is a mistake that would fill the memory.
MOST_LAYERS, MOST_HEADS, WIDEST, LONGEST = 256, 1024, 1 << 16, 1 << 20
_WHOLE = {
    "action_horizon": (1, 1 << 12),
    "max_state_dim": (1, 1 << 12),
    "max_action_dim": (1, 1 << 12),
    "state_history_length": (1, 256),
    "hidden_size": (1, WIDEST),
    "backbone_embedding_dim": (1, WIDEST),
    "max_seq_len": (1, LONGEST),
    "max_num_embodiments": (1, 4096),
    "select_layer": (-LONGEST, LONGEST),
    "attend_text_every_n_blocks": (1, MOST_LAYERS),
    "num_inference_timesteps": (1, 1000),
    "num_timestep_buckets": (1, LONGEST),
}
_NUMBERS = (
    "state_dropout_prob",
    "state_additive_noise_scale",
    "noise_beta_alpha",
    "noise_beta_beta",
    "noise_s",
    "rtc_ramp_rate",
)
# Of a backbone_config: what is read here, or sizes a tensor.
_BACKBONE = {"image_token_id": (0, LONGEST)}
_TEXT = {
    "hidden_size": (1, WIDEST),
    "intermediate_size": (1, 4 * WIDEST),
    "num_hidden_layers": (1, MOST_LAYERS),
    "num_attention_heads": (1, MOST_HEADS),
    "num_key_value_heads": (1, MOST_HEADS),
    "vocab_size": (1, 2 * LONGEST),
}
_VISION = {
    "hidden_size": (1, WIDEST),
    "intermediate_size": (1, 4 * WIDEST),
    "patch_size": (1, 256),
}
# Of the towers of one version only.
_VISION_OPTIONAL = {
    "depth": (1, MOST_LAYERS),
    "num_hidden_layers": (1, MOST_LAYERS),
    "num_heads": (1, MOST_HEADS),
    "num_attention_heads": (1, MOST_HEADS),
    "temporal_patch_size": (1, 16),
    "spatial_merge_size": (1, 16),
    "num_position_embeddings": (1, LONGEST),
    "num_patches": (1, LONGEST),
    "out_hidden_size": (1, WIDEST),
}


def _check_dit(values: Section) -> None:
    dit = values.section("diffusion_model_cfg")
    for name, section in (("use_alternate_vl_dit", values), ("interleave_self_attention", dit)):
        if not (name in section and section.boolean(name)):
            raise UserError(
                f"config.json has {name} {shown(section.values.get(name))}, expected true as in "
                "every released checkpoint of GR00T N1.6 and N1.7"
            )


def _vl_self_attention(values: Section) -> TransformerConfig | None:
    section = values.part("vl_self_attention_cfg")
    if "num_layers" not in section or section.integer("num_layers", 0, MOST_LAYERS) == 0:
        return None
    return TransformerConfig.of(section)


def _backbone(values: Section, version: Version) -> Mapping[str, Any]:
    if "backbone_config" in values:
        backbone = values.section("backbone_config")
        text, vision = backbone.section("text_config"), backbone.section("vision_config")
        for section, sizes in ((backbone, _BACKBONE), (text, _TEXT), (vision, _VISION)):
            for key, (low, high) in sizes.items():
                section.integer(key, low, high)
        for key, (low, high) in _VISION_OPTIONAL.items():
            if key in vision:
                vision.integer(key, low, high)
        return backbone.values
    name = values.text("model_name") if "model_name" in values else ""
    if name in version.sizes:
        return version.sizes[name]
    raise UserError(
        f"config.json names the backbone {shown(name)}, expected one of "
        f"{', '.join(version.sizes)} or a backbone_config with its sizes"
    )
