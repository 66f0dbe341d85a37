"""Options of a training that takes a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def options(dataset: Path, output: Path, name: str, **other: Any) -> dict[str, Any]:
    """Six steps of the tiny network, others by name."""
    return {
        "input_path": str(dataset),
        "output_path": str(output),
        "exp_name": name,
        "modality_config": "ee_rot6d_q_rel",
        "base_model": "tiny",
        "num_train_steps": 6,
        "batch_size": 4,
        "save_steps": 3,
        "logging_steps": 2,
        **other,
    }
