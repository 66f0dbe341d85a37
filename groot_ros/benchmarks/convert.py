"""How fast conversion is on this machine, with bags that are made for it."""

from __future__ import annotations

import os
import resource
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import numpy as np

from groot_ros.benchmarks.bare_conversion import BareConversion, run_bare
from groot_ros.benchmarks.moving_arm import CAMERA_HZ, ROBOT, write_bag
from groot_ros.codecs.catalog import find_codec
from groot_ros.codecs.codec import Timing
from groot_ros.data.conversion.convert import convert
from groot_ros.data.conversion.settings import Conversion
from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.playback.episode_choice import EpisodeChoice
from groot_ros.robot.config import load_robot

T = TypeVar("T")

CODEC = "ee_rot6d_joints"
FPS = 15
# ru_maxrss is in kilobytes on Linux.
RSS_UNIT = 1024


@dataclass(frozen=True, kw_only=True)
class ConvertBenchmark:
    """Bags of two cameras, one episode each, and the processes that convert them."""

    bags: int = 2
    seconds: float = 30.0
    workers: int = 2
    repeats: int = 3
    pictures: str = "raw"
    """raw or jpeg."""
    folder: Path | None = None
    """Where bags and dataset lie for the time of the measurement; a temporary folder if None."""

    def run(self) -> dict[str, Any]:
        """Make the bags, convert them, measure; everything is deleted afterwards.

        The same pictures are decoded, fitted and encoded once more without anything else, by the
        same libraries in as many processes, which is `bare_s`. Both are done in turn, `repeats`
        times, and the medians told. `cpu_s` and `bare_cpu_s` are what all of their processes took,
        starting included.
        """
        with TemporaryDirectory(dir=self.folder) as name:
            folder = Path(name)
            for index in range(self.bags):
                write_bag(folder / "bags" / f"bag_{index}", self.seconds, self.pictures)
            size = sum(p.stat().st_size for p in (folder / "bags").rglob("*") if p.is_file())
            whole, bare = [], []
            for _ in range(self.repeats):
                report, took = _timed(partial(convert, self._conversion(folder)))
                whole.append(took)
                parts = self._bare(folder)
                _, took = _timed(partial(run_bare, parts, self.workers))
                bare.append(took)
                shutil.rmtree(folder / "dataset")
                shutil.rmtree(folder / "bare")
            peak_rss_bytes = self._peak_rss_bytes()
        elapsed_s, cpu_s = np.median(whole, axis=0)
        bare_s, bare_cpu_s = np.median(bare, axis=0)
        ratios = np.divide(whole, bare)
        recorded_s = self.bags * self.seconds
        return {
            "bags": self.bags,
            "seconds_per_bag": self.seconds,
            "bytes": size,
            "pictures": self.pictures,
            "workers": self.workers,
            "frames": report.frames,
            "repeats": self.repeats,
            "elapsed_s": round(elapsed_s, 3),
            "cpu_s": round(cpu_s, 3),
            "cpu_percent": round(100 * cpu_s / elapsed_s, 1),
            "bare_s": round(bare_s, 3),
            "bare_cpu_s": round(bare_cpu_s, 3),
            "times_bare": round(float(np.median(ratios[:, 0])), 3),
            "times_bare_cpu": round(float(np.median(ratios[:, 1])), 3),
            "each_times_bare": [round(float(ratio), 3) for ratio in ratios[:, 0]],
            "realtime_factor": round(recorded_s / elapsed_s, 2),
            "frames_per_s": round(report.frames / elapsed_s, 1),
            "peak_rss_bytes": peak_rss_bytes,
            "load_average": round(os.getloadavg()[0], 2),
            "cores": os.cpu_count(),
        }

    def _conversion(self, folder: Path) -> Conversion:
        return Conversion(
            bags=[folder / "bags"],
            robot=ROBOT,
            codec=CODEC,
            output=folder / "dataset",
            fps=FPS,
            choice=EpisodeChoice(instruction="move"),
            workers=self.workers,
        )

    def _bare(self, folder: Path) -> list[BareConversion]:
        robot = load_robot(ROBOT)
        video = find_codec(CODEC).codec(robot, Timing()).video
        episodes = Dataset(folder / "dataset").episodes
        return [
            BareConversion(
                file=next((folder / "bags" / f"bag_{index}").glob("*.mcap")),
                topics=[f"/{robot.observations.cameras[c].topic}" for c in video.cameras.values()],
                stride=CAMERA_HZ // FPS,
                count=episode.length,
                fps=FPS,
                width=video.size[0],
                height=video.size[1],
                folder=folder / "bare" / str(index),
            )
            for index, episode in enumerate(episodes)
        ]

    def _peak_rss_bytes(self) -> int:
        """At most this much memory was in use: this process and the largest worker, each."""
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        worker = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        workers = self.workers if self.workers > 1 else 0
        return int((own + workers * worker) * RSS_UNIT)


def _timed(work: Callable[[], T]) -> tuple[T, tuple[float, float]]:
    """What a work gives, the time and the processor time in s that it took."""
    started_s, cpu_s = time.perf_counter(), _cpu_s()
    made = work()
    return made, (time.perf_counter() - started_s, _cpu_s() - cpu_s)


def _cpu_s() -> float:
    """Processor time of this process and of the workers that have ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
