"""`groot-ros benchmark soak`: whether the nodes grow while they work all day."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groot_ros.cli.common_options import json_option
from groot_ros.cli.output_files import check_picture
from groot_ros.cli.subject import subject
from groot_ros.options import option


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of `groot-ros benchmark soak`."""

    minutes: float = option("default: 60", default=60.0)
    sample: float = option("s between samples (default: 5)", default=5.0)
    event: float = option("s of work between two events (default: 8)", default=8.0)
    kills: int = option(
        "how often the policy is killed, in the first quarter (default: 3)", default=3
    )
    plot: Path | None = option("write a picture of the samples", default=None)
    json: bool = json_option()


def measure(options: Options) -> dict[str, Any]:
    if options.plot:
        check_picture(options.plot)
    from groot_ros.nodes.benchmarks.soak import UNITS, SoakLoad, run

    load = SoakLoad(
        seconds=options.minutes * 60,
        sample_s=options.sample,
        event_s=options.event,
        kills=options.kills,
    )
    result, samples = run(load)
    if options.plot:
        from groot_ros.benchmarks.soak_plot import write_plot

        write_plot(samples.lives(), UNITS, options.plot)
    return result


def is_bad(result: dict[str, Any]) -> bool:
    """Whether something grows, or the day did not come to its end."""
    return bool(result["growing"] or result["broken_off"])


def report(_: Options, result: dict[str, Any]) -> None:
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
    if result["broken_off"]:
        console.print(f"BROKEN OFF {result['broken_off']}")
    console.print("GROWS: " + ", ".join(result["growing"]) if result["growing"] else "flat")


COMMAND = subject(
    "whether the nodes grow in a day's work",
    Options,
    measure=measure,
    report=report,
    is_bad=is_bad,
)
