"""Many demonstrations of the scripted expert, recorded faster than real time and without ROS."""

from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cache, cached_property, partial
from itertools import count
from pathlib import Path

import numpy as np

from groot_ros.data.bags.episode_info import SUCCESS, EpisodeInfo
from groot_ros.data.bags.metadata import read_metadata
from groot_ros.errors import UserError
from groot_ros.files.part import part_path
from groot_ros.sim.bag import BagOptions, record_episode
from groot_ros.sim.expert import ScriptedPolicy
from groot_ros.sim.perturbed import PerturbedPolicy
from groot_ros.sim.scene import CUBE_AREA, check_cubes
from groot_ros.sim.simulation import SimConfig, Simulation
from groot_ros.sim.starts import STARTS, draw_cubes
from groot_ros.sim.tasks import Kind, Task
from groot_ros.sim.world import WorldConfig

# Every so many scenes begin as after a missed grasp.
AFTER_MISS_EVERY = 5
# In every so many scenes the cubes lie anywhere.
ANYWHERE_EVERY = 3
# An inference and a picture per step of the dataset.
OPTIONS = BagOptions(image_rate_hz=15.0, executed_steps=1, compress=True)


@dataclass(frozen=True)
class Collection:
    """What to record: scenes from `seed` on, each of them once for every cube.

    Scenes that differ in nothing but the instruction teach that it matters. In two of three the
    cubes lie in strips of the table from left to right, in the order of their names: where sides
    and colors have nothing to do with each other, an instruction alone tells nothing, and a
    network from nothing learns to ignore it before it can see the cubes.
    """

    kind: Kind
    episodes: int
    output: Path
    cubes: tuple[str, ...] = ("red",)
    seed: int = 1000
    workers: int = 1
    resume: bool = False
    """Whether the folder may hold episodes of the same collection, which stay."""

    def __post_init__(self) -> None:
        check_cubes(self.cubes)

    @cached_property
    def _scenes(self) -> list[int]:
        scenes: list[int] = []
        candidates = count(self.seed)
        while len(scenes) * len(self.cubes) < self.episodes:
            scene = next(candidates)
            if len(scenes) % ANYWHERE_EVERY == 0 or self._lie_in_strips(scene):
                scenes.append(scene)
        return scenes

    def _lie_in_strips(self, scene: int) -> bool:
        left_m = draw_cubes(np.random.default_rng(scene), len(self.cubes))[:, 1]
        borders_m = np.linspace(CUBE_AREA.upper[1], CUBE_AREA.lower[1], len(self.cubes) + 1)
        return bool(np.all((left_m <= borders_m[:-1]) & (left_m >= borders_m[1:])))

    def scene(self, index: int) -> int:
        """Seed of an episode's scene."""
        return self._scenes[index // len(self.cubes)]

    def name(self, index: int) -> Path:
        """The bag of an episode."""
        return self.output / f"{self.kind}_{self.scene(index):05d}_{self.task(index).color}"

    def task(self, index: int) -> Task:
        """What an episode shows."""
        return Task(self.kind, self.cubes[index % len(self.cubes)])

    def start(self, index: int) -> str:
        """How an episode begins, one of `STARTS`."""
        turn = index // len(self.cubes) % AFTER_MISS_EVERY
        if turn == AFTER_MISS_EVERY - 1:
            return "after_miss"
        # A hand on its way tells where to; only above a cube that may be the wrong one, the
        # instruction is needed.
        return "random" if len(self.cubes) == 1 or turn == 0 else "above"

    def make_folder(self) -> None:
        """Make a folder for the bags; UserError when something is in it that is not resumed."""
        if self.episodes < 1:
            raise UserError(f"episodes is {self.episodes}, expected 1 or more")
        if not self.resume and self.output.exists() and any(self.output.iterdir()):
            raise UserError(
                f"{self.output} is not empty: name another folder, or, with --via inprocess, go "
                "on with an interrupted collection by --resume"
            )
        self.output.mkdir(parents=True, exist_ok=True)


def collect(collection: Collection) -> Iterator[bool]:
    """Record all episodes, in order; whether each succeeded.

    UserError when the folder is not empty.
    """
    collection.make_folder()
    workers = min(collection.workers, collection.episodes)
    if workers <= 1:
        # To begin another process takes longer than an episode.
        with closing(_made(collection.cubes)) as simulation:
            for index in range(collection.episodes):
                yield _record(collection, simulation, index)
        return
    # An OpenGL context does not survive a fork.
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers) as pool:
        yield from pool.imap(partial(_record_beside, collection), range(collection.episodes))


def _made(cubes: tuple[str, ...]) -> Simulation:
    return Simulation(SimConfig(world=WorldConfig(cubes=cubes)))


@cache
def _simulation(cubes: tuple[str, ...]) -> Simulation:
    """A process of the pool makes one for all its episodes."""
    return _made(cubes)


def _record_beside(collection: Collection, index: int) -> bool:
    return _record(collection, _simulation(collection.cubes), index)


def _record(collection: Collection, simulation: Simulation, index: int) -> bool:
    if collection.resume and (outcome := _recorded(collection, index)):
        return outcome == SUCCESS
    scene = collection.scene(index)
    simulation.reset(scene, collection.task(index), STARTS[collection.start(index)])
    policy = PerturbedPolicy(ScriptedPolicy(), collection.seed + index)
    info = record_episode(collection.name(index), policy, simulation, OPTIONS)
    return info.outcome == SUCCESS


def _recorded(collection: Collection, index: int) -> str:
    """The outcome of an episode that is whole; empty, with its remains removed, for others.

    UserError for a bag of another task.
    """
    path = collection.name(index)
    shutil.rmtree(part_path(path), ignore_errors=True)
    if not path.exists():
        return ""
    info = EpisodeInfo.from_custom_data(read_metadata(path).get("custom_data"))
    if info is None or info.instruction != collection.task(index).instruction:
        raise UserError(f"{path} is of another task: name another folder")
    return info.outcome
