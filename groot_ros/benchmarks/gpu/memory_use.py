"""How much memory a piece of work took at most, on the GPU or of the process."""

from __future__ import annotations

import gc
from collections.abc import Mapping

import torch

from groot_ros.model.checkpoint import memory

GB = 1e9


def forget_peak(device: torch.device) -> None:
    """Free unused memory and restart the measurement of the peak."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    else:
        memory.reset_peak()


def peak_bytes(device: torch.device) -> int:
    """Memory in use at most since `forget_peak`."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return memory.peak_bytes()


def peaks(device: torch.device) -> Mapping[str, tuple[float, str]]:
    """The same in GB; on a GPU also what was taken from the card for it."""
    found = {"memory": (round(peak_bytes(device) / GB, 3), "GB")}
    if device.type == "cuda":
        reserved = torch.cuda.max_memory_reserved(device)
        found["memory reserved"] = (round(reserved / GB, 3), "GB")
    return found
