"""`groot-ros evaluate`: a checkpoint in closed loop on the simulated arm, or against a dataset."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser("evaluate", help="measure what a checkpoint can do")
    parser.add_argument("--checkpoint", type=Path, required=True, help="folder of groot-ros train")
    parser.add_argument("--task", choices=["reach", "pick"], default="pick", help="in closed loop")
    parser.add_argument("--episodes", type=int, default=50)
    parser.add_argument("--seed", type=int, default=50_000, help="scene of the first episode")
    parser.add_argument(
        "--cubes", nargs="+", default=["red"], metavar="COLOR", help="colors on the table"
    )
    parser.add_argument(
        "--executed-steps", type=int, default=4, help="steps of a chunk until the next inference"
    )
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="processes (default: one per CPU)"
    )
    parser.add_argument(
        "--open-loop", action="store_true", help="compare predicted with recorded actions"
    )
    parser.add_argument("--dataset", type=Path, help="of --open-loop")
    parser.add_argument("--output", type=Path, default=Path("evaluation"), help="of --open-loop")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    return _open_loop(args) if args.open_loop else _closed_loop(args)


def _closed_loop(args: argparse.Namespace) -> int:
    from groot_ros.training.closed_loop import Evaluation, evaluate, report

    evaluation = Evaluation(
        args.checkpoint,
        args.task,
        args.episodes,
        args.seed,
        tuple(args.cubes),
        args.executed_steps,
        workers=args.workers,
    )
    result = report(evaluation, evaluate(evaluation))
    if args.json:
        print(json.dumps(result, indent=2))
        return 0
    low, high = result["interval"]
    print(
        f"{result['variant']}, {args.task}: {result['successes']} of {result['episodes']} "
        f"({100 * low:.0f} to {100 * high:.0f} % with 95 % confidence)"
    )
    if result["mean_time_s"] is not None:
        print(f"  mean time to success {result['mean_time_s']:.1f} s")
    for failure, count in result["failures"].items():
        print(f"  {count} {failure}")
    return 0


def _open_loop(args: argparse.Namespace) -> int:
    from groot_ros.errors import UserError
    from groot_ros.training.open_loop import compare, write_plot

    if args.dataset is None:
        raise UserError("--open-loop compares with a dataset: name it with --dataset")
    comparison = compare(args.checkpoint, args.dataset, args.episodes)
    args.output.mkdir(parents=True, exist_ok=True)
    write_plot(comparison, args.output / "open_loop.png")
    result = comparison.to_dict()
    (args.output / "open_loop.json").write_text(json.dumps(result, indent=2) + "\n")
    if args.json:
        print(json.dumps(result, indent=2))
        return 0
    print(f"wrote {args.output / 'open_loop.png'} from {result['chunks']} chunks")
    for name, channel in result["channels"].items():
        print(f"  {name:<12} MAE {channel['mae']:.4f}  MSE {channel['mse']:.6f}")
    if result["position_error_m"] is not None:
        print(
            f"  position at the last step: {100 * result['position_error_m']:.1f} cm off, "
            f"{100 * result['mean_position_error_m']:.1f} cm when predicting the mean"
        )
    return 0
