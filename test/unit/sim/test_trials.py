from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from groot_ros.sim.tasks import Task
from groot_ros.sim.trials import Trials, explain_failure, wilson_interval

CUBES = {"red": np.array([0.5, 0.0, 0.02]), "blue": np.array([0.4, 0.15, 0.02])}


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_rate_and_is_symmetric(case: tuple[int, int]) -> None:
    successes, count = case
    low, high = wilson_interval(successes, count)
    assert 0 <= low <= successes / count + 1e-12
    assert successes / count - 1e-12 <= high <= 1
    mirrored = wilson_interval(count - successes, count)
    assert mirrored == pytest.approx((1 - high, 1 - low))


def test_the_interval_of_a_known_case() -> None:
    # 45 of 50, from the tables of the score interval.
    assert wilson_interval(45, 50) == pytest.approx((0.786, 0.957), abs=1e-3)


def test_each_cube_has_its_turn_and_another_one_after_a_swap() -> None:
    trials = Trials("pick", cubes=("red", "blue"), swap_after_s=1.0)
    assert [trials.task(index).color for index in range(3)] == ["red", "blue", "red"]
    assert [trials.final_task(index).color for index in range(3)] == ["blue", "red", "blue"]


@pytest.mark.parametrize(
    ("kind", "place", "grip", "failure"),
    [
        ("pick", [0.6, 0.1], 0.9, "did not get to the cube"),
        ("pick", [0.5, 0.0], 0.1, "did not close the gripper"),
        ("pick", [0.5, 0.01], 0.9, "did not lift the cube"),
        ("pick", [0.4, 0.15], 0.9, "went to another cube"),
        ("reach", [0.5, 0.01], 0.0, "did not hold still above the cube"),
    ],
)
def test_failures_have_names(kind, place, grip, failure) -> None:
    positions = np.array([[0.45, 0.1, 0.3], [*place, 0.02]])
    grips = np.array([0.0, grip])
    assert explain_failure(Task(kind, "red"), CUBES, positions, grips) == failure
