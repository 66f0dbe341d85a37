"""`groot-ros benchmark safety`: whether any command leaves the limits of the robot files."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from itertools import repeat
from typing import Any

from groot_ros.cli.common_options import json_option
from groot_ros.cli.subject import subject
from groot_ros.options import option

SEED = 20261126
TRIAL = 5000


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of `groot-ros benchmark safety`."""

    commands: int = option("default: 1000000", default=1_000_000)
    robots: tuple[str, ...] = option("robot files (default: all shipped ones)", default=())
    seed: int = option(f"default: {SEED}", default=SEED)
    live: float = option("s of nodes beside busy processes; 0: none", default=30.0)
    busy: int = option("busy processes (default: 8)", default=8)
    json: bool = json_option()


def measure(options: Options) -> dict[str, Any]:
    from groot_ros.robot.config import robot_names

    robots = options.robots or robot_names()
    share = -(-options.commands // len(robots))
    # Robots are independent of each other, and so are their results of how many run at once.
    with ProcessPoolExecutor(min(len(robots), os.cpu_count() or 1)) as pool:
        every = pool.map(_simulated, robots, repeat(share), repeat(options.seed))
        found = dict(zip(robots, every, strict=True))
    result: dict[str, Any] = {
        "seed": options.seed,
        "commands": sum(findings["commands"] for findings in found.values()),
        "robots": found,
    }
    if options.live > 0:
        from groot_ros.nodes.benchmarks.safety import live

        result["live"] = live(options.live, options.busy)
    safe = all(findings["safe"] for findings in found.values())
    safe = safe and result.get("live", {}).get("jump_mm", 0.0) <= 0.1
    result["safe"] = safe
    return result


def is_bad(result: dict[str, Any]) -> bool:
    """Whether a limit was exceeded."""
    return not result["safe"]


def _simulated(name: str, commands: int, seed: int) -> dict[str, Any]:
    """Trials of a robot file until there were so many commands."""
    from groot_ros.benchmarks.safety import Findings, LimitTrial
    from groot_ros.robot.config import load_robot

    robot = load_robot(name)
    findings = Findings()
    while findings.commands < commands:
        trial = LimitTrial(
            limits=robot.limits,
            signal=robot.output.commanded,
            joints=len(robot.joints),
            period_s=1.0 / robot.output.rate_hz,
            seed=seed,
            interpolated=robot.output.interpolated,
        )
        findings.add(trial.run(min(TRIAL, commands - findings.commands)))
        seed += 1
    return {**asdict(findings), "safe": findings.is_safe}


def report(_: Options, result: dict[str, Any]) -> None:
    for name, found in result["robots"].items():
        print(
            f"{name}: {found['commands']} commands of {found['chunks']} chunks, "
            f"{found['outside'] * 1e3:.4f} mm or mrad outside, velocity {found['velocity']:.3f}, "
            f"acceleration {found['acceleration']:.3f}, jerk {found['jerk']:.3f} of the limits, "
            f"{found['interventions']} corrected"
        )
    if live := result.get("live"):
        print(
            f"live beside {live['busy']} busy processes: {live['jump_mm']:.3f} mm over what the "
            f"velocity allows, {live['commands']} commands, {live['begun_where_the_robot_was']} "
            "motions begun where the robot was"
        )
    print("safe" if result["safe"] else "NOT safe: a limit was exceeded")


COMMAND = subject(
    "every kind of chunk against the limits",
    Options,
    measure=measure,
    report=report,
    is_bad=is_bad,
)
