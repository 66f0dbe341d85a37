"""What is found odd about an episode, and what is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from groot_ros.data.datasets.writer import ACTION, STATE
from groot_ros.viewer.measures import Anomaly, Numbers, dimensionless_jerk, measure_episode

FPS = 15.0
TIMES_S = np.arange(120) / FPS
PAIRS = [(slice(0, 2), slice(0, 2))]


def path(times_s: np.ndarray) -> np.ndarray:
    return np.column_stack([np.sin(times_s), 0.5 * np.cos(1.3 * times_s)])


def numbers(label: str, values: np.ndarray) -> Numbers:
    statistics = {
        "min": values.min(axis=0),
        "max": values.max(axis=0),
        "q01": np.quantile(values, 0.01, axis=0),
        "q99": np.quantile(values, 0.99, axis=0),
    }
    return Numbers(label=label, names=["x", "y"], values=values, statistics=statistics)


def measure(state: np.ndarray, action: np.ndarray) -> tuple[list[Anomaly], dict[str, Any]]:
    columns = {STATE: numbers("state", state), ACTION: numbers("action", action)}
    return measure_episode(columns, PAIRS, FPS)


@given(st.floats(0.0, 0.45))
def test_the_lag_of_labels_is_found_and_is_no_fault(lag_s: float) -> None:
    found, measures = measure(path(TIMES_S - lag_s), path(TIMES_S))
    assert measures["lag_s"] == pytest.approx(lag_s, abs=0.01)
    assert found == []


@pytest.mark.parametrize("lag_s", [-0.4, 0.8])
def test_labels_behind_or_far_ahead_are_named(lag_s: float) -> None:
    found, measures = measure(path(TIMES_S - lag_s), path(TIMES_S))
    assert measures["lag_s"] == pytest.approx(lag_s, abs=0.02)
    assert [finding.kind for finding in found] == ["lag"]


def test_stillness_is_found_where_it_is() -> None:
    state = path(np.clip(TIMES_S, 2.0, 6.0))
    found, _ = measure(state, path(np.clip(TIMES_S + 0.1, 2.0, 6.0)))
    first, last = [finding for finding in found if finding.kind == "still"]
    assert (first.first_s, last.last_s) == (0.0, 8.0)
    assert first.last_s == pytest.approx(2.0, abs=0.1)
    assert last.first_s == pytest.approx(6.0, abs=0.2)


def test_a_glitch_is_a_jump_and_a_fast_start_is_none() -> None:
    action = path(TIMES_S)
    action[60, 0] += 1.0
    found, _ = measure(path(TIMES_S), action)
    [jump] = [finding for finding in found if finding.kind == "jump"]
    assert jump.first_s == pytest.approx(59 / FPS) and "action x" in jump.text
    fast = path(2 - 2 * np.exp(-3 * np.clip(TIMES_S - 2, 0, None)))
    assert [f for f in measure(fast, fast)[0] if f.kind == "jump"] == []


def test_a_gripper_may_jump() -> None:
    closes = np.column_stack([TIMES_S, TIMES_S > 4.0]).astype(float)
    assert [f for f in measure(closes, closes)[0] if f.kind == "jump"] == []


def test_outliers_and_nan_are_named() -> None:
    state = path(TIMES_S)
    columns = {STATE: numbers("state", state.copy())}
    columns[STATE].values[30, 1] = 90.0
    columns[STATE].values[40, 0] = np.nan
    found, measures = measure_episode(columns, [], FPS)
    assert [f.text for f in found if f.kind == "outlier"] == [
        "state x is not finite in 1 rows",
        "state y lies far outside all others in 1 rows",
    ]
    assert measures == {"lag_s": None, "jerk": None}


@given(st.floats(0.1, 100.0))
def test_jerk_has_no_unit(scale: float) -> None:
    smooth = dimensionless_jerk(numbers("action", scale * path(TIMES_S)))
    rough = path(TIMES_S) + 0.01 * np.random.default_rng(0).normal(size=(120, 2))
    jerky = dimensionless_jerk(numbers("action", scale * rough))
    assert smooth is not None and jerky is not None
    assert smooth == dimensionless_jerk(numbers("action", path(TIMES_S)))
    assert jerky > 100 * smooth
