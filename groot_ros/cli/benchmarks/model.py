"""`groot-ros benchmark model`: GR00T with random weights, beside its plain form."""

from __future__ import annotations

import argparse
from typing import Any

HELP = "GR00T, random weights, beside its plain form"
CONFIGS = ["full", "mid", "tiny", "full_n16", "mid_n16", "tiny_n16"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", choices=CONFIGS, default="full")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--dtype", choices=["float32", "bfloat16", "float16"], default="bfloat16")
    parser.add_argument("--compile", choices=["auto", "off", "default", "max"], default="auto")
    parser.add_argument("--repeats", type=int, default=10, help="measured runs (default: 10)")


def measure(args: argparse.Namespace) -> dict[str, Any]:
    from groot_ros.benchmarks.model import Benchmark, Options

    options = Options(args.config, args.device, args.dtype, args.compile, args.repeats)
    return Benchmark(options).run()


def report(_: argparse.Namespace, result: dict[str, Any]) -> None:
    from groot_ros.benchmarks.model import EDGE, TIMED, VIEWS

    print(
        f"GR00T {result['version']} {result['config']}, random weights, {result['device']} "
        f"{result['dtype']}, compile {result['compile']}, {VIEWS} pictures {EDGE}x{EDGE}"
    )
    for name in TIMED:
        median, p95 = result[f"{name}_ms"], result[f"{name}_p95_ms"]
        print(f"  {name:<12} median {median:9.1f} ms   p95 {p95:9.1f} ms")
    for name, value in result["rewrites_ms"].items():
        print(f"  {name:<20} saves {value:9.2f} ms")
    for name in ("peak_memory_bytes", "load_peak_bytes", "weights_bytes"):
        print(f"  {name:<20} {result[name] / 1e9:9.2f} GB")
    print(f"  parameters           {result['parameters']:,}")
