"""`groot-ros benchmark view`: how soon the page of a dataset is there and how fast it seeks."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from groot_ros.cli.output_files import check_disk
from groot_ros.errors import UserError

HELP = "the page of a large dataset, in Chromium"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--episodes", type=int, default=1000, help="default: 1000")
    parser.add_argument("--frames", type=int, default=300, help="per episode (default: 300)")
    parser.add_argument("--seeks", type=int, default=50, help="default: 50")
    parser.add_argument("--output", type=Path, help="folder on the disk to measure")


def measure(args: argparse.Namespace) -> dict[str, Any]:
    from groot_ros.benchmarks.view import ViewBenchmark

    if args.episodes < 20 or args.frames < 60 or args.seeks < 1:
        raise UserError("expected at least 20 --episodes of 60 --frames, and 1 of --seeks")
    check_disk(args.output)
    return ViewBenchmark(args.episodes, args.frames, args.seeks, args.output).run()


def report(args: argparse.Namespace, result: dict[str, Any]) -> None:
    seek, opened = result["seek_ms"], result["open_ms"]
    print(
        f"{result['episodes']} episodes of {result['frames_per_episode']} frames, "
        f"{result['cameras']} cameras: listed after {result['listed_s']:.2f} s\n"
        f"an episode opens in {opened['median']:.0f} ms (worst {opened['worst']:.0f}), "
        f"{result['seeks']} seeks take {seek['median']:.0f} ms (95 % {seek['p95']:.0f}, worst "
        f"{seek['worst']:.0f}); load {result['load_average']:.1f}"
    )
