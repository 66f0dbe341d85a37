"""`groot-ros benchmark loader`: how fast training gets its samples."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

HELP = "samples per second that training gets"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dataset", type=Path, help="default: one made for it")
    parser.add_argument("--samples", type=int, default=640, help="default: 640")
    parser.add_argument("--workers", type=int, default=0, help="processes (default: 0)")


def measure(args: argparse.Namespace) -> dict[str, Any]:
    from groot_ros.benchmarks.loader import LoaderBenchmark

    return LoaderBenchmark(args.dataset, args.samples, args.workers).run()


def report(_: argparse.Namespace, result: dict[str, Any]) -> None:
    print(
        f"samples/s: {result['samples_per_s']:.0f} with all pictures in memory after "
        f"{result['prepare_s']:.1f} s, {result['video_samples_per_s']:.0f} from the videos, "
        f"{result['baseline_samples_per_s']:.0f} with a video opened for each picture; load "
        f"{result['load_average']:.1f} on {result['cores']} cores"
    )
