"""The network's shape, read from a checkpoint's `config.json`.

Every number comes from that file. Keys that NVIDIA's released files leave out: the width of the
DiT's tokens is that of its attention; the rest is in `Version.defaults`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any

from groot_ros.errors import UserError
from groot_ros.files.config_file import shown
from groot_ros.files.typed import KeyPath, Misfit, OpenSection, Text, number, typed, whole
from groot_ros.model.networks.version import Version
from groot_ros.model.networks.versions import find_version

# Far above every released network: a number beyond is a mistake that would fill the memory.
MOST_LAYERS, MOST_HEADS, WIDEST, LONGEST = 256, 1024, 1 << 16, 1 << 20
Layers = Annotated[int, whole(1, MOST_LAYERS)]
Heads = Annotated[int, whole(1, MOST_HEADS)]
Width = Annotated[int, whole(1, WIDEST)]
Share = Annotated[float, number("", 0.0)]


class TransformerConfig(OpenSection, frozen=True, kw_only=True):
    """Size of a stack of attention blocks in the action head: one of the `..._cfg`."""

    num_layers: Layers
    num_attention_heads: Heads
    attention_head_dim: Width
    dropout: Annotated[float, number("shares", 0.0, 1.0)]
    final_dropout: bool
    positional_embeddings: Any = None

    def __post_init__(self) -> None:
        if self.positional_embeddings is not None:
            raise Misfit(
                f"is {shown(self.positional_embeddings)}, expected null: this network is not "
                "GR00T N1.6 or N1.7",
                "positional_embeddings",
            )

    @property
    def inner_dim(self) -> int:
        return self.num_attention_heads * self.attention_head_dim


class TextEntry(OpenSection, frozen=True, kw_only=True):
    """What sizes a tensor of a backbone's language model."""

    hidden_size: Width
    intermediate_size: Annotated[int, whole(1, 4 * WIDEST)]
    num_hidden_layers: Layers
    num_attention_heads: Heads
    num_key_value_heads: Heads
    vocab_size: Annotated[int, whole(1, 2 * LONGEST)]


class VisionEntry(OpenSection, frozen=True, kw_only=True):
    """What sizes a tensor of a backbone's vision tower, some of one version's only."""

    hidden_size: Width
    intermediate_size: Annotated[int, whole(1, 4 * WIDEST)]
    patch_size: Annotated[int, whole(1, 256)]
    depth: Layers | None = None
    num_hidden_layers: Layers | None = None
    num_heads: Heads | None = None
    num_attention_heads: Heads | None = None
    temporal_patch_size: Annotated[int, whole(1, 16)] | None = None
    spatial_merge_size: Annotated[int, whole(1, 16)] | None = None
    num_position_embeddings: Annotated[int, whole(1, LONGEST)] | None = None
    num_patches: Annotated[int, whole(1, LONGEST)] | None = None
    out_hidden_size: Width | None = None


class BackboneEntry(OpenSection, frozen=True, kw_only=True):
    """What is read of a backbone's sizes, or sizes a tensor."""

    image_token_id: Annotated[int, whole(0, LONGEST)]
    text_config: TextEntry
    vision_config: VisionEntry


class NetworkFile(OpenSection, frozen=True, kw_only=True):
    """`config.json`, with what its version leaves out."""

    action_horizon: Annotated[int, whole(1, 1 << 12)]
    max_state_dim: Annotated[int, whole(1, 1 << 12)]
    max_action_dim: Annotated[int, whole(1, 1 << 12)]
    state_history_length: Annotated[int, whole(1, 256)]
    hidden_size: Width
    input_embedding_dim: Width | None = None
    backbone_embedding_dim: Width
    max_seq_len: Annotated[int, whole(1, LONGEST)]
    max_num_embodiments: Annotated[int, whole(1, 4096)]
    select_layer: Annotated[int, whole(-LONGEST, LONGEST)]
    attend_text_every_n_blocks: Layers
    add_pos_embed: bool
    use_vlln: bool
    state_dropout_prob: Share
    state_additive_noise_scale: Share
    noise_beta_alpha: Share
    noise_beta_beta: Share
    noise_s: Share
    num_inference_timesteps: Annotated[int, whole(1, 1000)]
    num_timestep_buckets: Annotated[int, whole(1, LONGEST)]
    rtc_ramp_rate: Share
    max_delay_steps: Annotated[int, whole(0, 1 << 12)] = 0
    model_name: Text | None = None
    diffusion_model_cfg: TransformerConfig
    vl_self_attention_cfg: dict[str, Any] = {}
    backbone_config: BackboneEntry | None = None


@dataclass(frozen=True)
class Gr00tConfig:
    """What builds the network; `raw` is the whole file, so that saving writes it unchanged.

    `max_delay_steps` is how many steps it has learned to be given and to go on from, 0 for none:
    only `groot-ros train` writes that.
    """

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
    max_delay_steps: int
    model_name: str
    backbone: Mapping[str, Any]
    raw: Mapping[str, Any]

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Gr00tConfig:
        """Read the content of `config.json`; UserError for another version or a missing key."""
        version, place = find_version(raw), KeyPath("config.json")
        _check_dit(raw)
        file = typed({**version.defaults, **raw}, NetworkFile, place)
        plain = {key: getattr(file, key) for key in NetworkFile.__struct_fields__ if key in _PLAIN}
        dit, attention = file.diffusion_model_cfg, file.vl_self_attention_cfg
        config = cls(
            version=version,
            **plain,
            input_embedding_dim=file.input_embedding_dim or dit.inner_dim,
            dit=dit,
            vl_self_attention=(
                typed(attention, TransformerConfig, place / "vl_self_attention_cfg")
                if attention.get("num_layers", 0) != 0
                else None
            ),
            model_name=file.model_name or "",
            backbone=_backbone(file, raw, version),
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


# Of both the file and the network.
_PLAIN = {field.name for field in fields(Gr00tConfig)} - {"input_embedding_dim", "model_name"}


def _check_dit(raw: Mapping[str, Any]) -> None:
    dit = raw.get("diffusion_model_cfg")
    for name, section in (("use_alternate_vl_dit", raw), ("interleave_self_attention", dit)):
        found = section.get(name) if isinstance(section, Mapping) else True
        if found is not True:
            raise UserError(
                f"config.json has {name} {shown(found)}, expected true as in every released "
                "checkpoint of GR00T N1.6 and N1.7"
            )


def _backbone(file: NetworkFile, raw: Mapping[str, Any], version: Version) -> Mapping[str, Any]:
    if file.backbone_config:
        sizes: Mapping[str, Any] = raw["backbone_config"]
        return sizes
    name = file.model_name or ""
    if name in version.sizes:
        return version.sizes[name]
    raise UserError(
        f"config.json names the backbone {shown(name)}, expected one of "
        f"{', '.join(version.sizes)} or a backbone_config with its sizes"
    )
