"""The live part of `groot-ros benchmark safety`: the nodes beside processes that take a core."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from groot_ros.nodes.benchmarks.runtime import HeardRun, RuntimeLoad, record
from groot_ros.robot.config import load_robot

Array = NDArray[np.float64]

# A command that jumps farther begins a motion anew, or is wrong.
MOST_M = 1e-4
# No state that is older begins a motion.
TOLD_NS = 1_000_000_000


def distance_to_the_robot(recording: HeardRun, place: Array, stamp_ns: int) -> float:
    """Distance in m from a position (3,) to the nearest recently published one of the robot."""
    told = [pose[:3] for told_ns, pose in recording.told if -TOLD_NS <= told_ns - stamp_ns <= 0]
    return min((float(np.linalg.norm(pose - place)) for pose in told), default=np.inf)


@contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """Run `count` processes that use a core each."""
    command = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(command) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def live(seconds: float, busy: int) -> dict[str, float]:
    """How far commands jump beyond what the velocity limit allows between their stamps, in mm.

    A motion that begins anew begins where the robot said that it is; then that is the jump.
    """
    with busy_processes(busy):
        recording = record(RuntimeLoad(seconds), "latest")
        load_average = os.getloadavg()[0]
    limit = load_robot("sim").limits.linear_velocity
    assert limit
    stamps_ns, first = np.unique(np.array(recording.stamps_ns), return_index=True)
    places = np.array(recording.poses)[first][:, :3]
    jumps = np.linalg.norm(np.diff(places, axis=0), axis=1) - limit * np.diff(stamps_ns) / 1e9
    begun = 0
    for index in np.flatnonzero(jumps > MOST_M):
        away = distance_to_the_robot(recording, places[index + 1], stamps_ns[index + 1])
        if away < jumps[index]:
            jumps[index], begun = away, begun + 1
    periods_s = np.diff(stamps_ns) / 1e9
    return {
        "busy": busy,
        "seconds": seconds,
        "commands": len(stamps_ns),
        "jump_mm": max(0.0, float(jumps.max()) * 1e3),
        "longest_period_ms": float(periods_s.max() * 1e3),
        "begun_where_the_robot_was": begun,
        "interventions": float(sum(r.interventions for r in recording.executed)),
        "load_average": load_average,
    }
