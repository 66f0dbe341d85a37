"""`groot-ros collect`: record demonstrations of the scripted expert."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from groot_ros.cli.progress import with_progress
from groot_ros.cli.time_options import add_time_options, chosen_time
from groot_ros.files.shell import quoted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--task", choices=["reach", "pick"], required=True)
    parser.add_argument("--episodes", type=int, required=True)
    parser.add_argument("--output", type=Path, required=True, help="folder for the bags")
    parser.add_argument(
        "--cubes",
        nargs="+",
        default=["red"],
        metavar="COLOR",
        help="colors on the table, mostly from left to right; each has its turn",
    )
    parser.add_argument("--seed", type=int, default=1000, help="scene of the first episode")
    parser.add_argument(
        "--via",
        choices=["inprocess", "ros"],
        default="inprocess",
        help="inprocess: without ROS; ros: through nodes and recorder",
    )
    add_time_options(parser.add_argument_group("with --via ros"), real_time_factor=0.0)
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="processes (inprocess)"
    )


def run(args: argparse.Namespace) -> int:
    from groot_ros.sim.collection import Collection, collect

    collection = Collection(
        args.task, args.episodes, args.output, tuple(args.cubes), args.seed, args.workers
    )
    if args.via == "ros":
        from groot_ros.nodes.clients.live_collection import collect_live

        recording = collect_live(collection, chosen_time(args))
    else:
        recording = collect(collection)
    outcomes = list(with_progress(recording, "recording", collection.episodes))
    succeeded = sum(outcomes)
    print(f"wrote {args.output}: {len(outcomes)} bags, {succeeded} with success")
    print(f"look at them: groot-ros view {quoted(args.output)} --robot sim")
    return 0
