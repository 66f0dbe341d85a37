"""Where the curves of a training go: Weights & Biases, or TensorBoard's files."""

from __future__ import annotations

import importlib
import os
from dataclasses import asdict
from importlib.util import find_spec

from groot_ros.errors import UserError
from groot_ros.training.config import TrainConfig

PROJECT = "groot_ros"


def reporters() -> list[str]:
    """transformers' names of the ways to report that are wanted and installed."""
    if not os.environ.get("WANDB_API_KEY"):
        return ["tensorboard"] if find_spec("tensorboard") else []
    if find_spec("wandb") is None:
        raise UserError(
            "WANDB_API_KEY is set and the package wandb is missing: pip install wandb, or unset it"
        )
    return ["wandb"]


def start_wandb(config: TrainConfig) -> None:
    """Begin a W&B run, which transformers then writes to; UserError when it cannot be reached."""
    wandb = importlib.import_module("wandb")
    config.run_path.mkdir(parents=True, exist_ok=True)
    project = os.environ.get("WANDB_PROJECT", PROJECT)
    try:
        wandb.init(
            project=project, name=config.exp_name, dir=str(config.run_path), config=asdict(config)
        )
    except wandb.errors.Error as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"W&B cannot be reached ({reason}): set WANDB_MODE=offline and send the run later "
            "with wandb sync, or unset WANDB_API_KEY"
        ) from None
