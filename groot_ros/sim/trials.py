"""Scenes to try a policy in, and what came of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groot_ros.errors import UserError
from groot_ros.files.config_file import read_json
from groot_ros.options import option
from groot_ros.sim.scene import check_cubes
from groot_ros.sim.tasks import Change, Kind, Task
from groot_ros.trials.statistics import compare, trials_for_interval, wilson_interval

Array = NDArray[np.float64]

# Other than the scenes of demonstrations and those that recipes were chosen with; these chose only
# that chunks of ee_*_traj are executed whole, as their codec files say.
FIRST_SCENE = 60_000
# Absolute chunks begin a few mm beside the hand: with fewer executed, it can stay where it is.
EXECUTED_STEPS = 8
# Folders of films, and what is filmed.
FAILURES, SUCCESSES, ALL = "failures", "successes", "all"
TRIALS = "trials"
"""Folder of the numbers of each trial."""
NEAR_M = 0.03
CLOSED_GRIP = 0.3


@dataclass(frozen=True)
class Trials:
    """`count` episodes: number i is the scene `seed` + i, asked for each cube in turn.

    With `swap_after_s` another cube is asked for after that time, and only that one counts.
    """

    kind: Kind
    count: int = 50
    seed: int = FIRST_SCENE
    cubes: tuple[str, ...] = option("colors on the table", default=("red",), metavar="COLOR")
    time_limit_s: float = 15.0
    swap_after_s: float | None = None

    def __post_init__(self) -> None:
        check_cubes(self.cubes)
        if self.count < 1:
            raise UserError(f"episodes is {self.count}, expected 1 or more")
        if self.swap_after_s is None:
            return
        if len(self.cubes) < 2:
            raise UserError(
                f"there is no other cube to ask for among {list(self.cubes)}: name two or more "
                "with --cubes"
            )
        if not 0 < self.swap_after_s < self.time_limit_s:
            raise UserError(
                f"the instruction is to change after {self.swap_after_s:g} s, expected more than "
                f"0 and less than the {self.time_limit_s:g} s of an episode"
            )

    def scene(self, index: int) -> int:
        """Seed of a trial's scene."""
        return self.seed + index

    def task(self, index: int) -> Task:
        """What a trial asks for first."""
        return Task(self.kind, self.cubes[index % len(self.cubes)])

    def change(self, index: int) -> Change | None:
        """What it asks for later."""
        if self.swap_after_s is None:
            return None
        return Change(self.swap_after_s, self.task(index + 1))

    def final_task(self, index: int) -> Task:
        """What a trial is judged by."""
        change = self.change(index)
        return change.task if change else self.task(index)


@dataclass(frozen=True)
class Films:
    """Which trials are filmed into the folder of an evaluation; none without a folder."""

    folder: Path | None = None
    of: str = FAILURES
    """failures or all."""

    def path(self, scene: int, succeeded: bool) -> Path | None:
        """Where the film of a trial goes, None where it is not filmed."""
        if self.folder is None or (succeeded and self.of == FAILURES):
            return None
        return self.folder / (SUCCESSES if succeeded else FAILURES) / f"scene_{scene}.mp4"

    def record(self, scene: int) -> Path | None:
        """Where the numbers of a trial go, filmed or not; None without a folder."""
        return self.folder and self.folder / TRIALS / f"scene_{scene}.json"

    def clear(self) -> None:
        """Make room for the films and numbers of another run."""
        if self.folder is None:
            return
        for name in (FAILURES, SUCCESSES):
            for film in (self.folder / name).glob("scene_*.mp4"):
                film.unlink()
        for record in (self.folder / TRIALS).glob("scene_*.json*"):
            record.unlink()
        for name in (FAILURES, SUCCESSES) if self.of == ALL else (FAILURES,):
            (self.folder / name).mkdir(parents=True, exist_ok=True)


