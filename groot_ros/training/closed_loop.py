"""A checkpoint in closed loop with the simulated arm, over many scenes."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np

from groot_ros.codecs.catalog import find_variant
from groot_ros.errors import UserError
from groot_ros.model.folder import CheckpointFolder
from groot_ros.policies.checkpoint_folder import find_checkpoint
from groot_ros.policies.local import LocalPolicy, LocalPolicyConfig
from groot_ros.robot import load_robot
from groot_ros.sim.rollout import Episode, RolloutConfig, run_episode
from groot_ros.sim.simulation import SimConfig, Simulation
from groot_ros.sim.tasks import Kind, Task
from groot_ros.sim.world import WorldConfig

# Quantile of the normal distribution for intervals of 95 %.
Z_95 = 1.959964
NEAR_M = 0.03
# Other than the scenes of demonstrations and those that recipes were chosen with.
FIRST_SCENE = 50_000


@dataclass(frozen=True)
class Evaluation:
    """What to run: episode i is the scene `seed` + i, asked for each cube in turn."""

    checkpoint: Path
    task: Kind
    episodes: int = 50
    seed: int = FIRST_SCENE
    cubes: tuple[str, ...] = ("red",)
    executed_steps: int = 4
    time_limit_s: float = 15.0
    workers: int = 1


@dataclass(frozen=True)
class Outcome:
    """One episode: when it succeeded, and why not otherwise."""

    scene: int
    succeeded: bool
    duration_s: float
    failure: str = ""


def wilson_interval(successes: int, count: int) -> tuple[float, float]:
    """95 % interval of a success rate (Wilson 1927), in [0, 1]."""
    share, z2 = successes / count, Z_95 * Z_95
    center = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = Z_95 / (1 + z2 / count) * sqrt(share * (1 - share) / count + z2 / (4 * count * count))
    return max(0.0, center - half), min(1.0, center + half)


def evaluate(evaluation: Evaluation) -> list[Outcome]:
    """Run all episodes; UserError when the checkpoint does not fit the simulated arm."""
    if evaluation.episodes < 1:
        raise UserError(f"episodes is {evaluation.episodes}, expected 1 or more")
    checkpoint_variant(evaluation.checkpoint)
    workers = max(1, min(evaluation.workers, evaluation.episodes))
    shares = [range(first, evaluation.episodes, workers) for first in range(workers)]
    if workers == 1:
        return list(_run(evaluation, shares[0]))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        parts = list(pool.map(_run_all, [evaluation] * workers, shares))
    return sorted((o for part in parts for o in part), key=lambda outcome: outcome.scene)


def checkpoint_variant(folder: Path) -> str:
    """The variant that a checkpoint of ours was trained as; UserError for others."""
    metadata = CheckpointFolder(find_checkpoint(str(folder), "")).metadata
    if "variant" not in metadata:
        raise UserError(
            f"{folder} has no groot_ros.json that names its variant: evaluate a checkpoint of "
            "groot-ros train"
        )
    return str(metadata["variant"])


def _run_all(evaluation: Evaluation, indices: range) -> list[Outcome]:
    return list(_run(evaluation, indices))


def _run(evaluation: Evaluation, indices: range) -> Iterator[Outcome]:
    variant = find_variant(checkpoint_variant(evaluation.checkpoint))
    policy = LocalPolicy(LocalPolicyConfig(str(evaluation.checkpoint)), variant, load_robot("sim"))
    policy.open()
    cubes = evaluation.cubes
    simulation = Simulation(SimConfig(world=WorldConfig(cubes=cubes)))
    options = RolloutConfig(evaluation.executed_steps, time_limit_s=evaluation.time_limit_s)
    for index in indices:
        scene = evaluation.seed + index
        simulation.reset(scene, Task(evaluation.task, cubes[index % len(cubes)]))
        cube = simulation.cube_position(simulation.task.color)
        episode = run_episode(policy, simulation, options)
        failure = "" if episode.succeeded else _failure(episode, cube, evaluation.task)
        yield Outcome(scene, episode.succeeded, episode.duration_s, failure)
    simulation.close()
    policy.close()


def _failure(episode: Episode, cube: np.ndarray, task: Kind) -> str:
    observations = [moment.observation for moment in episode.moments]
    distances = [
        float(np.linalg.norm(observation.ee_pose[:2] - cube[:2]))
        for observation in observations
        if observation.ee_pose is not None
    ]
    if min(distances) > NEAR_M:
        return "did not get to the cube"
    if task == "pick" and max(o.grip for o in observations if o.grip is not None) < 0.3:
        return "did not close the gripper"
    return "did not hold still above the cube" if task == "reach" else "did not lift the cube"


def report(evaluation: Evaluation, outcomes: list[Outcome]) -> dict[str, Any]:
    """Numbers of an evaluation."""
    successes = [outcome for outcome in outcomes if outcome.succeeded]
    interval = wilson_interval(len(successes), len(outcomes))
    times_s = [outcome.duration_s for outcome in successes]
    return {
        "variant": checkpoint_variant(evaluation.checkpoint),
        "task": evaluation.task,
        "successes": len(successes),
        "episodes": len(outcomes),
        "interval": [round(bound, 3) for bound in interval],
        "mean_time_s": round(float(np.mean(times_s)), 2) if times_s else None,
        "executed_steps": evaluation.executed_steps,
        "failures": dict(Counter(o.failure for o in outcomes if not o.succeeded)),
        "failed_scenes": [outcome.scene for outcome in outcomes if not outcome.succeeded],
    }
