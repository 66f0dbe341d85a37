"""The action head in kernels of its own beside the one in PyTorch's, both as CUDA graphs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import torch
from torch import Tensor

from groot_ros.benchmarks.gpu.inference import REPEATS, build
from groot_ros.benchmarks.gpu.record import Result, spread
from groot_ros.benchmarks.gpu.steps import Setting
from groot_ros.benchmarks.model import Stages
from groot_ros.model.inference.compilation import (
    CompileMode,
    Stage,
    compile_stage,
    find_compile_mode,
)
from groot_ros.model.inference.device import find_device
from groot_ros.model.inference.fused_denoiser import denoising_stage


def compare(setting: Setting, versions: Sequence[str]) -> Iterator[Result]:
    """Time of both for the same observation and the largest difference of an action."""
    mode = find_compile_mode(setting.mode("default"), find_device(setting.device))
    for version in versions:
        stages = Stages(build(setting, version, "bfloat16"), CompileMode.OFF)
        plain = stages.prepared.denoiser
        arguments = head_arguments(stages)
        heads = {
            "PyTorch's": compile_stage(plain, mode, "action head", stages.device),
            "its own": denoising_stage(plain, mode),
        }
        first = None
        for name, head in heads.items():
            actions, times = _run(stages, head, arguments, setting.repeats(REPEATS))
            first = actions if first is None else first
            differ = round((actions - first).abs().max().item(), 4)
            yield Result(
                case={"model": version, "dtype": "bfloat16", "kernels": name},
                values={**spread("head", times, "ms"), "differ by": (differ, "")},
            )


@torch.inference_mode()
def _run(
    stages: Stages, head: Stage, arguments: list[Tensor], repeats: int
) -> tuple[Tensor, list[float]]:
    actions = head(*arguments)
    return actions, [stages.time_ms(partial(head, *arguments)) for _ in range(repeats)]


@torch.inference_mode()
def head_arguments(stages: Stages) -> list[Tensor]:
    """What a `Denoiser` is called with for a random observation."""
    serving = stages.prepared
    patches, grids = serving.patches(stages.frames())
    prompt = serving.prompt("", grids)
    start = stages.start()
    return [
        serving.features(prompt, serving.encode_patches(patches, grids)),
        prompt.text_index,
        prompt.image_index,
        torch.from_numpy(stages.state)[None].to(start),
        start,
        torch.ones(start.shape[1], 1).to(start),
    ]
