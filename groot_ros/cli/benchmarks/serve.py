"""`groot-ros benchmark serve`: what a server costs beside its model, on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from groot_ros.cli.common_options import json_option
from groot_ros.cli.subject import subject
from groot_ros.options import option


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of `groot-ros benchmark serve`."""

    requests: int = option("per client (default: 200)", default=200)
    model_time: float = option("s, of the stand-in (default: 0.015)", default=0.015)
    clients: tuple[int, ...] = option("default: 1 4", default=(1, 4))
    json: bool = json_option()


def measure(options: Options) -> dict[str, Any]:
    from groot_ros.benchmarks import serve

    return serve.measure(serve.ServeLoad(options.requests, options.model_time, options.clients))


def report(_: Options, result: dict[str, Any]) -> None:
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


COMMAND = subject("round trips over loopback without the model", Options, measure, report)
