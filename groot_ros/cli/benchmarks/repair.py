"""`groot-ros benchmark repair`: random damage to bags, and what `groot-ros repair` saves."""

from __future__ import annotations

import argparse
import json
from typing import Any


def add_subject(subjects: Any) -> None:
    """Add `repair` to the subjects of `groot-ros benchmark`."""
    repair = subjects.add_parser("repair", help="random damage to bags, repaired and counted")
    repair.add_argument("--damages", type=int, default=10_000, help="default: 10000")
    repair.add_argument("--seed", type=int, default=0, help="default: 0")
    repair.add_argument("--first", type=int, default=0, help="its number (default: 0)")
    repair.add_argument("--json", action="store_true", help="print one JSON object")
    repair.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Damage, repair, print; 1 where something that was whole is lost or a traceback came."""
    from groot_ros.benchmarks.repair import RepairBenchmark
    from groot_ros.cli.progress import with_progress

    benchmark = RepairBenchmark(args.damages, args.seed, args.first)
    for _ in with_progress(benchmark.steps(), "damages", args.damages):
        pass
    result = benchmark.result()
    if args.json:
        print(json.dumps(result, indent=2))
    else:
        outcomes = ", ".join(f"{count} {name}" for name, count in result["outcomes"].items())
        print(
            f"{args.damages} damages, {outcomes}: {result['messages_after_repair']} messages "
            f"after repair, {result['messages_of_an_independent_reader']} by other readers before"
        )
        for fault in result["faults"]:
            print(f"  {fault}")
    return 1 if result["faults"] else 0
