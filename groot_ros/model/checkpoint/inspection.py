"""What a checkpoint folder holds and needs, told without loading the network."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from groot_ros.errors import UserError
from groot_ros.model.checkpoint import weights
from groot_ros.model.checkpoint.folder import CheckpointFolder
from groot_ros.model.networks.config import Gr00tConfig
from groot_ros.model.networks.network import Network
from groot_ros.model.processing.modality import ModalityConfig
from groot_ros.model.processing.normalization import find_statistics

HEAD_PARTS = {
    "vl_self_attention": ("action_head.vl_self_attention.",),
    "dit": ("action_head.model.",),
    "state_encoder": ("action_head.state_encoder.",),
    "action_encoder": ("action_head.action_encoder.",),
    "action_decoder": ("action_head.action_decoder.",),
}
SERVE_FORMULA = "parameters of one embodiment x bytes per number + activations"
TRAIN_FORMULA = (
    "trainable x 16 bytes (float32 weight, gradient and two AdamW moments) + frozen x 2 bytes, "
    "activations not counted"
)


def inspect_checkpoint(path: Path) -> dict[str, Any]:
    """Everything that the folder's small files and the weights' headers say."""
    folder = CheckpointFolder(path)
    config = folder.config
    stored = weights.stored_tensors(path)
    network = Network.on_meta(config)
    weights.plan(network, stored, slot=None)
    return {
        "path": str(path),
        "version": config.version.name,
        "parameters": _parameters(network),
        "tensors": len(stored),
        "files": len({tensor.file for tensor in stored.values()}),
        "dtypes": dict(Counter(tensor.dtype for tensor in stored.values())),
        "bytes": sum(file.stat().st_size for file in {t.file for t in stored.values()}),
        "horizon": config.action_horizon,
        "action_rate_hz": folder.metadata.get("action_rate_hz"),
        "embodiments": {name: _embodiment(folder, name) for name in _names(folder)},
        "images": _images(folder),
        "memory": _memory(config, network, folder),
    }


def _names(folder: CheckpointFolder) -> list[str]:
    configs = folder.modality_configs
    return sorted({*configs, *folder.slots}, key=lambda name: (folder.slots.get(name, -1), name))


def _parameters(network: Network) -> dict[str, int]:
    names = network.backbone.names
    parts = {"vision": names.vision, "language_model": (names.text,), **HEAD_PARTS}
    counts = dict.fromkeys([*parts, "other"], 0)
    for name, parameter in network.named_parameters():
        part = next((p for p, prefixes in parts.items() if name.startswith(prefixes)), "other")
        counts[part] += parameter.numel()
    return {**counts, "total": sum(counts.values())}


def _embodiment(folder: CheckpointFolder, name: str) -> dict[str, Any]:
    """Slot, statistics and modality; sizes come from the statistics."""
    configs = folder.modality_configs
    entry: dict[str, Any] = {
        "slot": folder.slots.get(name),
        "statistics": name in folder.statistics,
        "modality": None,
    }
    if name not in configs:
        return entry
    modality = ModalityConfig.from_dict(configs[name], name)

    def size(group: str, key: str) -> int | None:
        found = find_statistics(folder.statistics, name, group, key)
        return int(found.array("mean").shape[-1]) if found else None

    entry["modality"] = {
        "video": list(modality.video_keys),
        "video_steps": list(modality.video_delta),
        "state": {key: size("state", key) for key in modality.state_keys},
        "state_steps": list(modality.state_delta),
        "action": {
            key: {"size": size("action", key), **config.to_dict()}
            for key, config in zip(modality.action_keys, modality.action_configs, strict=True)
        },
        "horizon": len(modality.action_delta),
        "language": modality.language_key,
    }
    return entry


def _images(folder: CheckpointFolder) -> dict[str, Any]:
    pipeline = folder.images()
    _, grids = pipeline([torch.zeros(256, 256, 3, dtype=torch.uint8)])
    return {
        "shortest_edge": pipeline.crop.shortest_edge,
        "crop_fraction": pipeline.crop.crop_fraction,
        "target_size": pipeline.crop.target_size,
        "albumentations": pipeline.crop.albumentations,
        "letter_box": pipeline.crop.letter_box,
        "patch_size": pipeline.patches.patch_size,
        "merge_size": pipeline.patches.merge_size,
        "tokens_of_a_square_picture": pipeline.patches.tokens(grids[0]),
    }


def _memory(config: Gr00tConfig, network: Network, folder: CheckpointFolder) -> dict[str, Any]:
    total = sum(p.numel() for p in network.parameters())
    slots = sum(
        p.numel() for name, p in network.named_parameters() if weights.SLOT_WEIGHT.match(name)
    )
    serving = total - slots + slots // config.max_num_embodiments
    trainable = sum(p.numel() for n, p in network.named_parameters() if _tuned(n, config))
    activations = _activations(config, folder)
    return {
        "serve_float32_bytes": 4 * (serving + activations),
        "serve_bfloat16_bytes": 2 * (serving + activations),
        "serve_formula": SERVE_FORMULA,
        "fine_tune_bytes": 16 * trainable + 2 * (total - trainable),
        "fine_tune_formula": TRAIN_FORMULA,
        "trainable_parameters": trainable,
    }


def _activations(config: Gr00tConfig, folder: CheckpointFolder) -> int:
    """Numbers alive in the widest layer, for two square pictures and forty words: input, both
    sides of the gate, output."""
    pipeline = folder.images()
    _, (grid, *_) = pipeline([torch.zeros(256, 256, 3, dtype=torch.uint8)])
    patches = 2 * math.prod(grid)
    tokens = 2 * pipeline.patches.tokens(grid) + 40
    text, vision = config.backbone["text_config"], config.backbone["vision_config"]
    widest = max(patches * vision["intermediate_size"], tokens * text["intermediate_size"])
    return int(4 * widest)


def _tuned(name: str, config: Gr00tConfig) -> bool:
    """Whether NVIDIA's fine-tuning, with the switches of config.json, trains a parameter."""
    raw = config.raw
    names = config.version.backbone.names
    if name.startswith(names.vision):
        return bool(raw.get("tune_visual"))
    if name.startswith("backbone."):
        layer = names.text_layer(name)
        top = config.select_layer - int(raw.get("tune_top_llm_layers") or 0)
        return bool(raw.get("tune_llm")) or (layer is not None and layer >= top)
    if name.startswith(HEAD_PARTS["dit"]):
        return bool(raw.get("tune_diffusion_model"))
    if name.startswith(("action_head.vlln", *HEAD_PARTS["vl_self_attention"])):
        return bool(raw.get("tune_vlln"))
    return bool(raw.get("tune_projector"))


