"""A policy in closed loop with the simulated arm, over many scenes and without ROS."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np
import torch

from groot_ros.chunks.execution.strategies import AUTO
from groot_ros.demo.episode_trace import add_pictures, episode_trace
from groot_ros.demo.film import write_film
from groot_ros.demo.trial_record import write_trial
from groot_ros.policies.factory import PolicyChoice, make_policy
from groot_ros.robot.config import load_robot
from groot_ros.signals.signals import EE_POSE, GRIP
from groot_ros.sim.rollout import RolloutConfig, SimulatedEpisode, run_episode
from groot_ros.sim.simulation import SimConfig, Simulation
from groot_ros.sim.trials import EXECUTED_STEPS, Films, Outcome, Trials, explain_failure
from groot_ros.sim.world import WorldConfig
from groot_ros.timing.latency import Latency


@dataclass(frozen=True)
class Evaluation:
    """Which policy is tried in which scenes; films go to `films` if it says where."""

    policy: PolicyChoice
    trials: Trials
    executed_steps: int = EXECUTED_STEPS
    workers: int = 1
    films: Films = Films()
    latency: Latency = Latency()
    strategy: str = AUTO


def evaluate(evaluation: Evaluation) -> Iterator[Outcome]:
    """Run all trials, in order; UserError when the policy does not fit the simulated arm.

    The outcomes are the same for any number of workers.
    """
    count = evaluation.trials.count
    workers = min(evaluation.workers, count)
    if workers <= 1:
        # To begin another process takes longer than many a trial.
        with _one_thread(), closing(_Stage(evaluation)) as stage:
            yield from map(stage.run, range(count))
        return
    # An OpenGL context does not survive a fork.
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers, torch.set_num_threads, [1]) as pool:
        yield from pool.imap(partial(_run_trial, evaluation), range(count))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums over several threads differ in their last digits."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@cache
def _stage(evaluation: Evaluation) -> _Stage:
    """A process loads the policy once for all trials of an evaluation."""
    return _Stage(evaluation)


def _run_trial(evaluation: Evaluation, index: int) -> Outcome:
    return _stage(evaluation).run(index)


class _Stage:
    """A policy and a simulation for the trials of one process."""

    def __init__(self, evaluation: Evaluation) -> None:
        self._evaluation = evaluation
        self._policy = make_policy(evaluation.policy, load_robot("sim"))
        self._policy.open()
        world = WorldConfig(cubes=evaluation.trials.cubes)
        self._simulation = Simulation(SimConfig(world=world))

    def close(self) -> None:
        self._simulation.close()
        self._policy.close()

    def run(self, index: int) -> Outcome:
        evaluation, trials, simulation = (
            self._evaluation,
            self._evaluation.trials,
            self._simulation,
        )
        scene = trials.scene(index)
        simulation.reset(scene, trials.task(index))
        cubes = {color: simulation.cube_position(color) for color in trials.cubes}
        config = RolloutConfig(
            evaluation.executed_steps,
            time_limit_s=trials.time_limit_s,
            latency=evaluation.latency,
            strategy=evaluation.strategy,
        )
        episode = run_episode(self._policy, simulation, config, trials.change(index))
        trace = episode_trace(evaluation.policy.policy, episode)
        if film := evaluation.films.path(scene, episode.succeeded):
            add_pictures(trace, episode, simulation)
            # The page draws the chunks of the record over it.
            write_film(replace(trace, chunks=[]), film)
        if record := evaluation.films.record(scene):
            write_trial(trace, record)
        return Outcome(
            scene=scene,
            instruction=episode.instruction,
            succeeded=episode.succeeded,
            duration_s=episode.duration_s,
            failure="" if episode.succeeded else self._explain(episode, cubes, index),
            picture=simulation.render("exterior"),
            flips=trace.flips,
            jerk_m_s3=trace.jerk_m_s3,
        )

    def _explain(self, episode: SimulatedEpisode, cubes: dict[str, np.ndarray], index: int) -> str:
        seen = [moment.observation.signals for moment in episode.moments]
        positions = np.array([signals[EE_POSE.name][:3] for signals in seen])
        grips = np.array([signals[GRIP.name] for signals in seen])
        return explain_failure(self._evaluation.trials.final_task(index), cubes, positions, grips)
