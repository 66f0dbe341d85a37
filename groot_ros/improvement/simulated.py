"""The simulated arm, corrected by the scripted expert and judged by the simulator."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groot_ros.chunks.execution.strategies import AUTO
from groot_ros.data.conversion.outcome import Report
from groot_ros.data.conversion.settings import Conversion
from groot_ros.files.part import part_path
from groot_ros.improvement.learned import add_corrections
from groot_ros.improvement.scenes import Scenes
from groot_ros.improvement.state import Round
from groot_ros.policies.factory import PolicyChoice, make_policy
from groot_ros.policies.tried import checkpoint_choice, chosen_strategy, executed_steps
from groot_ros.robot.config import load_robot
from groot_ros.sim.collection import Collection, collect
from groot_ros.sim.correction import record_correction
from groot_ros.sim.rollout import RolloutConfig
from groot_ros.sim.simulation import SimConfig, Simulation
from groot_ros.sim.tasks import Task
from groot_ros.sim.world import WorldConfig
from groot_ros.training.closed_loop import Evaluation, evaluate

# Other scenes than those of demonstrations and evaluations, other ones in every round.
FIRST_SCENE, ROUND_SCENES = 200_000, 10_000
# With a policy that seldom fails a round ends after so many scenes for a correction.
SCENES_PER_CORRECTION = 5
TIME_LIMIT_S = 20.0


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """A `Site` without a person; `wanted` corrections a round, which `convert_bags` converts."""

    scenes: Scenes
    wanted: int
    conversion: Conversion
    convert_bags: Callable[[Conversion], Report]
    workers: int = 1
    show: Callable[[Iterable[Any], str, int], Iterator[Any]]

    def correct(self, number: int, progress: Round, bags: Path, done: Callable[[], None]) -> None:
        """Try scene after scene until the expert has corrected enough of them with success."""
        steps = self.show(self._corrected(number, progress, bags, done), "correcting", self.wanted)
        for _ in steps:
            pass

    def _corrected(
        self, number: int, progress: Round, bags: Path, done: Callable[[], None]
    ) -> Iterator[None]:
        scenes = self.scenes
        choice, config = self._policy(progress.checkpoint)
        world = WorldConfig(cubes=scenes.cubes)
        policy = make_policy(choice, load_robot("sim"))
        policy.open()
        with closing(policy), closing(Simulation(SimConfig(world=world))) as simulation:
            while (
                progress.corrections < self.wanted
                and progress.scenes < SCENES_PER_CORRECTION * self.wanted
            ):
                index = progress.scenes
                task = Task(scenes.task, scenes.cubes[index % len(scenes.cubes)])
                simulation.reset(FIRST_SCENE + ROUND_SCENES * number + index, task)
                path = bags / f"scene_{index:04d}"
                for left in (path, part_path(path)):
                    shutil.rmtree(left, ignore_errors=True)
                correction = record_correction(
                    path, policy, simulation, config, patience_s=scenes.patience_s
                )
                progress.scenes += 1
                # Of the others nothing is to be learned.
                counts = correction.is_corrected and correction.succeeded
                progress.corrections += counts
                done()
                if counts:
                    yield

    def _policy(self, checkpoint: str) -> tuple[PolicyChoice, RolloutConfig]:
        scenes = self.scenes
        choice = checkpoint_choice(Path(checkpoint))
        strategy = chosen_strategy(AUTO, choice)
        steps = executed_steps(choice, strategy, scenes.executed_steps)
        return choice, RolloutConfig(steps, TIME_LIMIT_S, strategy=strategy)

    def convert(self, bags: Path, dataset: Path) -> int:
        """Add the expert's part of the episodes that ended well."""
        return add_corrections(self.conversion, self.convert_bags, bags, dataset)

    def judge(self, number: int, progress: Round, before: list[bool], folder: Path) -> None:
        """Try both in the scenes of the comparison."""
        before = before or self._tried(progress.checkpoint)
        progress.after = self._tried(progress.candidate)
        progress.before = before

    def _tried(self, checkpoint: str) -> list[bool]:
        choice, config = self._policy(checkpoint)
        trials = self.scenes.trials
        evaluation = Evaluation(
            choice, trials, config.executed_steps, self.workers, strategy=config.strategy
        )
        tried = self.show(evaluate(evaluation), "trying", trials.count)
        return [outcome.succeeded for outcome in tried]


class Demonstrated(Simulated):
    """Rounds with whole demonstrations in place of corrections."""

    def correct(self, number: int, progress: Round, bags: Path, done: Callable[[], None]) -> None:
        """Record new demonstrations; those of an interrupted round are recorded again."""
        shutil.rmtree(bags, ignore_errors=True)
        scenes = self.scenes
        collection = Collection(
            kind=scenes.task,
            episodes=self.wanted,
            output=bags,
            cubes=scenes.cubes,
            seed=FIRST_SCENE + ROUND_SCENES * number,
            workers=self.workers,
        )
        for _ in self.show(collect(collection), "demonstrating", self.wanted):
            pass
        progress.scenes = progress.corrections = self.wanted
        done()
