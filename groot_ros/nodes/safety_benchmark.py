"""The live part of `groot-ros benchmark safety`: the nodes beside processes that take a core."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from groot_ros.nodes.runtime_benchmark import Load, record
from groot_ros.robot import load_robot


@contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """So many processes that want a core each."""
    command = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(command) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def live(seconds: float, busy: int) -> dict[str, float]:
    """How far commands jump beyond what the velocity limit allows between their stamps, in mm."""
    with busy_processes(busy):
        recording = record(Load(seconds), "latest")
        load_average = os.getloadavg()[0]
    limit = load_robot("sim").limits.linear_velocity
    assert limit
    stamps_ns, first = np.unique(np.array(recording.stamps_ns), return_index=True)
    places = np.array(recording.poses)[first][:, :3]
    jumps = np.linalg.norm(np.diff(places, axis=0), axis=1) - limit * np.diff(stamps_ns) / 1e9
    periods_s = np.diff(stamps_ns) / 1e9
    return {
        "busy": busy,
        "seconds": seconds,
        "commands": len(stamps_ns),
        "jump_mm": max(0.0, float(jumps.max()) * 1e3),
        "longest_period_ms": float(periods_s.max() * 1e3),
        "interventions": float(sum(r.interventions for r in recording.executed)),
        "load_average": load_average,
    }
