"""`groot-ros benchmark repair`: random damage to bags, and what `groot-ros repair` saves."""

from __future__ import annotations

import argparse
from typing import Any

HELP = "random damage to bags, repaired and counted"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--damages", type=int, default=10_000, help="default: 10000")
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    parser.add_argument("--first", type=int, default=0, help="its number (default: 0)")


def measure(args: argparse.Namespace) -> dict[str, Any]:
    from groot_ros.benchmarks.repair import RepairBenchmark
    from groot_ros.cli.progress import with_progress

    benchmark = RepairBenchmark(args.damages, args.seed, args.first)
    for _ in with_progress(benchmark.steps(), "damages", args.damages):
        pass
    return benchmark.result()


def report(args: argparse.Namespace, result: dict[str, Any]) -> None:
    outcomes = ", ".join(f"{count} {name}" for name, count in result["outcomes"].items())
    print(
        f"{args.damages} damages, {outcomes}: {result['messages_after_repair']} messages "
        f"after repair, {result['messages_of_an_independent_reader']} by other readers before"
    )
    for fault in result["faults"]:
        print(f"  {fault}")


def is_bad(result: dict[str, Any]) -> bool:
    """Whether something that was whole is lost, or a traceback came."""
    return bool(result["faults"])
