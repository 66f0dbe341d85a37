"""Which simulated time it was when something was received."""

from __future__ import annotations

from groot_ros.data.clocks.history import KEPT_NS, ClockHistory


def test_the_time_is_the_newest_that_had_been_received() -> None:
    history = ClockHistory()
    assert history.at(100) is None
    history.add(100, 7)
    history.add(200, 8)
    assert [history.at(ns) for ns in (50, 100, 199, 200, 1000)] == [7, 7, 7, 8, 8]


def test_a_clock_that_was_set_back_and_old_times() -> None:
    history = ClockHistory()
    history.add(100, 7)
    history.add(200, 3)
    assert history.at(250) == 3
    history.add(300 + KEPT_NS, 9)
    assert history.at(150) == 9
