"""What the network runs on, by name."""

from __future__ import annotations

import torch

from groot_ros.errors import UserError

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def find_device(name: str) -> torch.device:
    """The device of that name or `auto`; UserError when this machine has none."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):
        raise UserError(
            f"device {name!r} is not available on this machine, expected cpu"
            f"{' or cuda' if torch.cuda.is_available() else ''}: choose another device or "
            "install PyTorch for this GPU"
        ) from None
    return device


def find_dtype(name: str, device: torch.device) -> torch.dtype:
    """The number type of that name or `auto`; UserError lists the right ones."""
    if name == "auto":
        return torch.float32 if device.type == "cpu" else torch.bfloat16
    if name not in DTYPES:
        raise UserError(f"dtype {name!r} is unknown, expected auto, {', '.join(DTYPES)}")
    return DTYPES[name]