def inspect_weights(path: Path) -> dict[str, Any]:
    """Read every weight once: checksums, and which embodiment slots were ever trained.

    UserError for a weight that is NaN or infinite.
    """
    folder = CheckpointFolder(path)
    stored = weights.stored_tensors(path)
    plan = weights.plan(Network.on_meta(folder.config), stored, slot=None)
    checksums = {}
    for name, tensor in weights.read(plan):
        if not tensor.float().sum().isfinite() and not tensor.isfinite().all():
            raise UserError(f"tensor {name} in {path} holds NaN or infinity")
        content = tensor.contiguous().view(torch.uint8).numpy()
        checksums[name] = hashlib.sha256(content.data).hexdigest()
    slots = {
        name: slot_state(stored, slot)
        for name, slot in folder.slots.items()
        if slot < folder.config.max_num_embodiments
    }
    return {"slots": slots, "sha256": dict(sorted(checksums.items()))}


def slot_state(stored: Mapping[str, weights.Stored], slot: int) -> dict[str, Any]:
    """Statistics of a slot's weights; `trained` is false when the state encoder's
    biases never moved from zero, where initialisation leaves them."""
    stds, biases = {}, []
    for name in sorted(filter(weights.SLOT_WEIGHT.match, stored)):
        with safe_open(stored[name].file, framework="pt") as opened:
            values = opened.get_slice(stored[name].name)[slot].float()
        if name.endswith(".W"):
            stds[name.removeprefix("action_head.")] = round(values.std().item(), 5)
        elif "state_encoder" in name:
            biases.append(values)
    trained = any(bool(bias.any()) for bias in biases)
    return {"slot": slot, "trained": trained, "weight_std": stds}
