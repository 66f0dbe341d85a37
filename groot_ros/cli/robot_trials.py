"""`groot-ros evaluate --robot`: trials on a robot, judged by whoever stands beside it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from groot_ros.cli.keys import pressed, single_keys
from groot_ros.errors import UserError
from groot_ros.files.folder_lock import folder_lock
from groot_ros.options import option
from groot_ros.robot.config import RobotConfig, load_robot
from groot_ros.trials.session import FAILURE, FILE, SUCCESS, Plan, Session, Trial

if TYPE_CHECKING:
    from groot_ros.nodes.clients.trial_node import TrialNode

OUTCOMES = {"y": SUCCESS, "n": FAILURE}
DISCARD, QUIT, BEGIN = "d", "q", "\n "
ASK_S = 0.1


class Stopped(Exception):
    """Whoever tries has had enough for now."""


@dataclass(frozen=True, kw_only=True)
class RobotTrials:
    """How trials on a robot are made."""

    robot: str = option("robot file: name of a shipped one, or a path", default="")
    trials: int = option("scenes for each checkpoint (%(default)s)", default=20)
    instruction: str = option("what to do (default: the policy's)", default="")
    scenes: Path | None = option(
        "what to lay out, a line for every scene", default=None, metavar="FILE"
    )
    time_limit: float = option("of a trial (%(default)s)", default=60.0, metavar="S")


def run_robot_trials(
    options: RobotTrials, checkpoints: Sequence[Path], output: Path, *, as_json: bool
) -> int:
    """Run the trials that are left, tell what they say."""
    robot = load_robot(options.robot)
    plan = Plan(
        robot=robot.name,
        instruction=options.instruction,
        policies=tuple(map(str, checkpoints)) or ("",),
        scenes=options.trials,
        seed=time.time_ns() % 2**31,
    )
    scenes = _scenes(options.scenes)
    output.mkdir(parents=True, exist_ok=True)
    with folder_lock(output):
        session = Session.opened(plan, output)
        session.write()
        # What is asked of a person is no JSON.
        with redirect_stdout(sys.stderr if as_json else sys.stdout):
            _try_until_stopped(session, robot, scenes, options.time_limit)
    if as_json:
        print(json.dumps(session.summary(), indent=2))
        return 0
    for line in session.sentences():
        print(line)
    print(f"wrote {output / FILE}")
    return 0


def _scenes(path: Path | None) -> list[str]:
    if path is None:
        return []
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except OSError as error:
        raise UserError(f"--scenes {path} cannot be read: {error.strerror}") from None
    if not any(lines):
        raise UserError(f"--scenes {path} is empty, expected a line for every scene")
    return [line for line in lines if line]


def _try_until_stopped(
    session: Session, robot: RobotConfig, scenes: list[str], time_limit_s: float
) -> None:
    try:
        with single_keys():
            _try_all(session, robot, scenes, time_limit_s)
    except (Stopped, KeyboardInterrupt):
        left = len(list(session.left()))
        total = left + len(session.trials)
        print(f"\nstopped with {left} of {total} trials left: the same command goes on")


def _try_all(session: Session, robot: RobotConfig, scenes: list[str], time_limit_s: float) -> None:
    from groot_ros.nodes.clients.operator_node import running_node
    from groot_ros.nodes.clients.trial_node import TrialNode

    left = list(session.left())
    if not left:
        return
    with running_node(lambda: TrialNode(robot)) as node:
        node.wait_for_nodes()
        loaded = ""
        for number, (scene, policy) in enumerate(left, start=len(session.trials) + 1):
            if policy and policy != loaded:
                node.load(policy)
                loaded = policy
            print(f"trial {number} of {len(session.trials) + len(left)}", end="", flush=True)
            trial = _judged(
                node, session, robot=robot, scene=_words(scenes, scene), time_limit_s=time_limit_s
            )
            session.add(replace(trial, scene=scene, policy=policy))
            left = left[1:]
        _send_home(node, robot)
        node.close()


def _words(scenes: list[str], scene: int) -> str:
    """What to lay out: which policy comes is not said."""
    return f"scene {scene + 1}" + (f": {scenes[scene % len(scenes)]}" if scenes else "")


def _judged(
    node: TrialNode, session: Session, robot: RobotConfig, scene: str, time_limit_s: float
) -> Trial:
    """A trial that was not discarded."""
    while True:
        _send_home(node, robot)
        print(f": lay out {scene}; Enter begins, q quits", flush=True)
        _wait_for(BEGIN)
        print("running; y success, n failure, d discard", flush=True)
        end = node.run_task(session.plan.instruction, time_limit_s, lambda: _key(0.0, "ynd"))
        if not end.key:
            print(f"ended: {end.reason}; y success, n failure, d discard", flush=True)
        key = end.key or _wait_for("ynd")
        if key != DISCARD:
            return Trial(
                scene=0,
                policy="",
                outcome=OUTCOMES[key],
                duration_s=round(end.duration_s, 2),
                ended=end.reason,
                film=_film(node, session, len(session.trials) + 1),
            )
        print("again", end="", flush=True)


def _send_home(node: TrialNode, robot: RobotConfig) -> None:
    if any(arm.home for arm in robot.each_arm):
        node.go_home()


def _film(node: TrialNode, session: Session, number: int) -> str:
    """Where the film of the trial is, in the folder of the session; empty without pictures."""
    from groot_ros.demo.trial_film import write_trial_film

    if not node.film:
        return ""
    name = f"films/trial_{number:03d}.mp4"
    write_trial_film(node.film, session.folder / name)
    return name


def _wait_for(keys: str) -> str:
    while not (key := _key(ASK_S, keys)):
        pass
    return key


def _key(timeout_s: float, keys: str) -> str:
    """One of some keys, if it is pressed now; Stopped for q and where nobody is there to press."""
    key = pressed(timeout_s, at_end=QUIT).lower()
    if key == QUIT:
        raise Stopped
    return key if key and key in keys else ""