@dataclass(frozen=True)
class Outcome:
    """One trial: when it succeeded, and why not otherwise; the last picture (H, W, 3) RGB.

    `flips` is how often the gripper was told to open or to close, `jerk_m_s3` the root mean square
    of the jerk of a hand that is commanded by poses.
    """

    scene: int
    instruction: str
    succeeded: bool
    duration_s: float
    failure: str = ""
    picture: NDArray[np.uint8] | None = field(default=None, compare=False, repr=False)
    flips: int = 0
    jerk_m_s3: float | None = None


def explain_failure(task: Task, cubes: dict[str, Array], positions: Array, grips: Array) -> str:
    """What a hand at `positions` (T, 3) with closures `grips` (T,) did not do.

    `cubes` are where the cubes of each color lay at first.
    """
    distances = {
        color: np.linalg.norm(positions[:, :2] - cube[:2], axis=1) for color, cube in cubes.items()
    }
    closed = grips > CLOSED_GRIP
    others = [distance for color, distance in distances.items() if color != task.color]
    if any(np.any((distance < NEAR_M) & closed) for distance in others):
        return "went to another cube"
    if distances[task.color].min() > NEAR_M:
        return "did not get to the cube"
    if task.kind == "reach":
        return "did not hold still above the cube"
    return "did not lift the cube" if closed.any() else "did not close the gripper"


def summarize(trials: Trials, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Numbers of all trials."""
    return {
        "task": trials.kind,
        "cubes": list(trials.cubes),
        "swap_after_s": trials.swap_after_s,
        **counted(outcomes),
        "flips": _mean([outcome.flips for outcome in outcomes]),
        "jerk_m_s3": _mean([outcome.jerk_m_s3 for outcome in outcomes]),
        "scenes": [
            {
                **of_scene(outcome),
                "flips": outcome.flips,
                "jerk_m_s3": _mean([outcome.jerk_m_s3]),
            }
            for outcome in outcomes
        ],
    }


def counted(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """How many succeeded, with the interval of the rate, and what became of the others."""
    times_s = [outcome.duration_s for outcome in outcomes if outcome.succeeded]
    failed = [outcome for outcome in outcomes if not outcome.succeeded]
    interval = wilson_interval(len(times_s), len(outcomes))
    return {
        "successes": len(times_s),
        "episodes": len(outcomes),
        "interval": [round(bound, 3) for bound in interval],
        "episodes_needed": trials_for_interval(len(times_s), len(outcomes)),
        "mean_time_s": _mean(times_s),
        "failures": dict(Counter(outcome.failure for outcome in failed)),
        "failed_scenes": [outcome.scene for outcome in failed],
    }


def of_scene(outcome: Outcome) -> dict[str, Any]:
    """One trial, as `compared` finds it again."""
    return {
        "scene": outcome.scene,
        "instruction": outcome.instruction,
        "succeeded": outcome.succeeded,
        "duration_s": round(outcome.duration_s, 2),
        "failure": outcome.failure,
    }


def compared(folder: Path, result: Mapping[str, Any]) -> dict[str, Any]:
    """An earlier evaluation in a folder against a result, in the scenes of both; UserError where
    they share none."""
    path = folder / "evaluation.json"
    try:
        before = read_json(path, "evaluate again")
    except FileNotFoundError:
        raise UserError(f"{path} not found: name a folder of groot-ros evaluate") from None
    a, b = _by_scene(before), _by_scene(result)
    if not (both := sorted(a.keys() & b.keys())):
        raise UserError(
            f"{folder} holds other scenes or instructions: evaluate with the same --seed, --cubes "
            "and --task"
        )
    comparison = compare([a[scene] for scene in both], [b[scene] for scene in both])
    words = comparison.sentence(str(folder), "this one")
    return {**comparison.to_dict(), "with": str(folder), "words": words}


def _by_scene(result: Mapping[str, Any]) -> dict[tuple[int, str], bool]:
    """Successes by scene and instruction."""
    return {(s["scene"], s["instruction"]): s["succeeded"] for s in result.get("scenes", [])}


def _mean(values: Sequence[float | None]) -> float | None:
    """The mean of those that are there, to two digits; None without one."""
    known = [value for value in values if value is not None]
    return round(float(np.mean(known)), 2) if known else None
