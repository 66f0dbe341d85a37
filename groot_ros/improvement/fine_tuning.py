"""A checkpoint goes on learning, of corrections and of what it has learned before."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from groot_ros.errors import UserError
from groot_ros.files.config_file import read_json
from groot_ros.improvement.state import Plan
from groot_ros.policies.checkpoint.folder import find_checkpoint
from groot_ros.training.checkpoints import CONFIG_FILE, checkpoints, reached_steps
from groot_ros.training.config import TrainConfig, make_config

# Of the training that the checkpoint comes from.
STEPS_SHARE, RATE_SHARE = 0.25, 0.25
REMEDY = "name a checkpoint of groot-ros train, as it is before groot-ros export"


def trained_with(checkpoint: Path) -> dict[str, Any]:
    """The options that a checkpoint was trained with; UserError where nobody knows."""
    folder = find_checkpoint(checkpoint)
    try:
        found = read_json(folder / CONFIG_FILE, REMEDY)
    except FileNotFoundError:
        raise UserError(
            f"{folder} has no {CONFIG_FILE}, which says how to go on training it: {REMEDY}"
        ) from None
    known = TrainConfig.__dataclass_fields__
    return {name: value for name, value in found.items() if name in known}


def datasets_of(options: Mapping[str, Any]) -> tuple[str, ...]:
    """What a training with these options learns of."""
    paths = options["input_path"]
    return (paths,) if isinstance(paths, str) else tuple(paths)


def fine_tune(plan: Plan, checkpoint: str, corrections: Path, run: Path) -> Path:
    """Fine-tune a checkpoint, resuming an interrupted run; the last checkpoint.

    Statistics stay those of the checkpoint: what it has learned is in their units.
    """
    from groot_ros.training.run import train

    config = make_config(fine_tuning_options(plan, checkpoint, corrections, run))
    reached = reached_steps(config.run_path)
    if reached < config.num_train_steps:
        train(config)
        reached = reached_steps(config.run_path)
    if reached < config.num_train_steps:
        # A signal ends a training in order, and so does the run that it is part of.
        raise KeyboardInterrupt
    return checkpoints(config.run_path)[-1]


def fine_tuning_options(
    plan: Plan, checkpoint: str, corrections: Path, run: Path
) -> dict[str, Any]:
    """Those of the training of the plan's checkpoint, but for where it begins and what it is of.

    Those of a candidate name the corrections among the datasets already.
    """
    own = trained_with(Path(plan.checkpoint))
    return {
        **own,
        **_mixed(plan, own, corrections),
        "base_model": TrainConfig.base_model,
        "init_from": checkpoint,
        "output_path": str(run.parent),
        "exp_name": run.name,
        "num_train_steps": plan.steps,
        "save_steps": min(plan.steps, own["save_steps"]),
        "save_total_limit": 1,
        "optimizer_states": 1,
        "learning_rate": plan.learning_rate,
        "keep_statistics": True,
        "intervention_weight": 1.0,
        "eval_episodes": 0,
        "resume": bool(reached_steps(run)),
    }


def _mixed(plan: Plan, own: Mapping[str, Any], corrections: Path) -> dict[str, Any]:
    """Old datasets and corrections; corrections are of the robot of the first one."""
    old = plan.datasets
    shares = own.get("weights") or [1.0] * len(old)
    if len(shares) != len(old):
        shares = [1.0] * len(old)
    scale = plan.old_share / sum(shares)
    each = {name: _each(own[name], len(old)) for name in ("modality_config", "embodiment")}
    return {
        "input_path": (*old, str(corrections)),
        "weights": (*(scale * share for share in shares), 1.0 - plan.old_share),
        **{name: (*values, values[0]) for name, values in each.items()},
    }


def _each(value: Any, count: int) -> tuple[str, ...]:
    """One for all, or each its own, as each its own."""
    if isinstance(value, str):
        return (value,) * count
    return tuple(value) if len(value) == count else (value[0],) * count
