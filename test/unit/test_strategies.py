"""Ensembling, prefixes for real-time chunking, and when to replan."""

import numpy as np
import pytest
from test_chunks import DOWN, STEP, S, line

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.execution.strategies import (
    AUTO,
    CHOICES,
    RTC,
    STRATEGIES,
    chosen,
    make_strategy,
)
from groot_ros.chunks.progress import Continuation, Progress, Replanning
from groot_ros.geometry import multiply_quats, rotation_angle, rotvec_to_quat
from groot_ros.signals.signals import arm_signals


def turned(angles, stamp=0):
    """A chunk that stands still and turns about z by angles in rad."""
    vectors = np.zeros((len(angles), 3))
    vectors[:, 2] = angles
    quats = multiply_quats(rotvec_to_quat(vectors), np.tile(DOWN, (len(angles), 1)))
    return Chunk(
        stamp, STEP, 1, signals=arm_signals(ee_pose=np.hstack([np.zeros((len(angles), 3)), quats]))
    )


@pytest.mark.parametrize("obstacle", ["", "it cannot"])
def test_what_was_asked_for_is_chosen_and_auto_is_what_the_policy_can(obstacle):
    assert [chosen(name, obstacle) for name in STRATEGIES] == list(STRATEGIES)
    assert (chosen(AUTO, obstacle) == RTC) is (obstacle == "")


@pytest.mark.parametrize("obstacle", ["", "it cannot"])
def test_an_executor_that_is_asked_for_auto_does_what_the_policy_chose(obstacle):
    """Nobody tells it which."""
    chunks = [line(steps=16), line(0.1, stamp=4 * STEP)]
    auto, told = make_strategy(AUTO), make_strategy(chosen(AUTO, obstacle))
    assert auto.waits_for_end == told.waits_for_end
    assert [auto.merge(chunk) for chunk in chunks] == [told.merge(chunk) for chunk in chunks]
    assert set(CHOICES) == {AUTO, *STRATEGIES}


def test_the_ensemble_of_equal_chunks_is_the_chunk():
    ensemble = make_strategy("ensemble")
    ensemble.merge(line(steps=30))
    merged = ensemble.merge(line(0.15 * 4 * STEP / S, stamp=4 * STEP))
    np.testing.assert_allclose(
        merged.signals["ee_pose"],
        line(0.15 * 4 * STEP / S, stamp=4 * STEP).signals["ee_pose"],
        atol=1e-9,
    )


def test_the_ensemble_weighs_the_oldest_most_and_only_what_speaks_of_a_time():
    ensemble = make_strategy("ensemble")
    ensemble.merge(turned(np.zeros(16)))
    merged = ensemble.merge(turned(np.full(16, 0.4), stamp=8 * STEP))
    angles = rotation_angle(merged.signals["ee_pose"][:, 3:], np.array(DOWN))
    newest = np.exp(-0.1) / (1 + np.exp(-0.1))
    np.testing.assert_allclose(angles[:8], 0.4 * newest, atol=1e-3)
    np.testing.assert_allclose(angles[8:], 0.4, atol=1e-9)
    ensemble.forget()
    fresh = ensemble.merge(turned(np.full(16, 0.4)))
    angles = rotation_angle(fresh.signals["ee_pose"][:, 3:], np.array(DOWN))
    np.testing.assert_allclose(angles, 0.4, atol=1e-9)


def test_a_prefix_holds_the_steps_that_are_left_at_the_time_of_the_observation():
    continuation = Continuation()
    assert continuation.prefix(0) is None
    chunk = line()
    continuation.published(7, chunk, 0)
    assert continuation.prefix(S) is None
    continuation.measured(Progress(5 * STEP, 7, 1, step=5.0, rate=1.0, delay_steps=1.6))
    prefix = continuation.prefix(6 * STEP + STEP // 2)
    assert len(prefix.steps) == 9
    assert prefix.frozen_steps == 3
    times = 6 * STEP + STEP // 2 + np.arange(9) * STEP
    np.testing.assert_allclose(
        prefix.steps.signals["ee_pose"], chunk.sample_many(times)["ee_pose"], atol=1e-9
    )
    assert prefix.steps.stamp_ns == 6 * STEP + STEP // 2


def test_a_slowed_motion_consumes_less_of_the_prefix():
    continuation = Continuation()
    continuation.published(7, line(), 0)
    continuation.measured(Progress(5 * STEP, 7, 1, step=2.0, rate=0.5, delay_steps=1.0))
    prefix = continuation.prefix(9 * STEP)
    assert len(prefix.steps) == 12
    assert prefix.steps.signals["ee_pose"][0, 0] == pytest.approx(0.15 * 4 * STEP / S)


def test_the_longest_of_the_last_delays_is_frozen():
    continuation = Continuation()
    for index, delay in enumerate((2.2, 5.5, 1.0)):
        continuation.published(index, line(stamp=index * STEP), index * STEP)
        continuation.measured(Progress(3 * STEP, index, 1, step=1.0, rate=1.0, delay_steps=delay))
    assert continuation.prefix(3 * STEP).frozen_steps == 7
    continuation.forget()
    assert continuation.prefix(3 * STEP) is None


def test_a_chunk_that_is_on_its_way_is_the_one_that_is_continued_unless_it_was_refused():
    continuation = Continuation()
    continuation.published(1, line(), 0)
    continuation.measured(Progress(5 * STEP, 1, 1, step=5.0, rate=0.5, delay_steps=1.0))
    continuation.published(2, line(0.3, stamp=4 * STEP), 6 * STEP)
    prefix = continuation.prefix(8 * STEP)
    assert prefix.steps.signals["ee_pose"][0, 0] == pytest.approx(0.3 + 0.15 * 2 * STEP / S)
    continuation.measured(Progress(10 * STEP, 1, 1, step=8.0, rate=0.5, delay_steps=1.0))
    assert continuation.prefix(10 * STEP).steps.signals["ee_pose"][0, 0] == pytest.approx(
        0.15 * 8 * STEP / S
    )


def test_nothing_is_continued_once_the_chunk_has_run_out():
    continuation = Continuation()
    continuation.published(1, line(), 0)
    continuation.measured(Progress(0, 1, 1, step=14.0, rate=1.0, delay_steps=0.0))
    assert len(continuation.prefix(STEP).steps) == 1
    assert continuation.prefix(2 * STEP) is None


@pytest.mark.parametrize(
    ("replanning", "step", "due"),
    [
        (Replanning(), 0.5, True),
        (Replanning(steps=8), 7.5, False),
        (Replanning(steps=8), 8.0, True),
        (Replanning(remaining_s=0.4), 8.0, False),
        (Replanning(remaining_s=0.4), 9.5, True),
        (Replanning(steps=40), 15.5, True),
    ],
)
def test_replanning_is_due(replanning, step, due):
    now = round(step * STEP)
    assert replanning.is_due(now, line(), None) is due
    progress = Progress(now, 1, 1, step=step, rate=1.0, delay_steps=0.0)
    assert replanning.is_due(now, line(stamp=-9 * S), progress) is due
    assert replanning.is_due(now, None, None)
