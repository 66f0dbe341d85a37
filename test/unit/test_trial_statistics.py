"""What trials say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groot_ros.trials.statistics import compare, trials_for_interval, wilson_interval


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


def test_mcnemar_is_that_of_the_tables() -> None:
    # 10 scenes apart, 9 to 1: 2 (1 + 10) / 2^10; 6 to 0: 2 / 2^6.
    found = compare([False] * 9 + [True] + [True] * 10, [True] * 9 + [False] + [True] * 10)
    assert (found.only_a, found.only_b, found.pairs) == (1, 9, 20)
    assert found.p_value == pytest.approx(22 / 1024) and found.is_shown
    assert found.difference == pytest.approx(0.4)
    assert compare([False] * 6, [True] * 6).p_value == pytest.approx(2 / 64)
    same = compare([True, False], [True, False])
    assert (
        same.p_value == 1.0
        and same.pairs_needed is None
        and "no difference" in same.sentence("a", "b")
    )


def test_as_many_more_as_a_claim_needs() -> None:
    # psi = 0.3, d = 0.1: (1.960 sqrt(0.3) + 0.842 sqrt(0.29))^2 / 0.01 = 233.02.
    found = compare([True, True] + [False] * 18, [False, False] + [True] * 4 + [False] * 14)
    assert found.pairs_needed == 234 and "214 more scenes" in found.sentence("a", "b")
    few = trials_for_interval(10, 20)
    low, high = wilson_interval(round(few / 2), few)
    assert 90 < few < 100 and high - low <= 0.2
    assert trials_for_interval(20, 20) < 20
