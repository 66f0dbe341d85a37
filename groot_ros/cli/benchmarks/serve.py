"""`groot-ros benchmark serve`: what a server costs beside its model, on this machine."""

from __future__ import annotations

import argparse
from typing import Any

HELP = "round trips over loopback without the model"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--requests", type=int, default=200, help="per client (default: 200)")
    parser.add_argument(
        "--model-time", type=float, default=0.015, help="s, of the stand-in (default: 0.015)"
    )
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4], help="default: 1 4")


def measure(args: argparse.Namespace) -> dict[str, Any]:
    from groot_ros.benchmarks import serve

    return serve.measure(serve.Load(args.requests, args.model_time, tuple(args.clients)))


def report(_: argparse.Namespace, result: dict[str, Any]) -> None:
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
