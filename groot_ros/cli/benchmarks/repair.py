"""`groot-ros benchmark repair`: random damage to bags, and what `groot-ros repair` saves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from groot_ros.cli.common_options import json_option
from groot_ros.cli.subject import subject
from groot_ros.options import option


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of `groot-ros benchmark repair`."""

    damages: int = option("default: 10000", default=10_000)
    seed: int = option("default: 0", default=0)
    first: int = option("its number (default: 0)", default=0)
    json: bool = json_option()


def measure(options: Options) -> dict[str, Any]:
    from groot_ros.benchmarks.repair import RepairBenchmark
    from groot_ros.cli.progress import with_progress

    benchmark = RepairBenchmark(options.damages, options.seed, options.first)
    for _ in with_progress(benchmark.steps(), "repairing", options.damages, "damages"):
        pass
    return benchmark.result()


def report(options: Options, result: dict[str, Any]) -> None:
    outcomes = ", ".join(f"{count} {name}" for name, count in result["outcomes"].items())
    print(
        f"{options.damages} damages, {outcomes}: {result['messages_after_repair']} messages "
        f"after repair, {result['messages_of_an_independent_reader']} by other readers before"
    )
    for fault in result["faults"]:
        print(f"  {fault}")


def is_bad(result: dict[str, Any]) -> bool:
    """Whether something that was whole is lost, or a traceback came."""
    return bool(result["faults"])


COMMAND = subject(
    "random damage to bags, repaired and counted",
    Options,
    measure=measure,
    report=report,
    is_bad=is_bad,
)
