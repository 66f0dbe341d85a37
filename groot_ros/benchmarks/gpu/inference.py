"""Time of the stages of inference in every mode, and of batches through the plain network."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from groot_ros.benchmarks.gpu.memory_use import GB, forget_peak, peaks
from groot_ros.benchmarks.gpu.record import Result, Skip, spread
from groot_ros.benchmarks.gpu.steps import N16, N17, Setting
from groot_ros.benchmarks.model import Stages, random_network
from groot_ros.benchmarks.model_configs import CONFIGS
from groot_ros.model.checkpoint.memory import available_bytes
from groot_ros.model.inference.compilation import find_compile_mode
from groot_ros.model.inference.device import find_device, find_dtype
from groot_ros.model.networks.config import Gr00tConfig
from groot_ros.model.networks.network import Batch, Network

REPEATS, WARM_UPS = 20, 3
BATCHES = (1, 2, 4, 8)
# Beside the weights: activations and what making them takes.
ROOM = 1.2


def stages(setting: Setting, version: str, runs: Sequence[tuple[str, str]]) -> Iterator[Result]:
    """Each stage and the whole, for (number type, compile mode) after the other."""
    failures = []
    network: Network | None = None
    for dtype, name in runs:
        mode = setting.mode(name)
        if network is None or next(network.parameters()).dtype is not find_dtype(
            dtype, find_device(setting.device)
        ):
            # The old one goes before the new one comes.
            network = None
            network = build(setting, version, dtype)
        timed = Stages(network, find_compile_mode(mode, find_device(setting.device)))
        case = {"model": version, "dtype": dtype, "compile": mode}
        values = _time(timed, setting.repeats(REPEATS))
        failed = timed.prepared.failures
        failures += failed
        yield Result(case={**case, "uncompiled": "; ".join(failed)}, values=values)
        del timed
    if failures:
        raise RuntimeError("; ".join(failures))


def build(setting: Setting, version: str, dtype: str, size: str = "full") -> Network:
    """A network for one embodiment with random weights; Skip where its device has no room."""
    device = find_device(setting.device)
    number_type = find_dtype(dtype, device)
    config = Gr00tConfig.from_dict(CONFIGS[setting.config(version, size)]).single_slot()
    forget_peak(device)
    numbers = sum(parameter.numel() for parameter in Network.on_meta(config).parameters())
    needed, free = ROOM * number_type.itemsize * numbers, available_bytes(device)
    if free < needed:
        raise Skip(
            f"{size} {version} in {dtype} takes {needed / GB:.1f} GB and {device} has "
            f"{free / GB:.1f} GB free"
        )
    return random_network(config, number_type, device)


@torch.inference_mode()
def _time(timed: Stages, repeats: int) -> dict[str, tuple[float, str]]:
    torch.compiler.reset()
    forget_peak(timed.device)
    started_s = time.perf_counter()
    timed.serve()
    prepared_s = time.perf_counter() - started_s
    for _ in range(WARM_UPS):
        timed.serve()
    runs = [timed.serve() for _ in range(repeats)]
    values: dict[str, tuple[float, str]] = {}
    for name in runs[0]:
        values |= spread(name, [run[name] for run in runs], "ms")
    values["first call"] = (round(prepared_s, 2), "s")
    return {**values, **peaks(timed.device)}


def batches(setting: Setting) -> Iterator[Result]:
    """Batches of several observations through the plain network, as evaluation sends them."""
    for version in (N17, N16):
        network = build(setting, version, "bfloat16")
        timed = Stages(network, find_compile_mode("off", find_device(setting.device)))
        for count in BATCHES:
            case = {"model": version, "dtype": "bfloat16", "batch": count}
            yield Result(case=case, values=_time_batch(timed, network, count, setting))
        del timed, network


@torch.inference_mode()
def _time_batch(
    timed: Stages, network: Network, count: int, setting: Setting
) -> dict[str, tuple[float, str]]:
    batch = repeated(timed.batch(timed.frames()), count)
    noise = timed.start().repeat(count, 1, 1)

    def run() -> Any:
        return network.actions(batch, noise).cpu()

    forget_peak(timed.device)
    run()
    times = [timed.time_ms(run) for _ in range(setting.repeats(REPEATS))]
    return {
        **spread("batch", times, "ms"),
        "observations": (round(1e3 * count / float(np.median(times)), 2), "1/s"),
        **peaks(timed.device),
    }


def repeated(batch: Batch, count: int) -> Batch:
    """A batch of `count` copies of one observation."""
    return Batch(
        input_ids=batch.input_ids.repeat(count, 1),
        patches=batch.patches.repeat(count, 1),
        grids=list(batch.grids) * count,
        state=batch.state.repeat(count, 1, 1),
        slot=batch.slot.repeat(count),
    )
