"""GR00T: backbone and action head as one network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from groot_ros.errors import UserError
from groot_ros.model.networks.action_head import ActionHead
from groot_ros.model.networks.backbone import Backbone, Grid
from groot_ros.model.networks.config import Gr00tConfig
from groot_ros.model.networks.dit import Context
from groot_ros.model.networks.flow_matching import NoisySample, NormalizedPrefix
from groot_ros.model.networks.rope import RopePrecision


@dataclass(frozen=True)
class Batch:
    """Network input of B samples.

    input_ids (B, S) left-padded, attention_mask (B, S) or None without padding; patches
    (sum of P, patch size) of all images, sample by sample, with their grids; state (B, T, D)
    normalised and padded; slot (B,) embodiment slots.
    """

    input_ids: Tensor
    patches: Tensor
    grids: Sequence[Grid]
    state: Tensor
    slot: Tensor
    attention_mask: Tensor | None = None


class Network(nn.Module):
    """The whole network, named and shaped as in NVIDIA's checkpoints."""

    def __init__(
        self, config: Gr00tConfig, precision: RopePrecision = RopePrecision.FLOAT32
    ) -> None:
        super().__init__()
        self.config = config
        self.backbone: Backbone = config.version.backbone(
            config.backbone, config.select_layer, precision
        )
        self.action_head = ActionHead(config)

    @classmethod
    def on_meta(
        cls, config: Gr00tConfig, precision: RopePrecision = RopePrecision.FLOAT32
    ) -> Network:
        """The network without memory for its weights; UserError for a config of which none can be
        built."""
        try:
            with torch.device("meta"):
                return cls(config, precision)
        # What a backbone_config must hold only transformers knows, which raises anything.
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            raise UserError(
                f"config.json describes a network that cannot be built ({reason}): get an "
                "unmodified config.json of this checkpoint"
            ) from error

    def context(self, batch: Batch) -> Context:
        """The action head's context of a batch."""
        layout = self.backbone.layout(batch.input_ids, batch.grids, batch.attention_mask)
        features = self.backbone(layout, batch.patches, batch.grids)
        image_mask = batch.input_ids == self.backbone.config.image_token_id
        return self.action_head.masked_context(features, image_mask, batch.attention_mask)

    def loss(self, batch: Batch, sample: NoisySample, mask: Tensor) -> Tensor:
        """Training loss for noisy actions of the batch; mask (B, H, D)."""
        return self.action_head.loss(
            sample, mask, state=batch.state, context=self.context(batch), slot=batch.slot
        )

    def actions(
        self, batch: Batch, noise: Tensor, prefix: NormalizedPrefix | None = None
    ) -> Tensor:
        """Normalised actions (B, H, D) from noise of the same shape, in the plain way."""
        context = self.context(batch)
        return self.action_head.sample(
            noise, batch.state, context=context, slot=batch.slot, prefix=prefix
        )
