"""The rule by which a soak says that something grows."""

from __future__ import annotations

import numpy as np
import pytest

from groot_ros.benchmarks.growth import Bound, Life, trend

COUNT = Bound(unit="", step=1.5, per_hour=0.0)
MEMORY = Bound(unit="MB", step=2.0, per_hour=4.0)
TIMES_S = np.arange(0.0, 3600.0, 5.0)
RNG = np.random.default_rng(5)


def grows(values: np.ndarray, bound: Bound, *lives: slice) -> bool:
    parts = lives or (slice(None),)
    return trend([Life(times_s=TIMES_S[p], values=values[p]) for p in parts], bound).grows


def steps(*times_s: float) -> np.ndarray:
    """One more at each of these times."""
    return 10.0 + np.sum([np.asarray(t <= TIMES_S, float) for t in times_s], axis=0)


@pytest.mark.parametrize("per_hour", [6.0, 60.0])
def test_a_leak_of_memory_is_growth_in_whatever_noise(per_hour: float) -> None:
    noise = RNG.normal(0.0, 3.0, len(TIMES_S))
    assert grows(100.0 + per_hour * TIMES_S / 3600.0 + noise, MEMORY)


def test_what_levels_off_is_none() -> None:
    assert not grows(100.0 + 80.0 * (1 - np.exp(-TIMES_S / 120.0)), MEMORY)
    assert not grows(100.0 + RNG.normal(0.0, 5.0, len(TIMES_S)), MEMORY)
    assert not grows(100.0 - 20.0 * TIMES_S / 3600.0, MEMORY)


def test_what_comes_and_goes_or_comes_once_is_none() -> None:
    assert not grows(10.0 + (TIMES_S % 100.0 < 20.0), COUNT)
    for at_s in (600.0, 1300.0, 2200.0, 2250.0, 3300.0):
        assert not grows(steps(at_s), COUNT)
        spike = 10.0 + 500.0 * (np.abs(TIMES_S - at_s) < 150.0)
        assert not grows(spike, COUNT)


@pytest.mark.parametrize("every_s", [100.0, 300.0, 600.0])
def test_one_more_descriptor_with_every_event_is_growth(every_s: float) -> None:
    assert grows(steps(*np.arange(every_s, 3600.0, every_s)), COUNT)


def test_processes_that_follow_each_other_are_judged_together() -> None:
    quarters = [slice(180 * i, 180 * (i + 1)) for i in range(4)]
    # Every process begins anew at 100 MB; in one series that would look flat.
    leaking = 100.0 + 0.02 * (TIMES_S % 900.0)
    assert grows(leaking, MEMORY, *quarters)
    # And one that is larger than the one before is no growth of any.
    larger = 100.0 + 10.0 * (TIMES_S // 900.0)
    assert not grows(larger, MEMORY, *quarters)


def test_a_short_run_is_not_judged_by_a_page_or_two() -> None:
    times_s = np.arange(20.0)
    life = Life(times_s=times_s, values=100.0 + 0.05 * times_s)
    found = trend([life], MEMORY)
    assert found.allowed == 2.0
    assert not found.grows


def test_samples_that_are_too_few_say_nothing() -> None:
    found = trend([Life(times_s=np.ones(1), values=np.ones(1))], COUNT)
    assert found.rise == 0.0
    assert not found.grows
