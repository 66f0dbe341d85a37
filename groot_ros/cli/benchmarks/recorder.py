"""`groot-ros benchmark recorder`: whether the recorder keeps up with raw cameras."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from groot_ros.cli.output_files import check_disk

HELP = "loss and load of recording raw cameras"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cameras", type=int, default=2, help="640x480, 30 Hz (default: 2)")
    parser.add_argument("--seconds", type=float, default=20.0, help="default: 20")
    parser.add_argument("--output", type=Path, help="folder on the disk to measure")


def measure(args: argparse.Namespace) -> dict[str, Any]:
    from groot_ros.nodes.benchmarks.recorder import Load, run

    check_disk(args.output)
    return run(Load(args.cameras, args.seconds), args.output)


def report(args: argparse.Namespace, result: dict[str, Any]) -> None:
    print(
        f"{args.cameras} cameras and joint states for {result['seconds']:.1f} s: "
        f"{result['lost']} of {result['published']} messages lost, recorder "
        f"{result['cpu_percent']:.0f} % of a core, load {result['load_average']:.1f} on "
        f"{result['cores']} cores"
    )
