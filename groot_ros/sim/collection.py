"""Many demonstrations of the scripted expert, recorded faster than real time and without ROS."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from groot_ros.data.episode_info import SUCCESS
from groot_ros.errors import UserError
from groot_ros.policies.perturbed import PerturbedPolicy
from groot_ros.policies.scripted import ScriptedPolicy
from groot_ros.sim.bag import BagOptions, record_episode
from groot_ros.sim.simulation import SimConfig, Simulation
from groot_ros.sim.starts import STARTS
from groot_ros.sim.tasks import Kind, Task
from groot_ros.sim.world import WorldConfig

# Every so many episodes begin as after a missed grasp.
AFTER_MISS_EVERY = 5
# An inference and a picture per step of the dataset.
OPTIONS = BagOptions(image_rate_hz=15.0, executed_steps=1, compress=True)


@dataclass(frozen=True)
class Collection:
    """What to record; episode i shows the scene of `seed` + i and, in turn, each cube."""

    kind: Kind
    episodes: int
    output: Path
    cubes: tuple[str, ...] = ("red",)
    seed: int = 1000
    workers: int = 1

    def scene(self, index: int) -> int:
        """Seed of an episode's scene."""
        return self.seed + index

    def name(self, index: int) -> Path:
        """The bag of an episode."""
        return self.output / f"{self.kind}_{self.scene(index):05d}"

    def task(self, index: int) -> Task:
        """What an episode shows."""
        # The turn of the colors moves on with each after-miss start, so every color gets some.
        turn = index + index // AFTER_MISS_EVERY
        return Task(self.kind, self.cubes[turn % len(self.cubes)])

    def start(self, index: int) -> str:
        """How an episode begins, one of `STARTS`."""
        return "after_miss" if index % AFTER_MISS_EVERY == AFTER_MISS_EVERY - 1 else "random"

    def make_folder(self) -> None:
        """Make an empty folder for the bags; UserError when something is in it."""
        if self.episodes < 1:
            raise UserError(f"episodes is {self.episodes}, expected 1 or more")
        if self.output.exists() and any(self.output.iterdir()):
            raise UserError(f"{self.output} is not empty: name another folder")
        self.output.mkdir(parents=True, exist_ok=True)


def collect(collection: Collection) -> Iterator[bool]:
    """Record all episodes, in order; whether each succeeded.

    UserError when the folder is not empty.
    """
    collection.make_folder()
    # An OpenGL context does not survive a fork.
    context = multiprocessing.get_context("spawn")
    with context.Pool(max(1, min(collection.workers, collection.episodes))) as pool:
        yield from pool.imap(partial(_record, collection), range(collection.episodes))


@cache
def _simulation(cubes: tuple[str, ...]) -> Simulation:
    """A process makes one for all its episodes."""
    return Simulation(SimConfig(world=WorldConfig(cubes=cubes)))


def _record(collection: Collection, index: int) -> bool:
    simulation, seed = _simulation(collection.cubes), collection.scene(index)
    simulation.reset(seed, collection.task(index), STARTS[collection.start(index)])
    policy = PerturbedPolicy(ScriptedPolicy(), seed)
    info = record_episode(collection.name(index), policy, simulation, OPTIONS)
    return info.outcome == SUCCESS
