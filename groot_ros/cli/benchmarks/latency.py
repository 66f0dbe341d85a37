"""`groot-ros benchmark latency`: what a checkpoint can do whose chunks come late."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groot_ros.chunks.execution.strategies import AUTO, CHOICES
from groot_ros.cli.common_options import json_option
from groot_ros.cli.subject import subject
from groot_ros.errors import UserError
from groot_ros.options import option
from groot_ros.sim.tasks import Kind
from groot_ros.sim.trials import FIRST_SCENE, Trials

LATENCIES_S = (0.2, 0.4, 0.6)
STRATEGIES = (AUTO, "latest")


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of `groot-ros benchmark latency`."""

    checkpoint: Path | None = option("default: the shipped one", default=None)
    task: Kind = option(default="pick")
    cubes: tuple[str, ...] = option(default=("red",), metavar="COLOR")
    episodes: int = option("of each case (default: 20)", default=20)
    seed: int = option("scene of the first episode (%(default)s)", default=FIRST_SCENE)
    latencies: tuple[float, ...] = option("%(default)s", default=LATENCIES_S, metavar="S")
    strategies: tuple[str, ...] = option("%(default)s", default=STRATEGIES, choices=CHOICES)
    jitter: float = option("+- (default: 0)", default=0.0, metavar="S")
    loss: float = option("share of chunks that never come (default: 0)", default=0.0)
    executed_steps: int = option(
        "of a chunk until the next inference; 0: it begins when the last one has ended "
        "(default: 0)",
        default=0,
    )
    workers: int = option("processes (default: 1)", default=1)
    json: bool = json_option()


def measure(options: Options) -> dict[str, Any]:
    from groot_ros.benchmarks.latency import LatencyBenchmark
    from groot_ros.cli.progress import with_progress
    from groot_ros.policies.tried import checkpoint_choice, chosen_strategy
    from groot_ros.timing.latency import Latency

    for name in ("workers", "executed_steps"):
        least = int(name == "workers")
        if getattr(options, name) < least:
            option = name.replace("_", "-")
            raise UserError(f"{option} is {getattr(options, name)}, expected {least} or more")
    policy = checkpoint_choice(options.checkpoint)
    strategies = [chosen_strategy(asked, policy) for asked in options.strategies]
    benchmark = LatencyBenchmark(
        policy=policy,
        trials=Trials(options.task, options.episodes, options.seed, options.cubes),
        latencies=tuple(
            Latency(latency_s, options.jitter, options.loss) for latency_s in options.latencies
        ),
        strategies=tuple(dict.fromkeys(strategies)),
        executed_steps=options.executed_steps,
        workers=options.workers,
    )
    for _ in with_progress(benchmark.steps(), "trying", benchmark.count, "episodes"):
        pass
    return benchmark.result()


def report(options: Options, result: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    late = f"+- {options.jitter * 1e3:g} ms, {options.loss:.0%} lost"
    columns = ("latency \\[ms]", "strategy", "success", "95 % interval", "time \\[s]", "flips")
    table = Table(*columns, "jerk \\[m/s^3]", title=f"{result['variant']}, {options.task}, {late}")
    for row in result["rows"]:
        low, high = row["interval"]
        table.add_row(
            f"{row['latency_s'] * 1e3:g}",
            row["strategy"],
            f"{row['successes']} of {row['episodes']}",
            f"{100 * low:.0f} to {100 * high:.0f} %",
            _told(row["mean_time_s"]),
            _told(row["flips"]),
            _told(row["jerk_m_s3"]),
        )
    Console().print(table)


def _told(number: float | None) -> str:
    return "" if number is None else f"{number:.1f}"


COMMAND = subject(
    "success, time, flips and jerk of a checkpoint over latencies and strategies",
    Options,
    measure,
    report,
)
