"""The network as the Trainer calls it: a batch in, a loss out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from groot_ros.model.networks.dit import Context, Tokens
from groot_ros.model.networks.flow_matching import NoisySample
from groot_ros.model.networks.network import Batch, Network
from groot_ros.training.config import TrainConfig


class TrainingModule(nn.Module):
    """Flow-matching loss of a batch of any embodiments; the parameters are the network's."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        patches: Tensor,
        grids: Tensor,
        state: Tensor,
        slot: Tensor,
        noisy: Tensor,
        velocity: Tensor,
        timestep: Tensor,
        mask: Tensor,
        k: Tensor,
        given: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Loss of B observations with M noises each; noisy and velocity are (B M, H, D)."""
        batch = self._batch(
            input_ids, attention_mask, patches=patches, grids=grids, state=state, slot=slot
        )
        context = self.network.context(batch)
        repeats = len(noisy) // len(state)
        if repeats > 1:
            context = Context(*(_repeat_tokens(tokens, repeats) for tokens in context))
            state, slot, mask = (x.repeat_interleave(repeats, 0) for x in (state, slot, mask))
        sample = NoisySample(noisy, velocity, timestep, given)
        return {
            "loss": self.network.action_head.loss(
                sample, mask, state=state, context=context, slot=slot
            )
        }

    @torch.no_grad()
    def actions(self, inputs: Mapping[str, Tensor], noise: Tensor) -> Tensor:
        """Normalised actions (B, H, D) of B observations from noise of this shape."""
        return self.network.actions(self._batch(**inputs), noise)

    def _batch(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        patches: Tensor,
        grids: Tensor,
        state: Tensor,
        slot: Tensor,
    ) -> Batch:
        rows = [(int(row), int(column)) for row, column in grids.tolist()]
        padded = None if bool(attention_mask.all()) else attention_mask
        return Batch(
            input_ids=input_ids,
            patches=patches,
            grids=rows,
            state=state,
            slot=slot,
            attention_mask=padded,
        )


def _repeat_tokens(tokens: Tokens, repeats: int) -> Tokens:
    mask = tokens.mask
    return Tokens(
        tokens.features.repeat_interleave(repeats, 0),
        None if mask is None else mask.repeat_interleave(repeats, 0),
    )


def choose_trainable(network: Network, config: TrainConfig) -> None:
    """Freeze everything but the chosen parts."""
    network.requires_grad_(False)
    head, backbone = network.action_head, network.backbone
    projector = [head.state_encoder, head.action_encoder, head.action_decoder]
    if head.config.add_pos_embed:
        projector.append(head.position_embedding)
    layers = backbone.language_model.layers
    chosen: list[tuple[bool, list[nn.Module]]] = [
        (config.tune_llm, [backbone.language_model]),
        (config.tune_visual, backbone.vision_parts),
        (config.tune_projector, projector),
        (config.tune_diffusion_model, [head.model]),
        (config.tune_vlln, [head.vlln, head.vl_self_attention]),
        (config.tune_top_llm_layers > 0, list(layers[len(layers) - config.tune_top_llm_layers :])),
    ]
    for wanted, parts in chosen:
        for part in parts if wanted else []:
            part.requires_grad_(True)
    if head.mask_token is not None:
        head.mask_token.requires_grad_(config.tune_projector)
    # They would never get a gradient.
    for part in backbone.unused:
        part.requires_grad_(False)


def set_state_dropout(network: Network, probability: float) -> None:
    """Hide the state of that share of the samples; checkpoints say so, too."""
    raw = {**network.config.raw, "state_dropout_prob": probability}
    network.config = replace(network.config, state_dropout_prob=probability, raw=raw)
    network.action_head.reconfigure(network.config)


def learn_given_steps(network: Network, most: int) -> None:
    """Let chunks be learned of which up to so many steps are given; checkpoints say so, too."""
    raw = dict(network.config.raw)
    if most or "max_delay_steps" in raw:
        raw["max_delay_steps"] = most
    network.config = replace(network.config, max_delay_steps=most, raw=raw)
    network.action_head.reconfigure(network.config)
