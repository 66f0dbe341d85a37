"""`groot-ros benchmark serve`: what a server costs beside its model, on this machine."""

from __future__ import annotations

import argparse
import json
from typing import Any


def add_subject(subjects: Any) -> None:
    """Add `serve` to the subjects of `groot-ros benchmark`."""
    serve = subjects.add_parser("serve", help="round trips over loopback without the model")
    serve.add_argument("--requests", type=int, default=200, help="per client (default: 200)")
    serve.add_argument(
        "--model-time", type=float, default=0.015, help="s, of the stand-in (default: 0.015)"
    )
    serve.add_argument("--clients", type=int, nargs="+", default=[1, 4], help="default: 1 4")
    serve.add_argument("--json", action="store_true", help="print one JSON object")
    serve.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure and print."""
    from groot_ros.benchmarks.serve import Load, measure

    result = measure(Load(args.requests, args.model_time, tuple(args.clients)))
    if args.json:
        print(json.dumps(result, indent=2))
        return 0
    conditions = result["conditions"]
    print(
        f"two 224x224 cameras, {conditions['requests_per_client']} requests per client, model "
        f"{conditions['model_ms']:g} ms, {conditions['cpus']} cores, "
        f"load {conditions['load_average']:.1f}; beside the model:"
    )
    for protocol, rows in result["protocols"].items():
        for row in rows:
            p50, p99 = row["overhead_ms_p50"], row["overhead_ms_p99"]
            print(f"  {protocol:<11} {row['clients']} clients: p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    return 0
