"""A training run from its options to its last checkpoint."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import torch
from transformers import TrainingArguments

from groot_ros.errors import UserError
from groot_ros.model.device import find_device
from groot_ros.model.processor import Processor
from groot_ros.training.config import TrainConfig
from groot_ros.training.held_out import HeldOut
from groot_ros.training.pictures import Pictures, VideoPictures, hold_frames, prepare_pictures
from groot_ros.training.preparation import Prepared, prepare_training
from groot_ros.training.samples import SampleOptions, Samples
from groot_ros.training.table import Table
from groot_ros.training.trainer import (
    GrootTrainer,
    ProgressReport,
    StopOnSignal,
    checkpoints,
    find_resumable,
)

# Fewer are prepared sooner than another process has started.
ROWS_PER_PROCESS = 3000


def train(config: TrainConfig) -> Path:
    """Train; the path of the newest checkpoint. UserError before anything is written."""
    arguments = _arguments(config)
    prepared = prepare_training(config)
    resumed = find_resumable(config, prepared) if config.resume else None
    if resumed is None and checkpoints(config.run_path):
        raise UserError(
            f"{config.run_path} has checkpoints already: go on with --resume or take another "
            "exp_name"
        )
    samples = _samples(config, prepared)
    print("\n".join(describe(config, prepared, samples)))
    trainer = GrootTrainer(config, prepared, samples, _held_out(prepared), arguments)
    for callback in list(trainer.callback_handler.callbacks):
        if type(callback).__name__ in ("PrinterCallback", "ProgressCallback"):
            trainer.remove_callback(callback)
    trainer.add_callback(ProgressReport())
    trainer.add_callback(StopOnSignal())
    trainer.train(resume_from_checkpoint=None if resumed is None else str(resumed))
    return checkpoints(config.run_path)[-1]


def _samples(config: TrainConfig, prepared: Prepared) -> Samples:
    options = SampleOptions(
        config.padding,
        config.noise_samples,
        config.seed,
        config.num_train_steps * config.batch_size,
        config.augmentation,
    )
    table, processor = prepared.table, prepared.processor
    samples = Samples(table, processor, prepared.network.config, options)
    if not len(samples.rows):
        raise UserError("every episode is shorter than a chunk: use padding repeat or mask")
    kept = samples[0]["pictures"]
    hold: Callable[[Table, Processor, int], Pictures] = prepare_pictures
    if not options.augmentation.is_off:
        kept, hold = VideoPictures(table, processor).frames(samples.row(0)), hold_frames
    if kept.nbytes * len(table) <= config.max_memory_gb * 1e9:
        workers = min(os.cpu_count() or 1, -(-len(table) // ROWS_PER_PROCESS))
        samples.take_pictures_from(hold(table, processor, workers))
    return samples


def _held_out(prepared: Prepared) -> HeldOut | None:
    if prepared.held_out is None:
        return None
    mean = {key: values.mean(axis=0) for key, values in prepared.table.action.items()}
    return HeldOut(prepared.held_out, prepared.processor, prepared.network.config, mean)


def _arguments(config: TrainConfig) -> TrainingArguments:
    device = find_device(config.device)
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    share, rest = divmod(config.batch_size, processes * config.gradient_accumulation_steps)
    if rest:
        raise UserError(
            f"batch_size {config.batch_size} cannot be divided over {processes} processes with "
            f"{config.gradient_accumulation_steps} accumulation steps: change one of them"
        )
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
        optim=config.optim,
        bf16=config.bf16,
        use_cpu=device.type == "cpu",
        seed=config.seed,
        save_steps=config.save_steps,
        save_strategy="steps",
        eval_strategy="steps" if config.eval_episodes else "no",
        eval_steps=config.eval_steps or config.save_steps,
        logging_steps=config.logging_steps,
        logging_nan_inf_filter=False,
        dataloader_num_workers=config.num_workers,
        dataloader_pin_memory=device.type == "cuda",
        # Samples are in order already: see Samples.
        train_sampling_strategy="sequential",
        remove_unused_columns=False,
        disable_tqdm=True,
        report_to=_reporters(),
        ddp_find_unused_parameters=True if processes > 1 else None,
    )
    if arguments.n_gpu > 1:
        raise UserError(
            f"one process sees {arguments.n_gpu} GPUs: start one per GPU (torchrun "
            f"--nproc-per-node {arguments.n_gpu} -m groot_ros.cli.main train ...) or choose one "
            "(CUDA_VISIBLE_DEVICES=0)"
        )
    return arguments


def _reporters() -> list[str]:
    if os.environ.get("WANDB_API_KEY"):
        return ["wandb"]
    return ["tensorboard"] if find_spec("tensorboard") else []


def describe(config: TrainConfig, prepared: Prepared, samples: Samples) -> list[str]:
    """What is about to be trained, and the memory that it takes."""
    network, modality = prepared.network, prepared.processor.modality
    total = sum(p.numel() for p in network.parameters())
    trained = sum(p.numel() for p in network.parameters() if p.requires_grad)
    bytes_needed = 4 * total + (4 + 8) * trained
    lines = [
        f"{len(prepared.table.files)} episodes, {len(samples.rows)} samples, "
        f"{prepared.metadata['variant']} on {modality.embodiment} (slot {modality.slot})",
        f"{trained / 1e6:.2f} of {total / 1e6:.2f} million parameters are trained",
        f"memory without activations: {bytes_needed / 1e9:.2f} GB (weights {4 * total / 1e9:.2f}, "
        f"gradients {4 * trained / 1e9:.2f}, optimizer {8 * trained / 1e9:.2f})",
    ]
    if torch.cuda.is_available() and bytes_needed > torch.cuda.mem_get_info()[1]:
        raise UserError(
            f"training needs {bytes_needed / 1e9:.1f} GB before activations and the GPU has "
            f"{torch.cuda.mem_get_info()[1] / 1e9:.1f} GB: train fewer parts (--no-tune_...)"
        )
    return lines
