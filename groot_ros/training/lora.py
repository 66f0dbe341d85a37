"""LoRA: small matrices are trained beside frozen ones (Hu et al. 2021), merged when saved."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from groot_ros.errors import UserError
from groot_ros.model.networks.network import Network
from groot_ros.training.config import TrainConfig

BASE, ADAPTER = ".base_layer", ".lora_"


def adapted_layers(network: Network, config: TrainConfig) -> dict[str, nn.Linear]:
    """The matrices of backbone and head that get small ones beside them, by name."""
    head, backbone = network.action_head, network.backbone
    parts: list[nn.Module] = [backbone.language_model.layers]
    parts += backbone.vision_parts if config.tune_visual else []
    parts += [head.model] if config.tune_diffusion_model else []
    parts += [head.vl_self_attention] if config.tune_vlln else []
    inside = {id(module) for part in parts for module in part.modules()}
    return {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, nn.Linear) and id(module) in inside
    }


def add_adapters(network: Network, config: TrainConfig) -> None:
    """Put small matrices, drawn from the seed, beside the adapted layers.

    These are frozen, as is the rest of the backbone; other parts of the head stay as they are.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError:
        raise UserError("--lora needs the package peft: pip install peft") from None
    layers = adapted_layers(network, config)
    trained = _trained_whole(network, layers)
    adapters = LoraConfig(
        r=config.lora_rank,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules=list(layers),
    )
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        inject_adapter_in_model(adapters, network)
    for parameter in trained:
        parameter.requires_grad_(True)


def _trained_whole(network: Network, layers: Mapping[str, nn.Linear]) -> list[nn.Parameter]:
    adapted = {id(parameter) for layer in layers.values() for parameter in layer.parameters()}
    return [
        parameter
        for parameter in network.action_head.parameters()
        if parameter.requires_grad and id(parameter) not in adapted
    ]


def trained_numbers(network: Network, config: TrainConfig) -> int:
    """How many numbers --lora would train of a network that has no small matrices yet."""
    layers = adapted_layers(network, config)
    small = sum(config.lora_rank * (x.in_features + x.out_features) for x in layers.values())
    return small + sum(parameter.numel() for parameter in _trained_whole(network, layers))


@torch.no_grad()
def plain_network(network: Network, weights: Mapping[str, Tensor], config: TrainConfig) -> Network:
    """A network with these weights, by the names in `network`; small matrices are added in."""
    plain: dict[str, Tensor] = {}
    for name, weight in weights.items():
        if ADAPTER in name:
            continue
        down, up = (name.replace(f"{BASE}.", f"{ADAPTER}{x}.default.") for x in "AB")
        value = weight.detach()
        if down != name and down in weights:
            change = config.lora_alpha / config.lora_rank * (weights[up] @ weights[down])
            value = (value + change).to(value.dtype)
        plain[name.replace(BASE, "")] = value
    result = Network.on_meta(network.config, network.backbone.precision)
    result.load_state_dict(plain, strict=False, assign=True)
    result.backbone.tie()
    return result
