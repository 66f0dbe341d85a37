"""What the check runs on: card, driver, versions; proof that the card computes."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from groot_ros.benchmarks.gpu.memory_use import GB
from groot_ros.benchmarks.gpu.steps import Setting
from groot_ros.errors import UserError

PACKAGES = ("transformers", "numpy", "safetensors", "tokenizers", "accelerate", "peft", "triton")
SHARED_MEMORY = Path("/dev/shm")


def describe(setting: Setting) -> Iterator[dict[str, Any]]:
    """Facts of the machine; UserError when there is no GPU that PyTorch can use."""
    facts = {
        "device": setting.device,
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GB, 1),
        "free_disk_gb": round(shutil.disk_usage(setting.folder).free / GB, 1),
        "shared_memory_gb": round(shared_memory_bytes() / GB, 2),
        "load_average": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        **{name: _version(name) for name in PACKAGES},
    }
    if setting.device == "cuda":
        facts |= _card()
    yield facts


def shared_memory_bytes() -> int:
    """What loader processes have to pass their batches through."""
    return shutil.disk_usage(SHARED_MEMORY).free if SHARED_MEMORY.exists() else 0


def _card() -> dict[str, Any]:
    if torch.version.cuda is None:
        raise UserError(
            f"torch {torch.__version__} was built without CUDA: PYTHON=... names a Python with "
            "another one, or delete .venv_gpu and run again"
        )
    # Says itself what is wrong: no card, or a driver too old for this torch.
    torch.cuda.init()
    properties = torch.cuda.get_device_properties(0)
    size = 256
    eye = torch.eye(size, device="cuda", dtype=torch.bfloat16)
    if (eye @ eye).float().sum().item() != size:
        raise UserError(f"{properties.name} multiplies wrongly with torch {torch.__version__}")
    free, total = torch.cuda.mem_get_info()
    return {
        "card": properties.name,
        "cards": torch.cuda.device_count(),
        "compute_capability": f"{properties.major}.{properties.minor}",
        "multiprocessors": properties.multi_processor_count,
        "card_memory_gb": round(total / GB, 1),
        "card_memory_free_gb": round(free / GB, 1),
        "cudnn": torch.backends.cudnn.version(),
        "driver": driver(),
    }


def driver() -> str:
    """Version of NVIDIA's driver; empty where nvidia-smi does not tell."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip().partition("\n")[0] if done.returncode == 0 else ""


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    match = re.search(r"model name\s*: (.*)", cpuinfo.read_text()) if cpuinfo.exists() else None
    return match[1] if match else platform.machine()


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
