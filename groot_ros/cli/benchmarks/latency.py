"""`groot-ros benchmark latency`: what a checkpoint can do whose chunks come late."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from groot_ros.chunks.execution.strategies import AUTO, CHOICES
from groot_ros.errors import UserError
from groot_ros.sim.trials import FIRST_SCENE, Trials

HELP = "success, time, flips and jerk of a checkpoint over latencies and strategies"
LATENCIES_S = (0.2, 0.4, 0.6)
STRATEGIES = (AUTO, "latest")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint", type=Path, help="default: the shipped one")
    parser.add_argument("--task", choices=["reach", "pick"], default="pick")
    parser.add_argument("--cubes", nargs="+", default=["red"], metavar="COLOR")
    parser.add_argument("--episodes", type=int, default=20, help="of each case (default: 20)")
    parser.add_argument(
        "--seed", type=int, default=FIRST_SCENE, help="scene of the first episode (%(default)s)"
    )
    parser.add_argument(
        "--latencies", type=float, nargs="+", default=LATENCIES_S, metavar="S", help="%(default)s"
    )
    parser.add_argument(
        "--strategies", nargs="+", choices=CHOICES, default=STRATEGIES, help="%(default)s"
    )
    parser.add_argument("--jitter", type=float, default=0.0, metavar="S", help="+- (default: 0)")
    parser.add_argument(
        "--loss", type=float, default=0.0, help="share of chunks that never come (default: 0)"
    )
    parser.add_argument(
        "--executed-steps",
        type=int,
        default=0,
        help="of a chunk until the next inference; 0: it begins when the last one has ended "
        "(default: 0)",
    )
    parser.add_argument("--workers", type=int, default=1, help="processes (default: 1)")


def measure(args: argparse.Namespace) -> dict[str, Any]:
    from groot_ros.benchmarks.latency import LatencyBenchmark
    from groot_ros.cli.progress import with_progress
    from groot_ros.policies.tried import checkpoint_choice, chosen_strategy
    from groot_ros.timing.latency import Latency

    for name in ("workers", "executed_steps"):
        least = int(name == "workers")
        if getattr(args, name) < least:
            option = name.replace("_", "-")
            raise UserError(f"{option} is {getattr(args, name)}, expected {least} or more")
    policy = checkpoint_choice(args.checkpoint)
    strategies = [chosen_strategy(asked, policy) for asked in args.strategies]
    benchmark = LatencyBenchmark(
        policy,
        Trials(args.task, args.episodes, args.seed, tuple(args.cubes)),
        tuple(Latency(latency_s, args.jitter, args.loss) for latency_s in args.latencies),
        tuple(dict.fromkeys(strategies)),
        args.executed_steps,
        args.workers,
    )
    for _ in with_progress(benchmark.steps(), "trying", benchmark.count):
        pass
    return benchmark.result()


def report(args: argparse.Namespace, result: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    late = f"+- {args.jitter * 1e3:g} ms, {args.loss:.0%} lost"
    columns = ("latency \\[ms]", "strategy", "success", "95 % interval", "time \\[s]", "flips")
    table = Table(*columns, "jerk \\[m/s^3]", title=f"{result['variant']}, {args.task}, {late}")
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
