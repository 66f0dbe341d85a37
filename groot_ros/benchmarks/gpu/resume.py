"""A training that is resumed beside one that ran through."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from groot_ros.benchmarks.gpu.files import check_disk
from groot_ros.benchmarks.gpu.record import Result
from groot_ros.benchmarks.gpu.steps import Setting
from groot_ros.benchmarks.gpu.training import base_options
from groot_ros.model.checkpoint import weights
from groot_ros.training.checkpoints import checkpoints
from groot_ros.training.config import TINY, make_config
from groot_ros.training.run import train

STEPS = 6
# Sums on a GPU differ in their last digits; a resume that lost the optimizer's state differs by
# about as much as the training changes the weights.
TOLERANCE = 0.1
# Checkpoints of which there is at most one more than are kept, beside their optimizer states.
CHECKPOINTS = 3


def tiny(setting: Setting) -> Iterator[Result]:
    """The tiny network."""
    yield from _compare(setting, "tiny", {"base_model": TINY, "batch_size": 8, "num_workers": 0})


def full(setting: Setting) -> Iterator[Result]:
    """N1.7 of full size, of which only the topmost layer is trained: so its files are smallest."""
    size = sum(file.stat().st_size for file in Path(base_options(setting)["base_model"]).iterdir())
    check_disk(setting.folder, CHECKPOINTS * 1.2 * size)
    only_top = {
        "tune_top_llm_layers": 1,
        "tune_projector": False,
        "tune_diffusion_model": False,
        "tune_vlln": False,
    }
    yield from _compare(setting, "full", {**only_top, "batch_size": 2, "num_workers": 0})


def _compare(setting: Setting, size: str, options: dict[str, Any]) -> Iterator[Result]:
    """Six steps; then the last three of them again, from the checkpoint behind the third."""
    name = f"resume_{size}"
    given = {
        **base_options(setting),
        "exp_name": name,
        "num_train_steps": STEPS,
        "save_steps": STEPS // 2,
        "logging_steps": 1,
        **options,
    }
    shutil.rmtree(setting.folder / "runs" / name, ignore_errors=True)
    config = make_config(given)
    times = {"whole run": _seconds(config)}
    half, whole = checkpoints(config.run_path)
    through = whole.rename(whole.with_name("through"))
    times["resumed half"] = _seconds(make_config({**given, "resume": True}))
    resumed = checkpoints(config.run_path)[-1]
    changed, different = _distance(half, through), _distance(resumed, through)
    shutil.rmtree(config.run_path)
    yield Result(
        case={"size": size},
        values={
            "last three steps change weights by": (changed, ""),
            "resumed weights differ by": (different, ""),
            **{step: (round(seconds, 2), "s") for step, seconds in times.items()},
        },
    )
    if not different <= TOLERANCE * changed:
        raise RuntimeError(
            f"resumed weights differ by {different:g} from those of the run that went through, "
            f"which changed by {changed:g} in these steps"
        )


def _seconds(config: Any) -> float:
    started_s = time.perf_counter()
    train(config)
    return time.perf_counter() - started_s


def _distance(one: Path, other: Path) -> float:
    """Euclidean distance of all weights of two checkpoints."""
    total = 0.0
    both = (weights.read(weights.Plan(weights.stored_tensors(f), None)) for f in (one, other))
    for (name, a), (same, b) in zip(*both, strict=True):
        assert name == same, "both are of one network"
        if not torch.equal(a, b):
            total += (a.double() - b.double()).square().sum().item()
    return float(f"{total**0.5:.4g}")
