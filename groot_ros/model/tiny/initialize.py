"""First weights of a small network that is to be trained from nothing, or shown untrained."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from groot_ros.model.checkpoint.weights import SLOT_WEIGHT
from groot_ros.model.networks.action_head import ActionHead
from groot_ros.model.networks.network import Network

BACKBONE_STD = 0.06
TOKEN_STD = 0.02


@torch.no_grad()
def initialize(network: Network, generator: torch.Generator) -> None:
    """Draw all weights: norms 1, biases 0, matrices normal."""
    norms = {n for n, module in network.named_modules() if "Norm" in type(module).__name__}
    for name, parameter in sorted(network.named_parameters()):
        if parameter.ndim == 1 or name.endswith(".b"):
            scale = name.removesuffix(".weight") in norms
            parameter.fill_(1.0 if scale else 0.0)
        else:
            parameter.normal_(std=_std(name, parameter), generator=generator)


def _std(name: str, parameter: Tensor) -> float:
    if name.startswith("backbone."):
        return BACKBONE_STD
    if SLOT_WEIGHT.match(name):
        return float(parameter.shape[1] ** -0.5)
    if "position_embedding" in name or "mask_token" in name:
        return TOKEN_STD
    return float((3 * parameter.shape[1]) ** -0.5)


# The carrier keeps tokens at one length, so that the norms pass the actions through unscaled, and
# the offset keeps the activations where they are linear.
CARRIER, OFFSET = 4.0, 12.0
CONTRACTION = 3.6
OPINION = 0.4


@torch.no_grad()
def calm(head: ActionHead) -> None:
    """Let an untrained head answer with a smooth chunk that depends on what it sees.

    The first channels of the tokens carry the noisy actions to the decoder, which answers with
    velocity = CONTRACTION * (wish - actions): four Euler steps leave nothing of the noise. The
    wish comes from the other channels, which are as random as before and vary slowly along the
    chunk.
    """
    config = head.config
    size, width = config.max_action_dim, config.input_embedding_dim
    carried = torch.arange(size)
    encoder, decoder = head.action_encoder, head.action_decoder
    for linear in (encoder.W1, encoder.W2, encoder.W3, decoder.layer1, decoder.layer2):
        _clear(linear.W, carried, size)
    encoder.W2.W[:, :width, size:] = 0.0
    encoder.W1.W[:, carried, carried] = 1.0
    encoder.W2.W[:, carried, carried] = 1.0
    encoder.W2.b[:, :size] = OFFSET
    encoder.W3.W[:, carried, carried] = 1.0
    encoder.W3.b[:, :size] = -OFFSET
    head.position_embedding.weight.copy_(_carrier(config.max_seq_len, size, width))
    for block in head.model.blocks:
        for parameter in (*block.attn1.to_out[0].parameters(), *block.ff.net[2].parameters()):
            parameter[:size] = 0.0
    head.model.proj_out_1.weight.zero_()
    head.model.proj_out_2.weight[:size] = 0.0
    head.model.proj_out_2.weight[:, :size] = 0.0
    gain = CARRIER * math.sqrt((width - size) / width)
    head.model.proj_out_2.weight[carried, carried] = gain
    decoder.layer1.W[:, carried, carried] = 1.0
    decoder.layer1.b[:, :size] = OFFSET
    decoder.layer2.W[:, size:] *= OPINION * CONTRACTION
    decoder.layer2.W[:, carried, carried] = -CONTRACTION
    decoder.layer2.b[:, :size] = CONTRACTION * OFFSET


def _clear(weight: Tensor, carried: Tensor, size: int) -> None:
    """No way between the carried channels and the others, nor among themselves."""
    weight[:, carried] = 0.0
    if weight.shape[2] > size:
        weight[:, :, carried] = 0.0


def _carrier(steps: int, size: int, width: int) -> Tensor:
    """Position embedding (steps, width): zero where actions are carried, else slow waves."""
    channel = torch.arange(width - size)
    phase = 0.05 * (channel % 7) * torch.arange(steps)[:, None]
    waves = CARRIER * (1 - 2 * (channel % 2)) * (1 + 0.3 * torch.sin(phase))
    return torch.cat([torch.zeros(steps, size), waves], dim=1)
