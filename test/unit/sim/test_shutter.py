"""Pictures at a rate, at times that a test steps."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from groot_ros.sim.shutter import Shutter

PERIOD_NS = 10_000_000


@given(st.integers(0, 1000), st.floats(1.0, 60.0))
def test_each_is_at_the_first_time_that_is_due(begin: int, rate_hz: float) -> None:
    shutter = Shutter(rate_hz)
    for _ in range(2):
        shutter.restart()
        taken = [k for k in range(300) if shutter.is_due((begin + k) * PERIOD_NS)]
        assert taken[0] == 0
        for index, tick in enumerate(taken):
            due_s = index / rate_hz
            assert due_s - 1e-6 <= tick * PERIOD_NS / 1e9 < due_s + 0.01 + 1e-6
