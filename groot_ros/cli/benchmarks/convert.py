"""`groot-ros benchmark convert`: what a dataset costs beside the codecs of its pictures."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from groot_ros.cli.output_files import check_disk
from groot_ros.errors import UserError

HELP = "speed and memory of bags to a dataset"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bags", type=int, default=2, help="two cameras each (default: 2)")
    parser.add_argument("--pictures", choices=["raw", "jpeg"], default="raw")
    parser.add_argument("--seconds", type=float, default=30.0, help="per bag (default: 30)")
    parser.add_argument("--workers", type=int, default=2, help="processes (default: 2)")
    parser.add_argument(
        "--memory",
        action="store_true",
        help="what memory grows by, in a bag of --seconds with small JPEG",
    )
    parser.add_argument("--output", type=Path, help="folder on the disk to measure")


def measure(args: argparse.Namespace) -> dict[str, Any]:
    from groot_ros.benchmarks.convert import ConvertBenchmark
    from groot_ros.benchmarks.convert_memory import EPISODE_S, MemoryBenchmark

    check_disk(args.output)
    if not args.memory:
        return ConvertBenchmark(
            args.bags, args.seconds, args.workers, args.pictures, args.output
        ).run()
    if args.seconds < 20 * EPISODE_S:
        raise UserError(f"--memory needs --seconds {20 * EPISODE_S:g} or more, such as 7200")
    return MemoryBenchmark(args.seconds, args.output).run()


def report(args: argparse.Namespace, result: dict[str, Any]) -> None:
    if args.memory:
        print(
            f"{result['seconds']:g} s, {result['messages']} messages in {result['chunks']} "
            f"chunks: {result['peak_rss_bytes'] / 1e6:.0f} MB of memory, "
            f"{result['bytes_per_chunk_of_a_bag'] / 1e3:.1f} kB more for each chunk of a bag, "
            f"{result['bytes_per_s_of_an_episode'] / 1e3:.0f} kB for each second of an episode"
        )
        return
    print(
        f"{args.bags} bags of {args.seconds:g} s: {result['frames_per_s']:.0f} frames/s, "
        f"{result['realtime_factor']:.1f} times real time\n"
        f"{result['elapsed_s']:.1f} s, {result['times_bare']:.2f} times the "
        f"{result['bare_s']:.1f} s that decoding, fitting and encoding the pictures alone "
        f"takes; processor time {result['cpu_s']:.1f} s, {result['times_bare_cpu']:.2f} times "
        f"{result['bare_cpu_s']:.1f} s\n"
        f"{result['peak_rss_bytes'] / 1e9:.2f} GB of memory, load {result['load_average']:.1f}"
    )
