"""Loading and saving checkpoint folders in NVIDIA's layout."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from groot_ros.errors import UserError
from groot_ros.model.checkpoint import weights
from groot_ros.model.checkpoint.folder import CheckpointFolder
from groot_ros.model.checkpoint.memory import available_bytes
from groot_ros.model.networks.network import Network
from groot_ros.model.networks.rope import RopePrecision


def load_network(
    folder: Path,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    *,
    slot: int | None = None,
    precision: RopePrecision = RopePrecision.FLOAT32,
) -> Network:
    """The network of a checkpoint folder, with every weight from its files.

    With `slot` only that embodiment's weights are read and kept: for serving. UserError names
    what is missing, mis-shaped or broken.
    """
    config = CheckpointFolder(folder).config
    if slot is not None:
        config = config.single_slot()
    network = Network.on_meta(config, precision)
    target = torch.device(device)
    _check_memory(network, target, dtype)
    try:
        weights.load(network, folder, device=target, dtype=dtype, slot=slot)
    except torch.OutOfMemoryError:
        raise out_of_memory(target) from None
    return network.eval()


def _check_memory(network: Network, device: torch.device, dtype: torch.dtype) -> None:
    numbers = sum(parameter.numel() for parameter in network.parameters())
    needed, free = numbers * dtype.itemsize, available_bytes(device)
    if needed <= free:
        return
    smaller = 2 * numbers
    advice = "use a machine with more memory"
    if dtype.itemsize > 2 and smaller <= free:
        advice = f"bfloat16 needs {smaller / 1e9:.1f} GB and would fit"
    raise UserError(
        f"the weights need {needed / 1e9:.1f} GB as {str(dtype).removeprefix('torch.')}, but "
        f"{device} has {free / 1e9:.1f} GB free: {advice}"
    )


def out_of_memory(device: torch.device) -> UserError:
    """What to tell a user whose device ran out of memory."""
    return UserError(
        f"{device} ran out of memory ({available_bytes(device) / 1e9:.1f} GB left): end other "
        "programs on it, load with dtype bfloat16, or see what is needed with groot-ros inspect"
    )


def save_checkpoint(
    folder: Path,
    network: Network,
    processor_config: Mapping[str, Any],
    statistics: Mapping[str, Any],
    slots: Mapping[str, int],
    extra_files: Mapping[str, str] | None = None,
) -> None:
    """Write a checkpoint folder beside its name and rename it.

    `extra_files` {name: text} holds a tokenizer and the like. UserError when the folder exists.
    """
    if folder.exists():
        raise UserError(f"{folder} exists already: name another output folder or remove it")
    if network.config.max_num_embodiments != network.config.raw["max_num_embodiments"]:
        raise ValueError("a network that was loaded for one embodiment cannot be saved")
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    contents = {
        "config.json": network.config.raw,
        "processor_config.json": processor_config,
        "statistics.json": statistics,
        "embodiment_id.json": slots,
    }
    for name, content in contents.items():
        (partial / name).write_text(json.dumps(content, indent=2) + "\n")
    for name, text in (extra_files or {}).items():
        (partial / name).write_text(text)
    weights.save(network, partial)
    partial.rename(folder)
