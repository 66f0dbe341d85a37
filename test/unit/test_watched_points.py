"""Points of the arm and their boxes: bounds between values, refusals, projections."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groot_ros.chunks.limits.watched_points import PLANNED_M, WatchedPoints
from groot_ros.robot.config import load_robot
from groot_ros.robot.kinematics import watched_points
from groot_ros.robot.urdf import load_urdf

NAMES = ("sim", "ur5e", "so101")
ROBOTS = {name: load_robot(name) for name in NAMES}
RANGES = {
    name: (np.array(robot.limits.joint_lower), np.array(robot.limits.joint_upper))
    for name, robot in ROBOTS.items()
}
WATCHED = {
    name: WatchedPoints(watched_points(robot, load_urdf(robot.urdf)), robot.limits.points)
    for name, robot in ROBOTS.items()
}
# Bent over the table, every point inside.
UR5E = np.array([0.0, -1.57, 1.57, -1.57, -1.57, 0.0])
seeds = st.integers(0, 2**32 - 1)


def random_way(name: str, seed: int, step_rad: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    start = rng.uniform(*RANGES[name])
    return start + np.cumsum(rng.normal(size=(4, len(start))) * step_rad, axis=0)


@given(st.sampled_from(NAMES), seeds, st.floats(1e-4, 0.3))
@settings(max_examples=80)
def test_nothing_between_values_lies_farther_outside_than_is_said(name, seed, step_rad) -> None:
    watched, values = WATCHED[name], random_way(name, seed, step_rad)
    between = np.concatenate(
        [a + np.linspace(0, 1, 41)[:, None] * (b - a) for a, b in pairwise(values)]
    )
    truth = watched.beyond(between).max(axis=0)
    said = watched.depth(values).max(axis=0).reshape(-1, 6) + PLANNED_M
    assert np.all(said >= truth - 1e-12)
    # What is added is of second order in the steps.
    if step_rad < 0.01:
        assert np.all(said <= truth + 0.002)


@pytest.mark.parametrize("name", NAMES)
def test_small_excess_is_projected_into_the_boxes(name) -> None:
    watched, (lower, upper) = WATCHED[name], RANGES[name]
    joints = np.random.default_rng(0).uniform(lower, upper, (4000, len(lower)))
    deepest = watched.beyond(joints).max(axis=(1, 2))
    joints = joints[(deepest > 0) & (deepest < 0.02)]
    assert len(joints) > 50
    projected = watched.projected(joints, lower, upper)
    assert np.all(projected >= lower) and np.all(projected <= upper)
    assert np.abs(projected - joints).max() < 0.31
    # The few that cannot come inside near by are refused afterwards.
    assert np.mean(watched.beyond(projected).max(axis=(1, 2)) > 1e-5) < 0.05


def test_steps_inside_stay_as_they_are() -> None:
    steps = UR5E + np.linspace(0, 0.1, 5)[:, None] * np.eye(6)[0]
    watched, (lower, upper) = WATCHED["ur5e"], RANGES["ur5e"]
    np.testing.assert_array_equal(watched.projected(steps, lower, upper), steps)
    assert watched.refusal(steps, 0.02) is None
    assert np.all(watched.depth(steps) < -PLANNED_M)


def test_a_refusal_names_step_point_face_and_distance() -> None:
    # The shoulder leans forward until the fingertips, 0.32 m above the table, are below it.
    steps = UR5E + np.linspace(0, 1.0, 6)[:, None] * np.eye(6)[1]
    sentence = WATCHED["ur5e"].refusal(steps, 0.02)
    assert sentence is not None
    assert sentence.startswith("step ")
    assert "takes the point fingertips" in sentence
    assert "mm below z = 0 m (limits.points.fingertips)" in sentence


def test_a_way_out_is_told_with_what_is_allowed() -> None:
    watched = WATCHED["ur5e"]
    steps = UR5E + np.linspace(0, 1.0, 60)[:, None] * np.eye(6)[1]
    assert watched.excess(steps, np.full((4, 6), 1.0)) is None
    sentence = watched.excess(steps, np.zeros((4, 6)))
    assert sentence is not None and sentence.startswith("the point ")


@pytest.mark.parametrize("name", NAMES)
def test_depth_has_one_number_for_each_face(name) -> None:
    watched = WATCHED[name]
    values = random_way(name, 1, 0.01)
    assert watched.depth(values).shape == (3, 6 * len(watched.points))
    np.testing.assert_allclose(
        watched.depth(values[:1]).reshape(-1, 6), watched.beyond(values[0]) - PLANNED_M
    )
