"""`groot-ros benchmark soak`: whether the nodes grow while they work all day."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from groot_ros.cli.output_files import check_picture

HELP = "whether the nodes grow in a day's work"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--minutes", type=float, default=60.0, help="default: 60")
    parser.add_argument("--sample", type=float, default=5.0, help="s between samples (default: 5)")
    parser.add_argument(
        "--event", type=float, default=8.0, help="s of work between two events (default: 8)"
    )
    parser.add_argument(
        "--kills", type=int, default=3, help="how often the policy is killed (default: 3)"
    )
    parser.add_argument("--plot", type=Path, help="write a picture of the samples")


def measure(args: argparse.Namespace) -> dict[str, Any]:
    if args.plot:
        check_picture(args.plot)
    from groot_ros.nodes.benchmarks.soak import UNITS, Load, run

    load = Load(
        seconds=args.minutes * 60, sample_s=args.sample, event_s=args.event, kills=args.kills
    )
    result, samples = run(load)
    if args.plot:
        from groot_ros.benchmarks.soak_plot import write_plot

        write_plot(samples.lives(), UNITS, args.plot)
    return result


def is_bad(result: dict[str, Any]) -> bool:
    """Whether something grows."""
    return bool(result["growing"])


def report(_: argparse.Namespace, result: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    from groot_ros.nodes.benchmarks.soak import UNITS

    conditions = result["conditions"]
    title = (
        f"{conditions['seconds'] / 60:g} min, {result['commands']} commands, {result['chunks']} "
        f"chunks, {result['chunks_refused']} refused, {conditions['cpus']} cores, "
        f"load {conditions['load_average']:.1f}"
    )
    table = Table("", "first", "last", "most", "rise", "allowed", title=title)
    for role, trends in result["trends"].items():
        for name, found in trends.items():
            unit = rf" \[{UNITS[name]}]" if UNITS[name] else ""
            cells = [found[key] for key in ("first", "last", "highest", "rise", "allowed")]
            table.add_row(f"{role}: {name}{unit}", *[f"{cell:.4g}" for cell in cells])
    console = Console()
    console.print(table)
    console.print(", ".join(f"{count} x {name}" for name, count in result["happened"].items()))
    console.print("GROWS: " + ", ".join(result["growing"]) if result["growing"] else "flat")
