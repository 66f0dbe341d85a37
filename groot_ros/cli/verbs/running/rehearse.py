"""`groot-ros rehearse`: what the executor would make of a checkpoint's chunks, from bags."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from groot_ros.chunks.execution.strategies import AUTO, CHOICES, RTC, chosen
from groot_ros.cli.command import ANEW, Command
from groot_ros.cli.common_options import (
    Loading,
    bags_option,
    json_option,
    robot_option,
)
from groot_ros.cli.progress import with_progress
from groot_ros.cli.rehearse_report import report
from groot_ros.errors import UserError
from groot_ros.files.shell import quoted
from groot_ros.options import group, option
from groot_ros.timing.latency import CHUNK_LATENCY_S

if TYPE_CHECKING:
    from groot_ros.policy import Policy
    from groot_ros.robot.config import RobotConfig
    from groot_ros.sim.rehearsal.rehearse import Conditions
    from groot_ros.sim.rehearsal.result import Rehearsed


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of `groot-ros rehearse`."""

    robot: str = robot_option()
    checkpoint: Path = option()
    bags: tuple[Path, ...] = bags_option()
    output: Path = option("folder to write (%(default)s)", default=Path("rehearsal"))
    instruction: str = option("for bags that hold none", default="")
    latency: float = option(
        "age of the pictures when their chunk counts as made (%(default)s)",
        default=CHUNK_LATENCY_S,
        metavar="S",
    )
    strategy: str = option("of the executor (%(default)s)", default=AUTO)
    loading: Loading = group()
    json: bool = json_option()


def run(options: Options) -> int:
    from groot_ros.data.bags.files import find_bags
    from groot_ros.robot.config import load_robot
    from groot_ros.sim.rehearsal.rehearse import Conditions
    from groot_ros.sim.rehearsal.result import summarize

    if not 0.0 <= options.latency <= 10.0:
        raise UserError(f"latency is {options.latency:g}, expected 0 to 10 s")
    strategy = _chosen_strategy(options.strategy)
    bags, robot = find_bags(options.bags), load_robot(options.robot)
    policy = options.loading.open(options.checkpoint, robot)
    conditions = Conditions(options.latency, strategy, options.instruction)
    options.output.mkdir(parents=True, exist_ok=True)
    episodes = _episodes(policy, robot, bags=bags, conditions=conditions, output=options.output)
    rehearsed = list(with_progress(episodes, "rehearsing", len(bags), "bags"))
    policy.close()
    result = {
        "robot": options.robot,
        "checkpoint": str(options.checkpoint),
        "latency_s": options.latency,
        "strategy": strategy,
        **summarize(rehearsed),
    }
    (options.output / "rehearsal.json").write_text(json.dumps(result, indent=2) + "\n")
    if options.json:
        print(json.dumps(result, indent=2))
        return 0
    print("\n".join(report(result)))
    print(f"wrote {options.output}: rehearsal.json and a picture of every episode")
    print("next, the same through the nodes, on the robot's own topics and with nobody in danger:")
    named = options.loading.variant
    variant = f"variant:={quoted(named)} " if named else ""
    print(
        f"  ros2 launch groot_ros policy.launch.py robot:={quoted(options.robot)} {variant}"
        f"checkpoints_dir:={quoted(options.checkpoint)} fake:=true "
        f"fake_pictures:={quoted(bags[0])}"
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


COMMAND = Command(options=Options, run=run, resumed=ANEW)
