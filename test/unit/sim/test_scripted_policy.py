"""The expert: does its tasks by sight, recovers, says what it needs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from groot_ros.errors import UserError
from groot_ros.observation.types import Observation
from groot_ros.signals.signals import Signals
from groot_ros.sim.expert import FAST_M_S, HORIZON, LIFT_M_S, STEP_S, ScriptedPolicy
from groot_ros.sim.perturbed import Disturbance, PerturbedPolicy
from groot_ros.sim.rollout import RolloutConfig, observe, run_episode
from groot_ros.sim.simulation import SimConfig, Simulation
from groot_ros.sim.starts import after_miss_start, random_start
from groot_ros.sim.tasks import Task
from groot_ros.sim.world import WorldConfig

PICK, REACH = Task("pick"), Task("reach")


@pytest.fixture(scope="module")
def simulation():
    simulation = Simulation(SimConfig(WorldConfig(cubes=("red", "blue"))))
    yield simulation
    simulation.close()


@pytest.fixture
def observation(simulation):
    simulation.reset(0, PICK)
    return observe(simulation, PICK.instruction)


@pytest.mark.parametrize("seed", range(100, 106))
@pytest.mark.parametrize(
    ("task", "start"),
    [
        (PICK, random_start),
        (Task("pick", "blue"), random_start),
        (PICK, after_miss_start),
        (REACH, random_start),
    ],
)
def test_expert_does_its_task(simulation, seed, task, start) -> None:
    simulation.reset(seed, task, start)
    episode = run_episode(ScriptedPolicy(), simulation)
    assert episode.succeeded
    assert 1.0 < episode.duration_s < 8.0


def test_other_cube_is_left_alone(simulation) -> None:
    simulation.reset(101, Task("pick", "blue"))
    before = simulation.cube_position("red")
    run_episode(ScriptedPolicy(), simulation)
    np.testing.assert_allclose(simulation.cube_position("red"), before, atol=0.002)


def test_expert_recovers_from_disturbances(simulation) -> None:
    outcomes = []
    for seed in range(4):
        simulation.reset(seed, PICK)
        policy = PerturbedPolicy(ScriptedPolicy(), seed)
        config = RolloutConfig(executed_steps=2, time_limit_s=20.0)
        outcomes.append(run_episode(policy, simulation, config).succeeded)
    assert all(outcomes)


def test_a_missed_grasp_is_noticed_and_repeated(simulation) -> None:
    """The expert is told a wrong place until it has closed on nothing there."""
    simulation.reset(102, PICK)
    closures = []

    def locate(observation: Observation, color: str) -> np.ndarray:
        closures.append(observation.signals["grip"])
        missed = max(closures) > 0.65
        return simulation.cube_position(color) + [0.0, 0.0 if missed else 0.09, 0.0]

    episode = run_episode(ScriptedPolicy(locate), simulation)
    assert max(closures) > 0.65
    assert episode.succeeded


def test_chunk_is_a_slow_smooth_way(observation) -> None:
    chunk = ScriptedPolicy().predict(observation)
    assert len(chunk) == HORIZON and chunk.stamp_ns == observation.stamp_ns
    way = np.vstack([observation.signals["ee_pose"][:3], chunk.signals["ee_pose"][:, :3]])
    steps = np.linalg.norm(np.diff(way, axis=0), axis=1)
    assert steps.max() <= max(FAST_M_S, LIFT_M_S) * STEP_S + 1e-9
    assert set(np.unique(chunk.signals["grip"])) <= {0.0, 1.0}


def test_without_a_cube_in_sight_the_hand_rises_open(observation) -> None:
    low = observation.signals["ee_pose"].copy()
    low[2] = 0.05
    blank = {camera: np.full_like(picture, 128) for camera, picture in observation.images.items()}
    chunk = ScriptedPolicy().predict(
        replace(observation.replaced({"ee_pose": low, "grip": np.array(1.0)}), images=blank)
    )
    assert chunk.signals["ee_pose"][-1, 2] > 0.15
    np.testing.assert_allclose(chunk.signals["ee_pose"][:, :2], np.tile(low[:2], (HORIZON, 1)))
    assert np.all(chunk.signals["grip"] == 0.0)


def test_a_cube_in_the_hand_is_kept_for_pick_and_dropped_for_reach(observation) -> None:
    held = observation.replaced({"grip": np.array(0.5)})
    chunk = ScriptedPolicy().predict(held)
    assert np.all(chunk.signals["grip"] == 1.0)
    np.testing.assert_allclose(
        chunk.signals["ee_pose"][-1, :2], observation.signals["ee_pose"][:2]
    )
    chunk = ScriptedPolicy().predict(replace(held, instruction=REACH.instruction))
    assert np.all(chunk.signals["grip"] == 0.0)


def test_what_is_missing_is_said(observation) -> None:
    with pytest.raises(UserError, match="ee_pose and grip"):
        ScriptedPolicy().predict(replace(observation, signals=Signals()))
    with pytest.raises(UserError, match="no task"):
        ScriptedPolicy().reset("fold the towel")


def test_pushes_come_and_go_at_the_same_times_in_every_chunk(observation) -> None:
    policy = PerturbedPolicy(ScriptedPolicy(), 3, Disturbance(probability=0.3))
    policy.reset(PICK.instruction)
    pushed = policy.predict(observation)
    push = pushed.signals["ee_pose"] - policy.clean.signals["ee_pose"]
    assert np.all(push[:, 3:] == 0.0)
    is_pushed = np.any(push[:, :3] != 0.0, axis=1)
    assert 0 < is_pushed.sum() < HORIZON

    steps = 4
    later = replace(observation, stamp_ns=pushed.stamp_ns + steps * pushed.step_ns)
    again = policy.predict(later).signals["ee_pose"] - policy.clean.signals["ee_pose"]
    np.testing.assert_allclose(again[:-steps], push[steps:], atol=1e-12)
