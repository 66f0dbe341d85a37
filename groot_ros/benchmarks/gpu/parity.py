"""The same observation through the same network on the CPU in float32 and on the device."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from groot_ros.benchmarks.gpu.inference import build
from groot_ros.benchmarks.gpu.record import Result
from groot_ros.benchmarks.gpu.steps import Setting
from groot_ros.benchmarks.model import Stages
from groot_ros.model.inference.compilation import CompileMode, find_compile_mode
from groot_ros.model.inference.device import find_device

DTYPES = ("float32", "bfloat16", "float16")
# Largest difference of a normalised action. With these weights bfloat16 was found 0.03 and float16
# 0.004 away from float32 on one CPU, the vision tower's output 0.8 % and 0.1 %.
TOLERANCES = {"float32": 1e-3, "bfloat16": 0.1, "float16": 0.1}
STAGE_TOLERANCES = {"float32": 1e-3, "bfloat16": 0.05, "float16": 0.05}


def compare(setting: Setting, versions: Sequence[str], sizes: Sequence[str]) -> Iterator[Result]:
    """Relative error of each stage's output and largest difference of the actions.

    RuntimeError, after all were measured, when a difference is above its tolerance or graphs
    change a bit in float32; in half precision the action head has kernels of its own.
    """
    problems = []
    for version in versions:
        for size in sizes:
            expected = _on_cpu(setting, version, size)
            for dtype in DTYPES:
                for result in _on_device(
                    setting, version, size=size, dtype=dtype, expected=expected
                ):
                    problems += _problems(result)
                    yield result
    if problems:
        raise RuntimeError("; ".join(problems))


def _on_cpu(setting: Setting, version: str, size: str) -> tuple[list[np.ndarray], dict[str, Any]]:
    """The pictures and what the stages make of them."""
    host = Setting(device="cpu", folder=setting.folder, small=setting.small)
    stages = Stages(build(host, version, "float32", size), CompileMode.OFF)
    frames = stages.frames()
    return frames, outputs(stages, frames)


def _on_device(
    setting: Setting,
    version: str,
    size: str,
    dtype: str,
    expected: tuple[list[np.ndarray], dict[str, Tensor]],
) -> Iterator[Result]:
    network = build(setting, version, dtype, size)
    frames, cpu = expected
    eager: dict[str, Tensor] = {}
    for name in ("off", "default"):
        mode = setting.mode(name)
        stages = Stages(network, find_compile_mode(mode, find_device(setting.device)))
        outputs(stages, frames)
        # The second time graphs are replayed.
        found = outputs(stages, frames)
        eager = eager or found
        changed = (found["actions"] - eager["actions"]).abs().max().item()
        case = {"model": version, "size": size, "dtype": dtype, "compile": mode}
        uncompiled = "; ".join(stages.prepared.failures)
        yield Result(
            case={**case, "uncompiled": uncompiled},
            values={**differences(found, cpu), "changed by graphs": (changed, "")},
        )


@torch.inference_mode()
def outputs(stages: Stages, frames: list[np.ndarray]) -> dict[str, Tensor]:
    """What each stage makes of the pictures, in float32 on the CPU."""
    serving = stages.prepared
    patches, grids = serving.patches(frames)
    images = serving.encode_patches(patches, grids)
    prompt = serving.prompt("", grids)
    features = serving.features(prompt, images)
    found = {
        "patches": patches,
        "vision": torch.cat([level for image in images for level in image.levels]),
        "language": features,
        "actions": serving.denoise(
            features, prompt, state=stages.state, noise=stages.noise, prefix=None
        ),
    }
    return {name: tensor.float().cpu() for name, tensor in found.items()}


def differences(
    found: Mapping[str, Tensor], expected: Mapping[str, Tensor]
) -> dict[str, tuple[float, str]]:
    """Relative errors (2-norm) of the stages; of the actions the largest difference."""
    values = {}
    for name, tensor in expected.items():
        error = (found[name] - tensor).norm() / tensor.norm()
        values[f"{name} error"] = (float(f"{error.item():.3g}"), "")
    largest = (found["actions"] - expected["actions"]).abs().max().item()
    values["actions differ by"] = (float(f"{largest:.3g}"), "")
    values["largest action"] = (round(expected["actions"].abs().max().item(), 3), "")
    return values


def _problems(result: Result) -> list[str]:
    case, found = result.case, result.values["actions differ by"][0]
    allowed = TOLERANCES[case["dtype"]]
    where = f"{case['size']} {case['model']} {case['dtype']} compile {case['compile']}"
    problems = [f"{where}: {case['uncompiled']}"] if case["uncompiled"] else []
    # A NaN is not below anything.
    if not found <= allowed:
        problems.append(f"{where}: actions differ by {found:g}, at most {allowed:g} allowed")
    for name in ("patches error", "vision error", "language error"):
        error = result.values[name][0]
        if not error <= STAGE_TOLERANCES[case["dtype"]]:
            problems.append(f"{where}: {name} {error:g}")
    if case["dtype"] == "float32" and result.values["changed by graphs"][0] != 0:
        problems.append(f"{where}: graphs change the actions")
    return problems
