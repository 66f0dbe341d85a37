"""The command thread: steady, and going on when it fails."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator

import pytest

from groot_ros.timing.command_loop import LATENESS_S, CommandLoop, SteppedLoop, due_after

WAIT_S = 30.0


@pytest.fixture(autouse=True)
def priority() -> Iterator[None]:
    """A loop prefers the thread that starts it, here one that runs other tests afterwards."""
    niceness, interval_s = os.getpriority(os.PRIO_PROCESS, 0), sys.getswitchinterval()
    yield
    os.setpriority(os.PRIO_PROCESS, 0, niceness)
    sys.setswitchinterval(interval_s)


def test_ticks_come_no_faster_than_the_rate_in_a_thread_of_their_own() -> None:
    ticks, done = [], threading.Event()

    def tick() -> None:
        ticks.append(threading.get_ident())
        if len(ticks) == 200:
            done.set()

    loop = CommandLoop(500.0, tick, lambda error: None)
    loop.start()
    assert done.wait(WAIT_S)
    loop.close()
    count = len(ticks)
    assert set(ticks).isdisjoint({threading.get_ident()}) and len(set(ticks)) == 1
    # A machine without time to spare is late, and nothing is caught up.
    assert 0.0 < loop.measured_rate_hz <= 1.0 / (1.0 / 500.0 - LATENESS_S)
    assert len(ticks) == count


@pytest.mark.parametrize(
    ("late_s", "spare_s", "next_s"), [(0.03, 0.04, 0.05), (0.03, 0.01, 0.07), (0.0, 0.04, 0.05)]
)
def test_lateness_is_made_up_for_as_far_as_there_is_time_to_spare(
    late_s: float, spare_s: float, next_s: float
) -> None:
    assert due_after(1.0, 0.05, 1.0 + late_s, spare_s) == pytest.approx(1.0 + next_s)


def test_after_a_tick_that_fails_the_next_ones_come() -> None:
    told: list[Exception] = []
    again = threading.Event()

    def tick() -> None:
        if len(told) == 3:
            again.set()
        else:
            raise RuntimeError("no command")

    loop = CommandLoop(500.0, tick, told.append)
    loop.start()
    assert again.wait(WAIT_S)
    loop.close()
    assert [str(error) for error in told] == ["no command"] * 3


def test_not_even_what_looks_after_failures_ends_the_thread(
    capsys: pytest.CaptureFixture[str],
) -> None:
    ticks, again = [], threading.Event()

    def tick() -> None:
        ticks.append(1)
        if len(ticks) == 3:
            again.set()
        raise RuntimeError("no command")

    def failed(error: Exception) -> None:
        raise OSError("nor a stop") from error

    loop = CommandLoop(500.0, tick, failed)
    loop.start()
    assert again.wait(WAIT_S)
    loop.close()
    told = capsys.readouterr().err
    assert "RuntimeError: no command" in told and "OSError: nor a stop" in told


def test_a_stepped_loop_ticks_at_its_rate_of_the_times_that_it_is_given() -> None:
    ticked: list[int] = []
    now_ns = 0
    loop = SteppedLoop(50.0, lambda: ticked.append(now_ns), lambda error: None)
    for now_ns in range(1_000_000_000, 1_200_000_000, 10_000_000):
        loop.step(now_ns)
    assert ticked == list(range(1_000_000_000, 1_200_000_000, 20_000_000))
    assert loop.measured_rate_hz == 50.0
    # After a jump of the clock it goes on at once, in either direction.
    for now_ns in (9_000_000_000, 9_010_000_000, 9_020_000_000, 2_000_000_000):
        loop.step(now_ns)
    assert ticked[10:] == [9_000_000_000, 9_020_000_000, 2_000_000_000]


def test_after_a_stepped_tick_that_fails_the_next_ones_come() -> None:
    failures: list[Exception] = []

    def tick() -> None:
        raise ValueError("broken")

    loop = SteppedLoop(100.0, tick, failures.append)
    loop.step(10_000_000)
    loop.step(20_000_000)
    assert [str(failure) for failure in failures] == ["broken", "broken"]
