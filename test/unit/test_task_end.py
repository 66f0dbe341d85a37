"""A task is over when an arm that has moved stands, and not before."""

from __future__ import annotations

import numpy as np

from groot_ros.policies.task_end import Stillness
from groot_ros.signals.signals import EE_POSE

TICK_NS = 200_000_000


def run(stillness: Stillness, heights: list[float], since_ns: int = 0) -> int | None:
    """The tick at which a hand at these heights is said to stand."""
    for tick, z in enumerate(heights):
        pose = np.array([0.5, 0.0, z, 0.0, 1.0, 0.0, 0.0])
        if stillness.seen({EE_POSE: pose}, since_ns + tick * TICK_NS):
            return tick
    return None


def test_an_arm_that_waits_for_its_first_chunk_has_not_begun() -> None:
    assert run(Stillness(1.0), [0.3] * 50) is None
    assert run(Stillness(1.0), [0.3 + 1e-3 * (i % 2) for i in range(50)]) is None


def test_one_that_has_moved_is_done_after_so_long_and_slow_motion_is_none() -> None:
    rise = list(np.linspace(0.3, 0.4, 11))
    assert run(Stillness(1.0), rise + [0.4] * 50) == 10 + 5
    assert run(Stillness(2.0), rise + [0.4] * 50) == 10 + 10
    creeping = [0.4 + 2e-3 * i for i in range(100)]
    assert run(Stillness(1.0), rise + creeping) is None


def test_standing_that_was_interrupted_does_not_count() -> None:
    stillness = Stillness(1.0)
    assert run(stillness, [0.3, 0.4, 0.4, 0.4, 0.4]) is None
    stillness.interrupt()
    assert run(stillness, [0.4] * 9, 5 * TICK_NS) == 5
    stillness.restart()
    assert run(stillness, [0.4] * 50) is None
