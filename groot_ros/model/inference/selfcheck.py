"""What a checkpoint is and answers on this machine, to be compared with that of another one."""

from __future__ import annotations

import hashlib
import platform
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from groot_ros.errors import UserError
from groot_ros.model.checkpoint import weights
from groot_ros.model.checkpoint.files import weight_files
from groot_ros.model.checkpoint.folder import CheckpointFolder
from groot_ros.model.checkpoint.memory import peak_bytes, reset_peak
from groot_ros.model.inference.loaded import Groot
from groot_ros.model.processing.modality import ActionFormat, Modality
from groot_ros.model.processing.normalization import key_statistics
from groot_ros.observation.types import ModelInput

PACKAGES = ("torch", "transformers", "safetensors", "numpy")
SEED = 0
INSTRUCTION = "pick up the red cube"
HEIGHT, WIDTH, BLOCK = 180, 320, 20
UNROTATED = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
REPEATS = 5
READ_BYTES = 1 << 20
DECIMALS = 4
# Devices and number types round differently: the hash is of fewer digits.
HASHED_DECIMALS = 2

Array = NDArray[np.float64]


def selfcheck(path: Path, device: str, dtype: str, embodiment: str) -> dict[str, Any]:
    """Hashes of files, table of tensors, answer to a seeded observation, memory, times, versions.

    Files are read in pieces and weights go to the device one by one. Where the checkpoint is
    refused, or does not fit into memory, `refused` says why and there is no `answer`.
    """
    folder = CheckpointFolder(path)
    started_s = time.monotonic()
    report: dict[str, Any] = {
        "format": 1,
        "checkpoint": path.resolve().name,
        "versions": {"python": platform.python_version(), **{p: version(p) for p in PACKAGES}},
        "machine": platform.machine(),
        "files": {file.name: _file(file) for file in _files(folder)},
        "hashing_s": round(time.monotonic() - started_s, 2),
    }
    try:
        report["gr00t"] = folder.config.version.name
        report["tensors"] = _tensors(path)
        report |= _answered(folder, device, dtype, embodiment)
    except UserError as error:
        report["refused"] = str(error)
    return report


def _files(folder: CheckpointFolder) -> Iterator[Path]:
    """Of the weights and all that is small beside them, whatever its folder."""
    yield from dict.fromkeys(weight_files(folder.path))
    for place in dict.fromkeys(folder.processor_folders):
        for suffix in ("*.json", "merges.txt"):
            yield from sorted(file for file in place.glob(suffix) if file.is_file())


def _file(file: Path) -> dict[str, Any]:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(READ_BYTES):
            digest.update(block)
    return {"bytes": file.stat().st_size, "sha256": digest.hexdigest()}


def _tensors(path: Path) -> dict[str, Any]:
    stored = weights.stored_tensors(path)
    lines = "\n".join(f"{name} {list(stored[name].shape)}" for name in sorted(stored))
    return {
        "count": len(stored),
        "names_sha256": hashlib.sha256(lines.encode()).hexdigest(),
        "dtypes": dict(Counter(tensor.dtype for tensor in stored.values())),
        "parameters": sum(int(torch.Size(tensor.shape).numel()) for tensor in stored.values()),
    }


def _answered(
    folder: CheckpointFolder, device: str, dtype: str, embodiment: str
) -> dict[str, Any]:
    tag = embodiment or next(iter(folder.embodiments), "")
    reset_peak()
    began_s = time.monotonic()
    groot = Groot.load(folder.path, device, dtype, tag or None, compile="off")
    load_s = time.monotonic() - began_s
    inputs = seeded_observation(groot.modality, folder.statistics)
    target = groot.device
    first_s, answer = _timed(lambda: groot.predict(inputs, seed=SEED))
    times_s = [_timed(lambda: groot.predict(inputs, seed=SEED))[0] for _ in range(REPEATS)]
    is_gpu = target.type == "cuda"
    return {
        "embodiment": groot.modality.embodiment,
        "slot": groot.modality.slot,
        "device": torch.cuda.get_device_name(target) if is_gpu else str(target),
        "dtype": str(next(groot.network.parameters()).dtype).removeprefix("torch."),
        "observation_sha256": _pictures_hash(inputs),
        "answer": {key: _summary(np.asarray(values)) for key, values in answer.items()},
        "memory": {
            "process_peak_bytes": peak_bytes(),
            "device_peak_bytes": torch.cuda.max_memory_allocated(target) if is_gpu else 0,
        },
        "times": {
            "load_s": round(load_s, 3),
            "first_inference_s": round(first_s, 4),
            "inference_s": round(statistics.median(times_s), 4),
        },
    }


def _timed(work: Callable[[], Mapping[str, Array]]) -> tuple[float, Mapping[str, Array]]:
    began_s = time.monotonic()
    result = work()
    return time.monotonic() - began_s, result


def seeded_observation(modality: Modality, statistics: Mapping[str, Any]) -> ModelInput:
    """Pictures of coloured blocks from SEED, and of every state the mean of its statistics.

    A mean of rotations is none: poses that actions are relative to are not rotated.
    """
    generator = np.random.default_rng(SEED)
    video = {}
    for key in modality.video_keys:
        shape = (len(modality.video_delta), HEIGHT // BLOCK, WIDTH // BLOCK, 3)
        blocks = generator.integers(0, 256, shape, dtype=np.uint8)
        video[key] = blocks.repeat(BLOCK, axis=1).repeat(BLOCK, axis=2)
    state = {}
    for key in modality.state:
        found = key_statistics(statistics, modality.embodiment, "state", key)
        low, high = found.pair("min", "max")
        mean = found.array("mean") if "mean" in found.values else (low + high) / 2
        state[key] = np.repeat(mean[None], len(modality.state_delta), axis=0)
    for action in modality.actions:
        if action.config.relative and action.config.format is ActionFormat.XYZ_ROT6D:
            state[action.reference][:, 3:] = UNROTATED
    return ModelInput(video, state, INSTRUCTION)


def _pictures_hash(inputs: ModelInput) -> str:
    """Of the pictures: numpy draws the same ones from a seed unless it says otherwise."""
    digest = hashlib.sha256()
    for key in inputs.video:
        digest.update(inputs.video[key].tobytes())
    return digest.hexdigest()


def _summary(values: Array) -> dict[str, Any]:
    """An action (T, D): its first and last step, mean and deviation, and a hash of all."""

    def rounded(numbers: Array, decimals: int) -> Array:
        # Without the sign of a zero.
        return np.round(numbers, decimals) + 0.0

    coarse = rounded(values, HASHED_DECIMALS).astype(np.float32)
    return {
        "shape": list(values.shape),
        "first": rounded(values[0], DECIMALS).tolist(),
        "last": rounded(values[-1], DECIMALS).tolist(),
        "mean": round(float(values.mean()), DECIMALS),
        "std": round(float(values.std()), DECIMALS),
        "sha256_of_2_decimals": hashlib.sha256(coarse.tobytes()).hexdigest(),
    }
