"""Memory of a training: how much it takes, whether that fits, and how to save some."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from groot_ros.errors import UserError
from groot_ros.model.networks.layers import SelfAttentionBlock
from groot_ros.model.networks.network import Network
from groot_ros.training.config import OPTIMIZERS, TINY, TrainConfig
from groot_ros.training.lora import trained_numbers

GB = 1e9
FLOAT32, BFLOAT16 = 4, 2
# What a workstation's GPU has.
USUAL_GPU_BYTES = 24 * GB
SAVING = "--lora --optim adamw8bit"


def halve_frozen(network: nn.Module) -> None:
    """Hold what is not trained in bfloat16."""
    for parameter in network.parameters():
        if not parameter.requires_grad:
            parameter.data = parameter.data.to(torch.bfloat16)


def recompute_activations(network: Network) -> None:
    """Keep only the inputs of layers and compute the rest again for the gradients."""
    head, backbone = network.action_head, cast(Any, network.backbone)
    layers = [*backbone.language_model.layers, *head.model.blocks]
    layers += [m for m in head.vl_self_attention.modules() if isinstance(m, SelfAttentionBlock)]
    for layer in layers:
        layer.forward = functools.partial(checkpoint, layer.forward, use_reentrant=False)
    backbone.vision = functools.partial(checkpoint, backbone.vision, use_reentrant=False)


@dataclass(frozen=True)
class MemoryPlan:
    """Bytes that a training takes on each device."""

    weights: float
    gradients: float
    optimizer: float
    average: float
    activations: float

    @property
    def total(self) -> float:
        """Total in bytes."""
        return float(sum(vars(self).values()))

    def __str__(self) -> str:
        parts = ", ".join(f"{n} {b / GB:.2f}" for n, b in vars(self).items() if b)
        return f"{self.total / GB:.2f} GB ({parts})"


def plan_memory(network: Network, config: TrainConfig, activations: float) -> MemoryPlan:
    """What training this network takes; `activations` in bytes, see `activation_bytes`."""
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    numbers = sum(parameter.numel() for parameter in trained)
    return MemoryPlan(
        weights=sum(parameter.nbytes for parameter in network.parameters()),
        gradients=sum(parameter.nbytes for parameter in trained),
        optimizer=config.optimizer.bytes_per_number * numbers,
        average=FLOAT32 * numbers if config.ema_decay else 0,
        activations=activations,
    )


def plan_with_lora(network: Network, config: TrainConfig, activations: float) -> MemoryPlan:
    """What the same training would take with SAVING; adapters are small beside all weights."""
    total = sum(parameter.numel() for parameter in network.parameters())
    trained = trained_numbers(network, config)
    return MemoryPlan(
        weights=BFLOAT16 * total + FLOAT32 * trained,
        gradients=FLOAT32 * trained,
        optimizer=OPTIMIZERS["adamw8bit"].bytes_per_number * trained,
        average=0,
        activations=activations,
    )


@dataclass(frozen=True)
class Activations:
    """Bytes that forward passes keep for their gradients: fixed ones and those of a sample."""

    fixed: float
    per_sample: float

    def of(self, samples: int) -> float:
        """Bytes for so many samples at once."""
        return self.fixed + samples * self.per_sample


def measure_activations(
    module: nn.Module, batch: Callable[[int], Mapping[str, Tensor]], config: TrainConfig
) -> Activations:
    """Measured with batches of one and two samples, which `batch` makes."""
    device = next(module.parameters()).device
    sizes = []
    for count in (1, 2):
        inputs = {name: tensor.to(device) for name, tensor in batch(count).items()}
        autocast = torch.autocast(device.type, torch.bfloat16, enabled=config.bf16)
        with torch.random.fork_rng(), autocast:
            sizes.append(_kept_bytes(module, inputs))
    one, two = sizes
    return Activations(2 * one - two, two - one)


def _kept_bytes(module: nn.Module, inputs: Mapping[str, Tensor]) -> int:
    weights = {parameter.untyped_storage().data_ptr() for parameter in module.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        # The loss keeps the graph and with it every storage alive until all are counted.
        loss = module(**inputs)["loss"]
        size = sum(kept.values())
    del loss
    return size


def check_memory(
    network: Network, config: TrainConfig, activations: Activations, samples: int, free: float
) -> None:
    """UserError with a remedy where a training with this batch does not fit into memory."""
    plan = plan_memory(network, config, activations.of(samples))
    if plan.total <= free:
        return
    raise UserError(
        f"training takes {plan} and {free / GB:.2f} GB are free: "
        f"{_way_out(network, config, activations, free)}"
    )


def _way_out(network: Network, config: TrainConfig, activations: Activations, free: float) -> str:
    one = activations.of(1)
    eight_bit = replace(config, optim="adamw8bit") if find_spec("bitsandbytes") else config
    choices = {
        "compute fewer samples at once with --gradient_accumulation_steps": plan_memory(
            network, config, one
        ),
        "add --optim adamw8bit": plan_memory(network, eight_bit, one),
    }
    if config.base_model != TINY:
        choices[f"add {SAVING}"] = plan_with_lora(network, config, one)
    for advice, plan in choices.items():
        if plan.total <= free:
            return f"{advice} ({plan.total / GB:.2f} GB)"
    return "take a device with more memory, or several with DeepSpeed or FSDP (docs/training.md)"


def describe_memory(
    network: Network, config: TrainConfig, activations: Activations, samples: int
) -> list[str]:
    """The plan, and whether a usual GPU has room for it."""
    kept = activations.of(samples)
    plan = plan_memory(network, config, kept)
    lines = [f"memory: {plan}", _fits("", plan)]
    if not config.lora and config.base_model != TINY:
        lines.append(_fits(f" with {SAVING}", plan_with_lora(network, config, kept)))
    return lines


def _fits(how: str, plan: MemoryPlan) -> str:
    answer = "yes" if plan.total <= USUAL_GPU_BYTES else "no"
    return f"fits {USUAL_GPU_BYTES / GB:.0f} GB{how}: {answer} ({plan.total / GB:.2f} GB)"


@contextmanager
def out_of_memory_said(config: TrainConfig, device: torch.device) -> Iterator[None]:
    """Turn the lack of memory into one sentence."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        # On the CPU torch has no class for it.
        if not isinstance(error, torch.OutOfMemoryError | MemoryError) and (
            "DefaultCPUAllocator" not in str(error)
        ):
            raise
        raise UserError(
            f"{device} ran out of memory: add --gradient_accumulation_steps "
            f"{2 * config.gradient_accumulation_steps}, --gradient_checkpointing or {SAVING}; "
            f"checkpoints in {config.run_path} are good for --resume"
        ) from None
