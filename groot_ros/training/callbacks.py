"""What happens beside the steps: moving average, progress, an orderly end."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from types import FrameType
from typing import Any

import torch
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text
from torch import distributed
from transformers import TrainerCallback

from groot_ros.timing.told import told_left
from groot_ros.training.average import WeightAverage


class UpdateAverage(TrainerCallback):
    """Takes the weights of every step into their average."""

    def __init__(self, average: WeightAverage) -> None:
        self._average = average

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._average.update(state.global_step)


class StepRate(ProgressColumn):
    """Steps per second."""

    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:.1f} steps/s")


class ProgressReport(TrainerCallback):
    """A progress bar with loss, rate and time left."""

    def __init__(self) -> None:
        columns = (BarColumn(), TextColumn("{task.completed:.0f}/{task.total:.0f}"))
        self._bar = Progress(
            TextColumn("training"),
            *columns,
            StepRate(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[loss]} {task.fields[held_out]}"),
        )
        self._task = self._bar.add_task("", loss="", held_out="", total=None)

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._first_step, self._begun_s = state.global_step, time.monotonic()
        if state.is_world_process_zero:
            self._bar.update(self._task, total=state.max_steps, completed=state.global_step)
            self._bar.start()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._bar.update(self._task, completed=state.global_step)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        if logs and "loss" in logs and state.is_world_process_zero:
            self._bar.update(self._task, loss=f"loss {logs['loss']:.4f}")
            self._bar.console.print(
                f"step {state.global_step} of {state.max_steps} loss {logs['loss']:.4f} "
                f"learning rate {logs['learning_rate']:.2g}{self._left(state)}",
                soft_wrap=True,
            )

        if logs and "eval_share_of_mean" in logs and state.is_world_process_zero:
            self._bar.update(self._task, held_out=f"held out {logs['eval_share_of_mean']:.0%}")
            self._bar.console.print(
                f"step {state.global_step} {_held_out_line(logs)}", soft_wrap=True
            )

    def _left(self, state: Any) -> str:
        """The time until the end, for logs, which have no bar."""
        done = state.global_step - self._first_step
        if self._bar.console.is_terminal or not done:
            return ""
        elapsed_s = time.monotonic() - self._begun_s
        return f", {told_left(elapsed_s, done, state.max_steps - self._first_step)}"

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._bar.stop()


def _held_out_line(logs: Mapping[str, float]) -> str:
    line = f"held-out error {logs['eval_share_of_mean']:.0%} of the mean action's"
    if "eval_position_error_m" in logs:
        own, mean = (logs[f"eval_position_error_{n}m"] for n in ("", "of_mean_"))
        line += f", position {1000 * own:.1f} mm (mean action {1000 * mean:.1f} mm)"
    return line


class StopOnSignal(TrainerCallback):
    """SIGTERM and SIGINT: save after the step that runs, then end; afterwards as before."""

    def __init__(self) -> None:
        self.number = 0
        """Of the signal that came."""
        self._before = {
            number: signal.signal(number, self._stop) for number in (signal.SIGTERM, signal.SIGINT)
        }

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.number = number

    def _is_stopped_anywhere(self, device: torch.device) -> bool:
        if not distributed.is_initialized():
            return bool(self.number)
        stopped = torch.tensor(int(bool(self.number)), device=device)
        distributed.all_reduce(stopped, distributed.ReduceOp.MAX)
        return bool(stopped.item())

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        if self._is_stopped_anywhere(args.device):
            control.should_save = control.should_training_stop = True
        return control

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
