"""Steps of a training at full size: time, memory beside the plan, and what the loader makes."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from transformers import TrainerCallback, TrainingArguments
from transformers.trainer_utils import SaveStrategy

from groot_ros.benchmarks.gpu.machine import shared_memory_bytes
from groot_ros.benchmarks.gpu.memory_use import GB, forget_peak, peaks
from groot_ros.benchmarks.gpu.record import Result, Skip
from groot_ros.benchmarks.gpu.steps import N17, Setting
from groot_ros.errors import UserError
from groot_ros.model.checkpoint.memory import available_bytes
from groot_ros.model.inference.device import find_device
from groot_ros.training.config import TrainConfig, make_config
from groot_ros.training.data.mixture import Mixture
from groot_ros.training.data.samples import Collator
from groot_ros.training.memory import Activations, MemoryPlan, check_memory, plan_memory
from groot_ros.training.preparation import Prepared, prepare_training
from groot_ros.training.run import (
    hold_pictures,
    training_activations,
    training_arguments,
    training_samples,
)
from groot_ros.training.trainer import GrootTrainer

METHODS: Mapping[str, Mapping[str, Any]] = {
    "head": {},
    "lora": {"lora": True},
    "top layers": {"tune_top_llm_layers": 4},
}
MODALITY_CONFIG = "ee_rot6d_q_rel"
BATCHES = (32, 16, 8, 4, 2, 1)
STEPS, WARM_UPS = 20, 3
LIMIT_S = 25.0
# What the loader has made while nobody looked says nothing about its rate.
PREFETCH_FACTOR, LOADED_BATCHES, LOADING_S = 2, 80, 10.0
# Share of the free memory that a batch is chosen for.
FILLED = 0.9
# Batches that each loader process may have made and nobody has taken.
PREFETCHED = 3


def base_options(setting: Setting) -> dict[str, Any]:
    """Options of a training from the checkpoint with random weights."""
    return {
        "input_path": str(setting.dataset),
        "output_path": str(setting.folder / "runs"),
        "modality_config": MODALITY_CONFIG,
        "base_model": str(setting.checkpoint(N17)),
        "device": setting.device,
        "validate": False,
    }


def measure(setting: Setting, method: str) -> Iterator[Result]:
    """Time and memory of steps with the largest batch that the plan has room for."""
    options = {**base_options(setting), "exp_name": method, **METHODS[method]}
    # As many as are loaded; training ends when enough are timed.
    config = make_config({**options, "num_train_steps": 12 if setting.small else LOADED_BATCHES})
    device = find_device(setting.device)
    started_s = time.perf_counter()
    prepared = prepare_training(config)
    prepared_s = time.perf_counter() - started_s
    free = available_bytes(device)
    _check_fit(config, prepared, Activations(0, 0), free)
    samples = training_samples(config, prepared)
    activations = training_activations(config, prepared, samples, device)
    _check_fit(config, prepared, activations, free)
    failures = []
    for size in _batch_sizes(
        setting, config, prepared=prepared, activations=activations, free=free
    ):
        plan = plan_memory(prepared.network, config, activations.of(size))
        case = {"model": N17, "method": method, "batch": size}
        planned = {**_described(plan, prepared), "prepared in": (round(prepared_s, 2), "s")}
        try:
            values = _run(replace(config, batch_size=size), prepared, setting.repeats(STEPS))
        except torch.OutOfMemoryError:
            failures.append(f"batch {size} was planned with {plan} and ran out of memory")
            yield Result(case={**case, "outcome": "out of memory"}, values=planned)
            continue
        yield Result(case=case, values={**values, **planned})
        break
    if failures:
        raise RuntimeError("; ".join(failures))


def _check_fit(
    config: TrainConfig, prepared: Prepared, activations: Activations, free: float
) -> None:
    try:
        check_memory(prepared.network, config, activations=activations, samples=1, free=free)
    except UserError as error:
        raise Skip(str(error)) from None


def _batch_sizes(
    setting: Setting,
    config: TrainConfig,
    prepared: Prepared,
    activations: Activations,
    free: float,
) -> list[int]:
    """Those that fit, the largest first."""
    return [
        size
        for size in (BATCHES[-2:] if setting.small else BATCHES)
        if plan_memory(prepared.network, config, activations.of(size)).total <= FILLED * free
        or size == 1
    ]


def _described(plan: MemoryPlan, prepared: Prepared) -> dict[str, tuple[float, str]]:
    trained = sum(p.numel() for p in prepared.network.parameters() if p.requires_grad)
    parts = {f"planned {name}": (round(b / GB, 3), "GB") for name, b in vars(plan).items() if b}
    return {
        "memory planned": (round(plan.total / GB, 3), "GB"),
        **parts,
        "trained": (round(trained / 1e6, 3), "million"),
    }


def _run(config: TrainConfig, prepared: Prepared, steps: int) -> dict[str, tuple[float, str]]:
    samples = training_samples(config, prepared)
    hold_pictures(config, prepared, samples)
    workers = _workers(config, prepared, samples)
    arguments = _arguments(config, workers)
    forget_peak(arguments.device)
    times = StepTimes(arguments.device, steps)
    trainer = GrootTrainer(config, prepared, samples=samples, held_out=None, arguments=arguments)
    trainer.add_callback(times)
    try:
        trainer.train()
        memory = peaks(arguments.device)
        step_s = times.median_s
        loaded = _loaded_per_s(trainer, config.batch_size, workers)
    finally:
        # What the optimizer holds must be gone when a smaller batch is tried.
        prepared.network.zero_grad(set_to_none=True)
        trainer.optimizer = trainer.lr_scheduler = None
        del trainer
        gc.collect()
    return {
        "step": (round(1e3 * step_s, 3), "ms"),
        "steps": (round(1 / step_s, 3), "1/s"),
        "samples": (round(config.batch_size / step_s, 2), "1/s"),
        "loader": (round(loaded, 2), "samples/s"),
        "loader processes": (float(workers), ""),
        "timed steps": (float(times.count), ""),
        **memory,
    }


def _arguments(config: TrainConfig, workers: int) -> TrainingArguments:
    """Those of `train`, which leave no file."""
    arguments = training_arguments(config)
    arguments.save_strategy = SaveStrategy.NO
    arguments.report_to = []
    arguments.dataloader_num_workers = workers
    return arguments


def _workers(config: TrainConfig, prepared: Prepared, samples: Mixture) -> int:
    """Loader processes as `train` takes them, fewer where /dev/shm lacks room for batches."""
    batch = Collator(prepared.parts[0].processor, prepared.network.config)([samples[0]])
    size = config.batch_size * sum(tensor.nbytes for tensor in batch.values())
    room = int(shared_memory_bytes() // (PREFETCHED * size))
    return min(config.num_workers, os.cpu_count() or 1, room)


def _loaded_per_s(trainer: GrootTrainer, size: int, workers: int) -> float:
    """Samples that the loader alone makes and moves to the device in a second."""
    batches = iter(trainer.get_train_dataloader())
    for _ in range(1 + PREFETCH_FACTOR * workers):
        next(batches)
    started_s = elapsed_s = time.perf_counter()
    count = 0
    for _ in batches:
        count += 1
        elapsed_s = time.perf_counter() - started_s
        if elapsed_s > LOADING_S:
            break
    return count * size / elapsed_s


class StepTimes(TrainerCallback):
    """Times between the ends of steps; ends the training behind the wanted ones, or when these
    take too long."""

    def __init__(self, device: torch.device, wanted: int) -> None:
        self._device, self._wanted = device, wanted
        self._ended_s: list[float] = []

    @property
    def count(self) -> int:
        """Steps that are timed."""
        return max(0, len(self._ended_s) - WARM_UPS)

    @property
    def median_s(self) -> float:
        """Time of a step behind the warm-up."""
        return float(np.median(np.diff(self._ended_s[WARM_UPS - 1 :])))

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        self._ended_s.append(time.perf_counter())
        too_long = self._ended_s[-1] - self._ended_s[0] > LIMIT_S
        if self.count >= self._wanted or (self.count >= 2 and too_long):
            control.should_training_stop = True
        return control
