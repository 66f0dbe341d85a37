"""`groot-ros benchmark soak`: whether the nodes grow while they work all day."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from groot_ros.cli.output_files import check_picture


def add_subject(subjects: Any) -> None:
    """Add `soak` to the subjects of `groot-ros benchmark`."""
    soak = subjects.add_parser("soak", help="whether the nodes grow in a day's work")
    soak.add_argument("--minutes", type=float, default=60.0, help="default: 60")
    soak.add_argument("--sample", type=float, default=5.0, help="s between samples (default: 5)")
    soak.add_argument(
        "--event", type=float, default=8.0, help="s of work between two events (default: 8)"
    )
    soak.add_argument(
        "--kills", type=int, default=3, help="how often the policy is killed (default: 3)"
    )
    soak.add_argument("--plot", type=Path, help="write a picture of the samples")
    soak.add_argument("--json", action="store_true", help="print one JSON object")
    soak.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure and print; 1 when something grows."""
    if args.plot:
        check_picture(args.plot)
    from groot_ros.nodes.benchmarks.soak import BOUNDS, Load
    from groot_ros.nodes.benchmarks.soak import run as measure

    units = {name: bound.unit for name, bound in BOUNDS.items()}
    load = Load(
        seconds=args.minutes * 60, sample_s=args.sample, event_s=args.event, kills=args.kills
    )
    result, samples = measure(load)
    if args.plot:
        from groot_ros.benchmarks.soak_plot import write_plot

        write_plot(samples.lives(), units, args.plot)
    if args.json:
        print(json.dumps(result, indent=2))
    else:
        _print_table(result, units)
    return 1 if result["growing"] else 0


def _print_table(result: dict[str, Any], units: dict[str, str]) -> None:
    from rich.console import Console
    from rich.table import Table

    conditions = result["conditions"]
    title = (
        f"{conditions['seconds'] / 60:g} min, {result['commands']} commands, {result['chunks']} "
        f"chunks, {result['chunks_refused']} refused, {conditions['cpus']} cores, "
        f"load {conditions['load_average']:.1f}"
    )
    table = Table("", "first", "last", "most", "rise", "allowed", title=title)
    for role, trends in result["trends"].items():
        for name, found in trends.items():
            unit = rf" \[{units[name]}]" if units[name] else ""
            cells = [found[key] for key in ("first", "last", "highest", "rise", "allowed")]
            table.add_row(f"{role}: {name}{unit}", *[f"{cell:.4g}" for cell in cells])
    console = Console()
    console.print(table)
    console.print(", ".join(f"{count} x {name}" for name, count in result["happened"].items()))
    console.print("GROWS: " + ", ".join(result["growing"]) if result["growing"] else "flat")
