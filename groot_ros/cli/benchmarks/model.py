"""`groot-ros benchmark model`: GR00T with random weights, beside its plain form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from groot_ros.cli.common_options import FLOATS, device_option, json_option
from groot_ros.cli.subject import subject
from groot_ros.options import option

CONFIGS = ["full", "mid", "tiny", "full_n16", "mid_n16", "tiny_n16"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of `groot-ros benchmark model`."""

    config: str = option(default="full", choices=CONFIGS)
    device: str = device_option()
    dtype: str = option(default="bfloat16", choices=FLOATS)
    compile: str = option(default="auto", choices=("auto", "off", "default", "max"))
    repeats: int = option("measured runs (default: 10)", default=10)
    json: bool = json_option()


def measure(options: Options) -> dict[str, Any]:
    from groot_ros.benchmarks.model import Benchmark, Measured

    measured = Measured(
        config=options.config,
        device=options.device,
        dtype=options.dtype,
        compile=options.compile,
        repeats=options.repeats,
    )
    return Benchmark(measured).run()


def report(_: Options, result: dict[str, Any]) -> None:
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


COMMAND = subject("GR00T, random weights, beside its plain form", Options, measure, report)
