"""`groot-ros benchmark loader`: how fast training gets its samples."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groot_ros.cli.common_options import json_option
from groot_ros.cli.subject import subject
from groot_ros.options import option


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of `groot-ros benchmark loader`."""

    dataset: Path | None = option("default: one made for it", default=None)
    samples: int = option("default: 640", default=640)
    workers: int = option("processes (default: 0)", default=0)
    json: bool = json_option()


def measure(options: Options) -> dict[str, Any]:
    from groot_ros.benchmarks.loader import LoaderBenchmark

    return LoaderBenchmark(options.dataset, options.samples, options.workers).run()


def report(_: Options, result: dict[str, Any]) -> None:
    print(
        f"samples/s: {result['samples_per_s']:.0f} with all pictures in memory after "
        f"{result['prepare_s']:.1f} s, {result['video_samples_per_s']:.0f} from the videos, "
        f"{result['baseline_samples_per_s']:.0f} with a video opened for each picture; load "
        f"{result['load_average']:.1f} on {result['cores']} cores"
    )


COMMAND = subject("samples per second that training gets", Options, measure, report)
