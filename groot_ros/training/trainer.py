"""transformers' Trainer over a GR00T network; its checkpoints are whole GR00T folders."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
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
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, distributed, nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, set_model_state_dict
from torch.distributed.fsdp import register_fsdp_forward_method
from transformers import Trainer, TrainerCallback, TrainingArguments

from groot_ros.errors import UserError
from groot_ros.model import weights
from groot_ros.model.checkpoint import save_checkpoint
from groot_ros.training.average import WeightAverage
from groot_ros.training.config import TrainConfig
from groot_ros.training.held_out import HeldOut
from groot_ros.training.lora import plain_network
from groot_ros.training.module import TrainingModule
from groot_ros.training.preparation import Prepared
from groot_ros.training.samples import Collator, Samples

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
SAVED_PART = ".partial"
# May change between a run and its continuation.
FREE_OPTIONS = (
    "resume",
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


class GrootTrainer(Trainer):
    """Saves atomically, stops at a loss that is not a number, keeps few optimizer states."""

    def __init__(
        self,
        config: TrainConfig,
        prepared: Prepared,
        samples: Samples,
        held_out: HeldOut | None,
        arguments: TrainingArguments,
    ) -> None:
        self._config, self._prepared, self._samples = config, prepared, samples
        self._held_out, self._measured_step = held_out, -1
        slot = prepared.processor.modality.slot
        network = prepared.network.to(arguments.device)
        self._average = WeightAverage(network, config.ema_decay) if config.ema_decay else None
        super().__init__(
            model=TrainingModule(network, slot),
            args=arguments,
            data_collator=Collator(prepared.processor, network.config),
            train_dataset=samples,
            eval_dataset=held_out,
        )
        self.loss_is_scaled_for_ga = False
        if self._average is not None:
            self.add_callback(UpdateAverage(self._average))

    @property
    def _network(self) -> Any:
        return self.accelerator.unwrap_model(self.model).network

    def training_step(
        self, model: nn.Module, inputs: dict[str, Any], num_items_in_batch: Any = None
    ) -> Tensor:
        numbers = inputs["k"]
        loss = super().training_step(model, inputs, num_items_in_batch)
        if not math.isfinite(loss.item()):
            where = "; ".join(self._samples.where(int(k)) for k in numbers[:4])
            raise UserError(
                f"the loss is {loss.item()} at step {self.state.global_step + 1}, in a batch that "
                f"begins with {where}: lower the learning rate or check these frames; the last "
                f"checkpoint in {self._config.run_path} is good"
            )
        return loss

    def _averaged(self) -> AbstractContextManager[None]:
        return nullcontext() if self._average is None else self._average.applied()

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Errors on the held-out episodes, logged under `eval`."""
        # The Trainer asks twice after the last step.
        if self._held_out is None or self.state.global_step == self._measured_step:
            return {}
        self._measured_step = self.state.global_step
        module = self.accelerator.unwrap_model(self.model).eval()
        if self.is_fsdp_enabled:
            register_fsdp_forward_method(module, "actions")
        with self._averaged(), self.accelerator.autocast():
            errors = self._held_out.errors(module)
        module.train()
        metrics = {f"eval_{name}": value for name, value in errors.items()}
        self.log(metrics)
        return metrics

    def _get_output_dir(self, trial: Any) -> str:
        return str(self._config.run_path / SAVED_PART)

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        run = self._config.run_path
        name = f"checkpoint-{self.state.global_step}"
        if (run / name).exists():
            return
        if self.args.should_save:
            shutil.rmtree(run / SAVED_PART, ignore_errors=True)
        try:
            super()._save_checkpoint(model, trial)
        except (OSError, SafetensorError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and "inline_container" not in str(error):
                raise
            shutil.rmtree(run / SAVED_PART, ignore_errors=True)
            raise UserError(
                f"{name} cannot be saved in {run} ({error}): free space and go on with --resume"
            ) from None
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            os.replace(run / SAVED_PART / name, run / name)
            shutil.rmtree(run / SAVED_PART, ignore_errors=True)
            _forget_old(run, self._config)
        self.accelerator.wait_for_everyone()

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        super().save_model(output_dir, _internal_call)
        # Other processes write beside the weights, in a folder that must be there.
        self.accelerator.wait_for_everyone()

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        if not self.args.should_save:
            return
        prepared = self._prepared
        files = {
            **prepared.extra_files,
            "groot_ros.json": json.dumps(prepared.metadata, indent=2) + "\n",
            CONFIG_FILE: json.dumps(asdict(self._config), indent=2) + "\n",
        }
        folder = Path(output_dir or self.args.output_dir or ".")
        network, parameters = self._network, dict(self._network.named_parameters())
        trained = [name for name, parameter in parameters.items() if parameter.requires_grad]
        all_weights: Mapping[str, Tensor] = parameters
        if self.is_fsdp_enabled:
            all_weights = {name.removeprefix("network."): t for name, t in state_dict.items()}
        if self.is_fsdp_enabled or self._config.lora:
            network = plain_network(network, all_weights, self._config)
        with self._averaged():
            save_checkpoint(
                folder,
                network,
                prepared.processor_config,
                prepared.statistics,
                prepared.slots,
                files,
            )
        if self._average is not None or self._config.lora:
            own = {name: all_weights[name].detach().cpu().contiguous() for name in trained}
            save_file(own, folder / TRAINED_WEIGHTS)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        network, folder = self._network, Path(resume_from_checkpoint)
        if not self._config.lora:
            plan = weights.plan(network, weights.stored_tensors(folder), None)
            _load(network, {name: tensor.clone() for name, tensor in weights.read(plan)})
        if self._average is not None:
            self._average.restart()
        if (folder / TRAINED_WEIGHTS).exists():
            _load(network, load_file(folder / TRAINED_WEIGHTS))


def _load(network: nn.Module, weights: dict[str, Any]) -> None:
    """Give a network, spread over processes or not, those of its weights that are named."""
    options = StateDictOptions(full_state_dict=True, strict=False)
    set_model_state_dict(network, weights, options=options)


class UpdateAverage(TrainerCallback):
    """Takes the weights of every step into their average."""

    def __init__(self, average: WeightAverage) -> None:
        self._average = average

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._average.update(state.global_step)


def _forget_old(run: Path, config: TrainConfig) -> None:
    folders = checkpoints(run)
    for folder in folders[: -config.save_total_limit]:
        shutil.rmtree(folder)
    for folder in folders[: -config.optimizer_states]:
        for pattern in STATE_FILES:
            for file in folder.glob(pattern):
                shutil.rmtree(file) if file.is_dir() else file.unlink()


def checkpoints(run: Path) -> list[Path]:
    """Checkpoints of a run, the oldest first."""
    found = [p for p in run.glob("checkpoint-*") if p.name.rpartition("-")[2].isdigit()]
    return sorted(found, key=lambda path: int(path.name.rpartition("-")[2]))


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
    saved = json.loads((folders[-1] / CONFIG_FILE).read_text())
    now = json.loads(json.dumps(asdict(config)))
    differences = [
        f"{name} was {saved.get(name)!r}, is {value!r}"
        for name, value in now.items()
        if name not in FREE_OPTIONS and saved.get(name) != value
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
        if state.is_world_process_zero:
            self._bar.update(self._task, total=state.max_steps, completed=state.global_step)
            self._bar.start()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._bar.update(self._task, completed=state.global_step)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        if logs and "loss" in logs and state.is_world_process_zero:
            self._bar.update(self._task, loss=f"loss {logs['loss']:.4f}")
            self._bar.console.print(
                f"step {state.global_step} loss {logs['loss']:.4f} "
                f"learning rate {logs['learning_rate']:.2g}",
                soft_wrap=True,
            )

        if logs and "eval_share_of_mean" in logs and state.is_world_process_zero:
            self._bar.update(self._task, held_out=f"held out {logs['eval_share_of_mean']:.0%}")
            self._bar.console.print(
                f"step {state.global_step} {_held_out_line(logs)}", soft_wrap=True
            )

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._bar.stop()


def _held_out_line(logs: Mapping[str, float]) -> str:
    line = f"held-out error {logs['eval_share_of_mean']:.0%} of the mean action's"
    if "eval_position_error_m" in logs:
        own, mean = (logs[f"eval_position_error_{n}m"] for n in ("", "of_mean_"))
        line += f", position {1000 * own:.1f} mm (mean action {1000 * mean:.1f} mm)"
    return line


class StopOnSignal(TrainerCallback):
    """SIGTERM and SIGINT: save after the step that runs, then end."""

    def __init__(self) -> None:
        self.stopped = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopped = True

    def _is_stopped_anywhere(self, device: torch.device) -> bool:
        if not distributed.is_initialized():
            return self.stopped
        stopped = torch.tensor(int(self.stopped), device=device)
        distributed.all_reduce(stopped, distributed.ReduceOp.MAX)
        return bool(stopped.item())

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        if self._is_stopped_anywhere(args.device):
            control.should_save = control.should_training_stop = True
        return control
