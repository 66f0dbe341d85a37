"""`groot-ros benchmark runtime`: how smooth and punctual the nodes are on this machine."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from groot_ros.chunks.execution.strategies import STRATEGIES
from groot_ros.cli.output_files import check_picture

HELP = "executor and policy node with a late policy"
ROWS = {
    "seam_mm_p95": "seam jump p95 [mm]",
    "seam_deg_p95": "seam jump p95 [deg]",
    "gap_mm_p95": "gap between chunks p95 [mm]",
    "starved_steps": "steps starved",
    "rejected_chunks": "chunks rejected",
    "unfamiliar_chunks": "chunks slowed or held",
    "pauses": "pauses",
    "interventions": "commands corrected by the governor",
    "command_rate_hz": "command rate [Hz]",
    "command_jitter_ms_p99": "command period error p99 [ms]",
    "overhead_ms_p99": "node overhead p99 [ms]",
    "rms_jerk_m_s3": "RMS jerk [m/s^3]",
    "sparc": "SPARC",
    "tracking_mm_rms": "distance to the path, RMS [mm]",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=30.0, help="per strategy (default: 30)")
    parser.add_argument("--latency", type=float, default=0.15, help="s, mean (default: 0.15)")
    parser.add_argument("--jitter", type=float, default=0.05, help="s, +- (default: 0.05)")
    parser.add_argument(
        "--lost", type=float, default=0.0, help="share of inferences that give no chunk"
    )
    parser.add_argument("--strategies", nargs="+", choices=STRATEGIES, default=list(STRATEGIES))
    parser.add_argument("--plot", type=Path, help="write a picture of the commands")


def measure(args: argparse.Namespace) -> dict[str, Any]:
    if args.plot:
        check_picture(args.plot)
    from groot_ros.nodes.benchmarks.runtime import Load, run

    load = Load(args.seconds, args.latency, args.jitter, args.lost)
    result, recordings = run(load, args.strategies)
    if args.plot:
        from groot_ros.benchmarks.runtime_plot import write_plot

        write_plot(recordings, args.plot)
    return result


def report(_: argparse.Namespace, result: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    conditions, strategies = result["conditions"], result["strategies"]
    title = (
        f"{conditions['latency_s'] * 1e3:g} +- {conditions['jitter_s'] * 1e3:g} ms latency, "
        f"{conditions['seconds']:g} s each, {conditions['cpus']} cores, "
        f"load {conditions['load_average']:.1f}"
    )
    table = Table("", *strategies, title=title)
    for key, name in ROWS.items():
        cells = [f"{numbers[key]:.3g}" for numbers in strategies.values()]
        table.add_row(name.replace("[", r"\["), *cells)
    Console().print(table)
