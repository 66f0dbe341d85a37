"""Facts of this machine and of what is installed, as a bug report needs them."""

from __future__ import annotations

import importlib
import json
import os
import platform
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import psutil
from packaging.requirements import Requirement

from groot_ros.share import PACKAGE, own_version

SHARED_MEMORY = Path("/dev/shm")
PRIORITY = 40
WAIT_S = 60.0
# In a process of its own: a driver that does not fit may end it.
TORCH = """
import json, torch
names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
print(json.dumps({"torch": torch.__version__, "cuda": torch.version.cuda, "devices": names}))
"""


@dataclass(frozen=True, kw_only=True)
class Installed:
    """A requirement of groot_ros and the version that this Python has; None: it has none.

    `extra` is the group of `setup.py` that needs it, empty where every user does.
    """

    name: str
    specifier: str
    extra: str
    version: str | None

    @property
    def fits(self) -> bool:
        """Whether it is there in a version that will do."""
        wanted = Requirement(f"{self.name}{self.specifier}").specifier
        return self.version is not None and wanted.contains(self.version, prereleases=True)


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """`driver` is that of NVIDIA, empty where none answers; `torch` the version of PyTorch and
    `cuda` what it was built for, None where it has no CUDA; `devices` are those that it can use.
    """

    driver: str = ""
    torch: str = ""
    cuda: str | None = None
    devices: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Ros:
    """`distribution` is empty without a sourced ROS 2; `problem` is why its Python cannot be
    imported, empty where it can, and `messages_problem` the same of groot_ros_msgs."""

    distribution: str = ""
    middleware: str = ""
    domain: str = "0"
    discovery: str = ""
    profile: str = ""
    """File of a Fast DDS profile."""
    problem: str = ""
    messages_problem: str = ""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Sizes in bytes."""

    version: str
    python: str
    system: str
    cpus: int
    memory: int
    free_disk: int
    folder: str
    """Whose disk that is."""
    shared_memory: int
    has_real_time: bool
    """Whether a thread may be scheduled in real time."""
    gpu: Gpu
    ros: Ros
    packages: tuple[Installed, ...] = field(default=())


def gather_facts() -> Machine:
    """What this machine has; takes seconds, since PyTorch is imported."""
    folder = Path.cwd()
    return Machine(
        version=own_version(),
        python=platform.python_version(),
        system=platform.platform(),
        cpus=os.cpu_count() or 1,
        memory=psutil.virtual_memory().total,
        free_disk=shutil.disk_usage(folder).free,
        folder=str(folder),
        shared_memory=shutil.disk_usage(SHARED_MEMORY).total if SHARED_MEMORY.exists() else 0,
        has_real_time=_has_real_time(),
        gpu=_gpu(),
        ros=_ros(),
        packages=tuple(_packages()),
    )


def _packages() -> list[Installed]:
    try:
        texts = requires(PACKAGE) or []
    except PackageNotFoundError:
        return []
    found = []
    for requirement in map(Requirement, texts):
        marker = str(requirement.marker or "")
        extra = marker.partition("extra == ")[2].strip("\"'")
        try:
            has: str | None = version(requirement.name)
        except PackageNotFoundError:
            has = None
        specifier = str(requirement.specifier)
        found.append(
            Installed(name=requirement.name, specifier=specifier, extra=extra, version=has)
        )
    return found


def _has_real_time() -> bool:
    """Tried by a thread that ends at once: it is the thread that is scheduled, not the process."""
    allowed: list[bool] = []

    def attempt() -> None:
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
            allowed.append(True)
        except OSError:
            allowed.append(False)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    return allowed[0]


def _gpu() -> Gpu:
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    driver = _said(query).split("\n")[0] if shutil.which("nvidia-smi") else ""
    told = _said([sys.executable, "-c", TORCH])
    torch = json.loads(told.splitlines()[-1]) if told else {}
    return Gpu(driver=driver, **torch | {"devices": tuple(torch.get("devices", ()))})


def _said(command: Sequence[str]) -> str:
    """What a program printed; nothing when it failed, whatever it failed of."""
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return told.stdout.strip() if told.returncode == 0 else ""


def _ros() -> Ros:
    variables = os.environ
    return Ros(
        distribution=variables.get("ROS_DISTRO", ""),
        middleware=variables.get("RMW_IMPLEMENTATION", ""),
        domain=variables.get("ROS_DOMAIN_ID", "0"),
        discovery=variables.get("ROS_AUTOMATIC_DISCOVERY_RANGE", ""),
        profile=variables.get("FASTRTPS_DEFAULT_PROFILES_FILE", ""),
        problem=_import_problem("rclpy"),
        messages_problem=_import_problem("groot_ros_msgs.msg"),
    )


def _import_problem(module: str) -> str:
    try:
        importlib.import_module(module)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""
