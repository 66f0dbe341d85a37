"""`groot-ros benchmark runtime`: how smooth and punctual the nodes are on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groot_ros.chunks.execution.strategies import STRATEGIES
from groot_ros.cli.common_options import json_option
from groot_ros.cli.output_files import check_picture
from groot_ros.cli.subject import subject
from groot_ros.options import option

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


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of `groot-ros benchmark runtime`."""

    seconds: float = option("per strategy (default: 30)", default=30.0)
    latency: float = option("s, mean (default: 0.15)", default=0.15)
    jitter: float = option("s, +- (default: 0.05)", default=0.05)
    lost: float = option("share of inferences that give no chunk", default=0.0)
    strategies: tuple[str, ...] = option(default=tuple(STRATEGIES), choices=tuple(STRATEGIES))
    plot: Path | None = option("write a picture of the commands", default=None)
    json: bool = json_option()


def measure(options: Options) -> dict[str, Any]:
    if options.plot:
        check_picture(options.plot)
    from groot_ros.nodes.benchmarks.runtime import RuntimeLoad, run

    load = RuntimeLoad(options.seconds, options.latency, options.jitter, options.lost)
    result, recordings = run(load, list(options.strategies))
    if options.plot:
        from groot_ros.benchmarks.runtime_plot import write_plot

        write_plot(recordings, options.plot)
    return result


def report(_: Options, result: dict[str, Any]) -> None:
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


COMMAND = subject("executor and policy node with a late policy", Options, measure, report)
