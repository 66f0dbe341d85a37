"""`groot-ros rehearse`: what the executor would make of a checkpoint's chunks, from bags."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from groot_ros.chunks.execution.strategies import AUTO, CHOICES, RTC, chosen
from groot_ros.cli.checkpoint_options import add_checkpoint_options, open_checkpoint
from groot_ros.cli.progress import with_progress
from groot_ros.cli.rehearse_report import report
from groot_ros.errors import UserError
from groot_ros.files.shell import quoted
from groot_ros.timing.latency import CHUNK_LATENCY_S

if TYPE_CHECKING:
    from groot_ros.policy import Policy
    from groot_ros.robot.config import RobotConfig
    from groot_ros.sim.rehearsal.rehearse import Conditions
    from groot_ros.sim.rehearsal.result import Rehearsed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--robot", required=True, help="robot name or file")
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument(
        "--bags", type=Path, nargs="+", required=True, help="bags or folders of bags"
    )
    parser.add_argument(
        "--output", type=Path, default=Path("rehearsal"), help="folder to write (%(default)s)"
    )
    parser.add_argument("--instruction", default="", help="for bags that hold none")
    parser.add_argument(
        "--latency",
        type=float,
        default=CHUNK_LATENCY_S,
        metavar="S",
        help="age of the pictures when their chunk counts as made (%(default)s)",
    )
    parser.add_argument("--strategy", default=AUTO, help="of the executor (%(default)s)")
    add_checkpoint_options(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    from groot_ros.data.bags.files import find_bags
    from groot_ros.robot.config import load_robot
    from groot_ros.sim.rehearsal.rehearse import Conditions
    from groot_ros.sim.rehearsal.result import summarize

    if not 0.0 <= args.latency <= 10.0:
        raise UserError(f"latency is {args.latency:g}, expected 0 to 10 s")
    strategy = _chosen_strategy(args.strategy)
    bags, robot = find_bags(args.bags), load_robot(args.robot)
    policy = open_checkpoint(args, robot)
    conditions = Conditions(args.latency, strategy, args.instruction)
    args.output.mkdir(parents=True, exist_ok=True)
    episodes = _episodes(policy, robot, bags, conditions, args.output)
    rehearsed = list(with_progress(episodes, "rehearsing", len(bags)))
    policy.close()
    result = {
        "robot": args.robot,
        "checkpoint": str(args.checkpoint),
        "latency_s": args.latency,
        "strategy": strategy,
        **summarize(rehearsed),
    }
    (args.output / "rehearsal.json").write_text(json.dumps(result, indent=2) + "\n")
    if args.json:
        print(json.dumps(result, indent=2))
        return 0
    print("\n".join(report(result)))
    print(f"wrote {args.output}: rehearsal.json and a picture of every episode")
    print("next, the same through the nodes, on the robot's own topics and with nobody in danger:")
    print(
        f"  ros2 launch groot_ros policy.launch.py robot:={quoted(args.robot)} "
        f"checkpoints_dir:={quoted(args.checkpoint)} fake:=true fake_pictures:={quoted(bags[0])}"
    )
    return 0


def _chosen_strategy(name: str) -> str:
    known = [strategy for strategy in CHOICES if strategy != RTC]
    if name not in known:
        raise UserError(f"strategy is {name!r}, expected one of {', '.join(known)}")
    return chosen(name, "recorded observations know nothing of the chunk in execution")


def _episodes(
    policy: Policy, robot: RobotConfig, bags: list[Path], conditions: Conditions, output: Path
) -> Iterator[Rehearsed]:
    """Rehearse and draw one after the other."""
    from groot_ros.demo.rehearsal_plot import write_rehearsal_plot
    from groot_ros.sim.rehearsal.rehearse import rehearse

    for episode in rehearse(policy, robot, bags, conditions):
        name = episode.name.replace("/", "_")
        write_rehearsal_plot(episode, output / f"{name}.png")
        yield episode
