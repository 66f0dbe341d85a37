"""Samples that the loader makes in a second, whatever the GPU does."""

from __future__ import annotations

import os
from collections.abc import Iterator

from groot_ros.benchmarks.gpu.machine import shared_memory_bytes
from groot_ros.benchmarks.gpu.record import Result
from groot_ros.benchmarks.gpu.steps import Setting
from groot_ros.benchmarks.loader import BATCH, LoaderBenchmark

SAMPLES, PROCESSES = 640, 8
RATES = {
    "samples_per_s": "from memory",
    "video_samples_per_s": "from videos",
    "baseline_samples_per_s": "opening a video per picture",
}
# What a loader process needs in /dev/shm for its batches of pictures 224x224.
SHARED_BYTES = 300e6


def rates(setting: Setting) -> Iterator[Result]:
    """Samples per second in this process, and in as many processes as /dev/shm and the cores
    allow."""
    most = min(PROCESSES, os.cpu_count() or 1, int(shared_memory_bytes() // SHARED_BYTES))
    for workers in sorted({0} if setting.small else {0, most}):
        samples = 2 * BATCH if setting.small else SAMPLES
        found = LoaderBenchmark(setting.dataset, samples, workers).run()
        yield Result(
            case={"processes": workers, "batch": BATCH},
            values={name: (found[key], "samples/s") for key, name in RATES.items()},
        )
