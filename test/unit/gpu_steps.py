"""Steps that do what steps of the GPU check may do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing.context import SpawnProcess
from typing import Any

from groot_ros.benchmarks.gpu.record import Result, Skip
from groot_ros.benchmarks.gpu.steps import Setting

PIDS = "pids"
SLEEP = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


def one() -> Result:
    return Result(case={"model": "N1.7"}, values={"whole": (1.5, "ms"), "whole p95": (2.0, "ms")})


def well(setting: Setting) -> Iterator[Result]:
    yield one()


class UntilDeaf(SpawnProcess):
    """A process that has had its time as soon as the step `deaf` hangs, however slow it began."""

    def __init__(self, target: Any, args: Any, name: str) -> None:
        super().__init__(target=target, args=args, name=name)
        self._pids = args[1].folder / PIDS

    def join(self, timeout: float | None = None) -> None:
        if self._pids.exists():
            return super().join(timeout)
        while not self._pids.exists() and self.is_alive():
            time.sleep(0.05)


def deaf(setting: Setting) -> Iterator[Result]:
    """Starts a process, ignores SIGTERM as that does, and never ends."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", SLEEP])
    yield one()
    partial = setting.folder / "partial"
    partial.write_text(f"{os.getpid()} {child.pid}")
    partial.rename(setting.folder / PIDS)
    time.sleep(600)


def broken(setting: Setting) -> Iterator[Result]:
    yield one()
    raise RuntimeError("CUDA error: an illegal memory access\nand much more")


def dead(setting: Setting) -> Iterator[Result]:
    print("last words", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
    yield one()


def unable(setting: Setting) -> Iterator[Result]:
    raise Skip("the card has 8 GB")
    yield one()
