"""A training run from its options to its last checkpoint."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import TrainingArguments
from transformers.training_args import ParallelMode

from groot_ros.data.review.validate import validate
from groot_ros.errors import UserError
from groot_ros.files.shell import quoted
from groot_ros.model.checkpoint.memory import available_bytes
from groot_ros.model.inference.device import find_device
from groot_ros.model.processing.processor import Processor
from groot_ros.training.callbacks import ProgressReport, StopOnSignal
from groot_ros.training.checkpoints import checkpoints, find_resumable
from groot_ros.training.config import TrainConfig
from groot_ros.training.data.augmentation import Change
from groot_ros.training.data.mixture import Mixture
from groot_ros.training.data.pictures import (
    PictureSource,
    VideoPictures,
    hold_frames,
    prepare_pictures,
)
from groot_ros.training.data.samples import Collator, SampleOptions, Samples
from groot_ros.training.data.source import numbered
from groot_ros.training.data.table import Table
from groot_ros.training.held_out import HeldOut, HeldOutOfAll
from groot_ros.training.memory import (
    GB,
    Activations,
    check_memory,
    describe_memory,
    measure_activations,
    out_of_memory_said,
)
from groot_ros.training.module import TrainingModule
from groot_ros.training.preparation import Prepared, prepare_training
from groot_ros.training.reporting import RunReport, reporters, start_wandb
from groot_ros.training.trainer import GrootTrainer

# Fewer are prepared sooner than another process has started.
ROWS_PER_PROCESS = 3000


def train(config: TrainConfig) -> Path:
    """Train; the path of the newest checkpoint. UserError before anything is written.

    KeyboardInterrupt after Ctrl-C, once a checkpoint is saved; SIGTERM ends it in the same way,
    with a path returned.
    """
    arguments = training_arguments(config)
    prepared = prepare_training(config)
    resumed = find_resumable(config, prepared) if config.resume else None
    if resumed is None and checkpoints(config.run_path):
        raise UserError(
            f"{config.run_path} has checkpoints already: go on with --resume or take another "
            "exp_name"
        )
    if config.validate and resumed is None and arguments.process_index == 0:
        for path, _, _ in config.inputs:
            _validate(path)
    samples = training_samples(config, prepared)
    with out_of_memory_said(config, arguments.device):
        memory = _plan_memory(config, prepared, samples, arguments)
        about = describe(config, prepared, samples) + memory
        if arguments.process_index == 0:
            print("\n".join(about))
            print(f"watch it: groot-ros view {quoted(config.run_path)}", flush=True)
        hold_pictures(config, prepared, samples)
        held_out = _held_out(prepared)
        trainer = GrootTrainer(
            config, prepared, samples=samples, held_out=held_out, arguments=arguments
        )
        for callback in list(trainer.callback_handler.callbacks):
            if type(callback).__name__ in ("PrinterCallback", "ProgressCallback"):
                trainer.remove_callback(callback)
        if reporters() == ["wandb"] and arguments.process_index == 0:
            start_wandb(config)
        trainer.add_callback(ProgressReport())
        report = RunReport(config, prepared, held_out, about)
        trainer.add_callback(report)
        stop = StopOnSignal()
        trainer.add_callback(stop)
        try:
            trainer.train(resume_from_checkpoint=None if resumed is None else str(resumed))
        except UserError as error:
            if arguments.process_index == 0:
                report.fail(str(error))
            raise
    if stop.number == signal.SIGINT:
        raise KeyboardInterrupt
    return checkpoints(config.run_path)[-1]


def _validate(dataset: Path) -> None:
    found = validate(dataset)
    for warning in found.warnings:
        print(f"warning: {warning}")
    if found.problems:
        raise UserError(
            f"{dataset} breaks the rules of its format: {found.problems[0]}; groot-ros validate "
            f"lists all {len(found.problems)} problems"
        )


def training_samples(config: TrainConfig, prepared: Prepared) -> Mixture:
    """All samples of a training in their order; UserError for a dataset that has none."""
    options = SampleOptions(
        padding=config.padding,
        noise_samples=config.noise_samples,
        seed=config.seed,
        intervention_weight=config.intervention_weight,
        count=config.num_train_steps * config.batch_size,
        augmentation=config.augmentation,
    )
    samples = [
        Samples(
            part.table,
            part.processor,
            config=prepared.network.config,
            # Datasets have noise of their own.
            options=replace(options, seed=config.seed + number),
            name=part.source.name,
        )
        for number, part in enumerate(prepared.parts)
    ]
    for one in samples:
        if not len(one.rows):
            raise UserError(
                f"every episode of {one.name} is shorter than a chunk: use padding repeat or mask"
            )
    return Mixture(samples, config.weights, config.seed)


def hold_pictures(config: TrainConfig, prepared: Prepared, samples: Mixture) -> None:
    """Take the pictures of datasets into memory, one after the other while they fit."""
    free = config.max_memory_gb * GB
    for part, shown in zip(prepared.parts, samples.parts, strict=True):
        table, processor = part.table, part.processor
        videos, row = VideoPictures(table, processor), np.array([shown.row(0)])
        pictures: NDArray[np.uint8] | Tensor = videos(row, Change())
        hold: Callable[[Table, Processor, int], PictureSource] = prepare_pictures
        if not config.augmentation.is_off:
            pictures, hold = videos.frames(row), hold_frames
        if (size := pictures.nbytes * len(table)) <= free:
            free -= size
            workers = min(os.cpu_count() or 1, -(-len(table) // ROWS_PER_PROCESS))
            shown.take_pictures_from(hold(table, processor, workers))


def _plan_memory(
    config: TrainConfig, prepared: Prepared, samples: Mixture, arguments: TrainingArguments
) -> list[str]:
    """The plan in words; UserError when a device of its own cannot hold the training."""
    network, device = prepared.network, arguments.device
    share = arguments.per_device_train_batch_size
    held = sum(p.nbytes for p in network.parameters() if p.device.type == device.type)
    free = available_bytes(device) + held
    is_alone = arguments.parallel_mode == ParallelMode.NOT_DISTRIBUTED
    if is_alone:
        check_memory(network, config, activations=Activations(0, 0), samples=share, free=free)
    activations = training_activations(config, prepared, samples, device)
    if is_alone:
        check_memory(network, config, activations=activations, samples=share, free=free)
    return describe_memory(network, config, activations, share)


def training_activations(
    config: TrainConfig, prepared: Prepared, samples: Mixture, device: torch.device
) -> Activations:
    """What the largest samples keep for their gradients; the network moves to the device."""
    network = prepared.network.to(device)
    module = TrainingModule(network).train()
    collate = Collator(prepared.parts[0].processor, network.config)
    measured = [
        measure_activations(module, partial(_first, collate, part), config)
        for part in samples.parts
    ]
    return max(measured, key=lambda activations: activations.per_sample)


def _first(collate: Collator, samples: Samples, count: int) -> dict[str, Tensor]:
    return collate([samples[k] for k in range(count)])


def _held_out(prepared: Prepared) -> HeldOutOfAll | None:
    parts: dict[str, HeldOut] = {}
    for part in prepared.parts:
        if (held_out := part.held_out) is not None:
            actions = part.table.action
            mean = {key: values.mean(axis=0) for key, values in actions.items()}
            measured = HeldOut(held_out, part.processor, prepared.network.config, mean)
            parts[numbered(part.source.name, parts)] = measured
    return HeldOutOfAll(parts) if parts else None


def training_arguments(config: TrainConfig) -> TrainingArguments:
    """The same for transformers' Trainer; UserError says what the device or engine cannot do."""
    device = find_device(config.device)
    engine = _sharding_engine()
    if engine and config.ema_decay:
        raise UserError(
            f"a moving average of the weights does not go with {engine}: add --ema_decay 0, or "
            "start with torchrun"
        )
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    share, rest = divmod(config.batch_size, processes * config.gradient_accumulation_steps)
    if rest:
        raise UserError(
            f"batch_size {config.batch_size} cannot be divided over {processes} processes with "
            f"{config.gradient_accumulation_steps} accumulation steps: change one of them"
        )
    if config.bf16 and device.type == "cuda" and not torch.cuda.is_bf16_supported():
        raise UserError("this GPU cannot compute in bfloat16: add --no-bf16")
    arguments = TrainingArguments(
        output_dir=str(config.run_path),
        max_steps=config.num_train_steps,
        per_device_train_batch_size=share,
        gradient_accumulation_steps=config.gradient_accumulation_steps,
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        adam_beta2=config.adam_beta2,
        lr_scheduler_type="cosine_with_min_lr",
        lr_scheduler_kwargs={"min_lr_rate": config.min_learning_rate},
        warmup_steps=round(config.warmup_ratio * config.num_train_steps),
        max_grad_norm=config.max_grad_norm,
        optim=config.optimizer.name,
        bf16=config.bf16,
        use_cpu=device.type == "cpu",
        seed=config.seed,
        save_steps=config.save_steps,
        save_strategy="steps",
        eval_strategy="steps" if config.eval_episodes else "no",
        eval_steps=config.eval_steps or config.save_steps,
        logging_steps=config.logging_steps,
        logging_nan_inf_filter=False,
        dataloader_num_workers=min(config.num_workers, os.cpu_count() or 1),
        dataloader_pin_memory=device.type == "cuda",
        # Samples are in order already: see Samples.
        train_sampling_strategy="sequential",
        remove_unused_columns=False,
        disable_tqdm=True,
        report_to=reporters(),
        ddp_find_unused_parameters=True if processes > 1 else None,
    )
    if arguments.n_gpu > 1:
        raise UserError(
            f"one process sees {arguments.n_gpu} GPUs: start one per GPU (torchrun "
            f"--nproc-per-node {arguments.n_gpu} -m groot_ros.cli.main train ...) or choose one "
            "(CUDA_VISIBLE_DEVICES=0)"
        )
    return arguments


def _sharding_engine() -> str:
    """What `accelerate launch` was told to spread the training with, if anything."""
    engines = {"ACCELERATE_USE_DEEPSPEED": "DeepSpeed", "ACCELERATE_USE_FSDP": "FSDP"}
    return next((engines[name] for name in engines if os.environ.get(name) == "true"), "")


def describe(config: TrainConfig, prepared: Prepared, samples: Mixture) -> list[str]:
    """What is about to be trained."""
    network, mixed = prepared.network, len(prepared.parts) > 1
    total = sum(parameter.numel() for parameter in network.parameters())
    trained = sum(p.numel() for p in network.parameters() if p.requires_grad)
    lines = [
        (f"{part.source.name}, {share:.1%} of the samples: " if mixed else "")
        + f"{len(part.table.files)} episodes, {len(shown.rows)} samples, {part.about}"
        for part, shown, share in zip(prepared.parts, samples.parts, samples.shares, strict=True)
    ]
    return [
        *lines,
        f"{trained / 1e6:.2f} of {total / 1e6:.2f} million parameters are trained",
    ]
