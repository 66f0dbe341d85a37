"""Where the curves of a training go: its report, Weights & Biases, or TensorBoard's files."""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib.util import find_spec
from typing import Any

from transformers import TrainerCallback

from groot_ros.errors import UserError
from groot_ros.training.config import TrainConfig
from groot_ros.training.held_out import HeldOutOfAll
from groot_ros.training.preparation import Prepared
from groot_ros.viewer.training_run import DONE, MEASURED, RUNNING, TrainingRun

PROJECT = "groot_ros"
# Between two records of what is logged at every step.
PERIOD_S = 5.0


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


class RunReport(TrainerCallback):
    """Writes into the folder of a run what `groot-ros view` shows of it."""

    def __init__(
        self,
        config: TrainConfig,
        prepared: Prepared,
        held_out: HeldOutOfAll | None,
        about: Sequence[str],
    ) -> None:
        self._folder = config.run_path
        self._held_out = held_out
        self._written_s = -PERIOD_S
        self._run = TrainingRun(
            config=asdict(config),
            codec=prepared.variants,
            dataset=prepared.metadata["dataset"],
            about=list(about),
            state=RUNNING,
            step=0,
            log=[],
            predictions={},
        )

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._write(state)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        if self._held_out and logs and MEASURED in logs:
            samples = {"step": state.global_step, "samples": self._held_out.shown}
            self._run = replace(self._run, predictions=samples)
            self._write(state)
        elif time.monotonic() - self._written_s >= PERIOD_S:
            self._write(state)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._write(state)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        reached = state.global_step >= state.max_steps
        self._run = replace(self._run, state=DONE if reached else "stopped")
        self._write(state)

    def fail(self, sentence: str) -> None:
        """Say why the training ended before its end."""
        self._run = replace(self._run, state=f"ended ({sentence})")
        self._record()

    def _write(self, state: Any) -> None:
        if state.is_world_process_zero:
            log = list(state.log_history)
            self._run = replace(self._run, step=state.global_step, log=log)
            self._record()

    def _record(self) -> None:
        """A report that cannot be written is told, and ends no training."""
        self._written_s = time.monotonic()
        self._run = replace(self._run, written_s=time.time())
        try:
            self._run.write(self._folder)
        except OSError as error:
            print(f"warning: {self._folder} takes no report of the training: {error.strerror}")
