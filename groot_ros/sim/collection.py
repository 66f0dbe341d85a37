"""Many demonstrations of the scripted expert, recorded faster than real time and without ROS."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from groot_ros.data.episode_info import SUCCESS
from groot_ros.errors import UserError
from groot_ros.policies.perturbed import PerturbedPolicy
from groot_ros.policies.scripted import ScriptedPolicy
from groot_ros.sim.bag import BagOptions, record_episode
from groot_ros.sim.simulation import SimConfig, Simulation
from groot_ros.sim.starts import after_miss_start, random_start
from groot_ros.sim.tasks import Kind, Task
from groot_ros.sim.world import WorldConfig

# Every so many episodes begin as after a missed grasp.
AFTER_MISS_EVERY = 5
# An inference and a picture per step of the dataset.
OPTIONS = BagOptions(image_rate_hz=15.0, executed_steps=1, compress=True)


@dataclass(frozen=True)
class Collection:
    """What to record; episode i shows the scene of `seed` + i and, in turn, each cube."""

    task: Kind
    episodes: int
    output: Path
    cubes: tuple[str, ...] = ("red",)
    seed: int = 1000
    workers: int = 1

    def name(self, index: int) -> Path:
        """The bag of an episode."""
        return self.output / f"{self.task}_{self.seed + index:05d}"


def collect(collection: Collection) -> list[bool]:
    """Record all episodes; whether each succeeded. UserError when the folder is not empty."""
    if collection.episodes < 1:
        raise UserError(f"episodes is {collection.episodes}, expected 1 or more")
    if collection.output.exists() and any(collection.output.iterdir()):
        raise UserError(f"{collection.output} is not empty: name another folder")
    collection.output.mkdir(parents=True, exist_ok=True)
    workers = max(1, min(collection.workers, collection.episodes))
    shares = [range(first, collection.episodes, workers) for first in range(workers)]
    if workers == 1:
        return list(_record(collection, shares[0]))
    # An OpenGL context does not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        parts = list(pool.map(_record_all, [collection] * workers, shares))
    return [outcome for part in parts for outcome in part]


def _record_all(collection: Collection, indices: range) -> list[bool]:
    return list(_record(collection, indices))


def _record(collection: Collection, indices: range) -> Iterator[bool]:
    simulation = Simulation(SimConfig(world=WorldConfig(cubes=collection.cubes)))
    for index in indices:
        seed = collection.seed + index
        # The turn of the colors moves on with each after-miss start, so every color gets some.
        turn = index + index // AFTER_MISS_EVERY
        task = Task(collection.task, collection.cubes[turn % len(collection.cubes)])
        is_last = index % AFTER_MISS_EVERY == AFTER_MISS_EVERY - 1
        simulation.reset(seed, task, after_miss_start if is_last else random_start)
        policy = PerturbedPolicy(ScriptedPolicy(), seed)
        info = record_episode(collection.name(index), policy, simulation, OPTIONS)
        yield info.outcome == SUCCESS
    simulation.close()
