"""No command leaves the limits: the governor alone, and all chunks against the executor."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groot_ros.benchmarks.safety import LimitTrial, measure
from groot_ros.chunks.limits.bounds import Bounds
from groot_ros.chunks.limits.governor import Governor, Step
from groot_ros.geometry import rotvec_to_quat
from groot_ros.robot.config import load_robot
from groot_ros.robot.limits import Limits
from groot_ros.signals import kinds

PERIOD_S = 0.01
POSE = Limits(
    workspace_min=(0.0, -0.5, 0.0),
    workspace_max=(0.6, 0.5, 0.6),
    linear_velocity=0.5,
    angular_velocity=1.5,
    linear_acceleration=2.0,
    angular_acceleration=6.0,
    linear_deceleration=3.0,
)
JERKY = Limits(**{**POSE.__dict__, "linear_jerk": 100.0, "angular_jerk": 400.0})
JOINTS = Limits(
    joint_lower=(-1.0, -0.5),
    joint_upper=(1.0, 0.5),
    joint_velocity=(1.0, 2.0),
    joint_acceleration=(5.0, 5.0),
    joint_deceleration=(3.0, 8.0),
)
START = np.array([0.3, 0.0, 0.3, 1.0, 0.0, 0.0, 0.0])


def pose(place: np.ndarray, turn: np.ndarray) -> np.ndarray:
    return np.concatenate([place, rotvec_to_quat(turn)])


def wild_path(seed: int) -> list[np.ndarray]:
    """Poses that nobody could follow: jumps, far outside, standing still, at any speed."""
    rng = np.random.default_rng(seed)
    places, turns, path = START[:3], np.zeros(3), []
    for _ in range(6):
        speed = rng.normal(size=3) * rng.choice([0.0, 0.001, 0.01, 0.3])
        spin = rng.normal(size=3) * rng.choice([0.0, 0.01, 0.3])
        for _ in range(int(rng.integers(5, 40))):
            places, turns = places + speed, turns + spin
            path.append(pose(places, turns))
    return path


@pytest.mark.parametrize("limits", [POSE, JERKY], ids=["acceleration", "jerk"])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_whatever_is_wanted_the_commands_keep_to_the_limits(limits: Limits, seed: int) -> None:
    bounds = Bounds.of(limits, kinds.POSE)
    governor = Governor(bounds, PERIOD_S)
    governor.start(START)
    values = [governor.step(lambda share, w=wanted: w).value for wanted in wild_path(seed)]
    found = measure(bounds, np.array(values), PERIOD_S)
    assert found.is_safe, found


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), outside=st.floats(0.0, 0.2))
def test_joints_outside_come_back_and_never_go_further(seed: int, outside: float) -> None:
    rng = np.random.default_rng(seed)
    bounds = Bounds.of(JOINTS, kinds.JOINTS)
    governor = Governor(bounds, PERIOD_S)
    governor.start(np.array([1.0 + outside, 0.0]))
    values = []
    for _ in range(8):
        goal = rng.uniform(-1.5, 1.5, 2)
        here = governor.value.copy()
        for step in np.linspace(0.0, 1.0, 20)[1:]:
            wanted = here + step * (goal - here)
            values.append(governor.step(lambda share, w=wanted: w).value)
    found = measure(bounds, np.array(values), PERIOD_S)
    assert found.is_safe, found
    assert np.diff(np.maximum(np.array(values)[:, 0], 1.0)).max() <= 1e-9


def followed(governor: Governor, way: np.ndarray, steps: int) -> list[Step]:
    """Steps along a straight line , `way` further with each period, while it is followed."""
    start, at, done = governor.value.copy(), 0.0, []
    for _ in range(steps):
        done.append(governor.step(lambda share, a=at: start + (a + share) * way))
        at += done[-1].share
    return done


def test_it_slows_along_the_path_before_it_leaves_it() -> None:
    governor = Governor(Bounds.of(POSE, kinds.POSE), PERIOD_S)
    governor.start(START)
    # Always 1.2 times as fast as allowed.
    for step in followed(governor, 0.006 * np.eye(7)[1], 40):
        assert not step.left_path
        np.testing.assert_allclose(step.value[[0, 2]], START[[0, 2]], atol=1e-12)
    assert np.linalg.norm(governor.velocity) == pytest.approx(0.5, rel=0.05)


def test_it_stops_at_a_border_that_the_path_does_not_know() -> None:
    governor = Governor(Bounds.of(POSE, kinds.POSE), PERIOD_S)
    governor.start(START)
    steps = followed(governor, -0.004 * np.eye(7)[2], 200)
    lowest = min(step.value[2] for step in steps)
    assert -1e-5 <= lowest < 0.02
    assert any(step.is_intervention for step in steps)


class Wall:
    """The sum of the joints stays below 0.2."""

    def depth(self, values: np.ndarray) -> np.ndarray:
        beyond = values.sum(axis=1, keepdims=True) - 0.2
        return beyond if len(beyond) == 1 else np.maximum(beyond[1:], beyond[:-1])


def test_it_stops_rather_than_pass_a_constraint() -> None:
    governor = Governor(Bounds.of(JOINTS, kinds.JOINTS), PERIOD_S)
    governor.watch((Wall(),))
    governor.start(np.zeros(2))
    sums = [step.value.sum() for step in followed(governor, np.full(2, 0.003), 200)]
    assert 0.15 < max(sums) <= 0.2 + 1e-9


@pytest.mark.parametrize("robot", ["franka", "so101", "ur5e", "sim"])
def test_chunks_of_every_kind_stops_and_delays_against_a_robot_file(robot: str) -> None:
    config = load_robot(robot)
    joints = config.observations.joint_position
    assert joints
    period_s = 1.0 / config.output.rate_hz
    trial = LimitTrial(
        config.limits,
        config.output.commanded,
        len(joints.joints),
        period_s,
        seed=7,
        interpolated=config.output.interpolated,
    )
    found = trial.run(600)
    assert found.is_safe, found
    assert found.commands >= 600
