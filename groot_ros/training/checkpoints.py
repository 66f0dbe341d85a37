"""The checkpoint folders of a run: which there are, which to go on from, what to forget."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, fields
from pathlib import Path

from groot_ros.errors import UserError
from groot_ros.policies.checkpoint.folder import checkpoint_steps
from groot_ros.training.config import TrainConfig
from groot_ros.training.preparation import Prepared

CONFIG_FILE = "train.json"
# What training needs to go on and serving does not.
TRAINED_WEIGHTS = "trained_weights.safetensors"
OPTIMIZER_FILES = ("optimizer.pt", "optimizer.bin", "optimizer_0", "global_step*")
STATE_FILES = (
    *OPTIMIZER_FILES,
    "scheduler.pt",
    "scaler.pt",
    "rng_state*.pth",
    "latest",
    "pytorch_model_fsdp*",
    "zero_to_*.py",
    TRAINED_WEIGHTS,
)
# May change between a run and its continuation.
FREE_OPTIONS = (
    "resume",
    "num_train_steps",
    "device",
    "validate",
    "output_path",
    "num_workers",
    "logging_steps",
    "eval_steps",
    "max_memory_gb",
    "save_total_limit",
    "optimizer_states",
)


def forget_old(run: Path, config: TrainConfig) -> None:
    """Keep only as many checkpoints, and of these optimizer states, as wanted."""
    folders = checkpoints(run)
    for folder in folders[: -config.save_total_limit]:
        shutil.rmtree(folder)
    for folder in folders[: -config.optimizer_states]:
        for pattern in STATE_FILES:
            for file in folder.glob(pattern):
                shutil.rmtree(file) if file.is_dir() else file.unlink()


def checkpoints(run: Path) -> list[Path]:
    """Checkpoints of a run, the oldest first."""
    return [folder for _, folder in sorted(checkpoint_steps(run).items())] if run.is_dir() else []


def reached_steps(run: Path) -> int:
    """Steps of the newest checkpoint of a run; 0 without one."""
    return max(checkpoint_steps(run), default=0) if run.is_dir() else 0


def find_resumable(config: TrainConfig, prepared: Prepared) -> Path:
    """The newest checkpoint to go on from; UserError when the run was another one."""
    folders = [
        folder
        for folder in checkpoints(config.run_path)
        if any(list(folder.glob(pattern)) for pattern in OPTIMIZER_FILES)
    ]
    if not folders:
        raise UserError(
            f"{config.run_path} has no checkpoint to resume from: start without --resume"
        )
    steps = max(checkpoint_steps(config.run_path))
    if steps > config.num_train_steps:
        raise UserError(
            f"{config.run_path} has {steps} steps already, num_train_steps is "
            f"{config.num_train_steps}: give at least {steps} or take another exp_name"
        )
    saved = json.loads((folders[-1] / CONFIG_FILE).read_text())
    now = json.loads(json.dumps(asdict(config)))
    # A run of an earlier version had the options that came later as they are by default.
    saved = {option.name: option.default for option in fields(TrainConfig)} | saved
    differences = [
        f"{name} was {saved[name]!r}, is {value!r}"
        for name, value in now.items()
        if name not in FREE_OPTIONS and saved[name] != value
    ]
    trained_on = json.loads((folders[-1] / "groot_ros.json").read_text())["dataset"]
    if trained_on != json.loads(json.dumps(prepared.metadata["dataset"])):
        differences.append(f"the dataset was {trained_on}, is {prepared.metadata['dataset']}")
    if differences:
        raise UserError(
            f"{folders[-1]} cannot be resumed: {'; '.join(differences)}; take the old values or "
            "another exp_name"
        )
    return folders[-1]
