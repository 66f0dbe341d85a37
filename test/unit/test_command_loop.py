"""The command thread: steady, and loud when it fails."""

from __future__ import annotations

import threading

import pytest

from groot_ros.chunks.command_loop import CommandLoop

WAIT_S = 30.0


def test_ticks_come_at_the_rate_in_a_thread_of_their_own() -> None:
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
    assert loop.measured_rate_hz == pytest.approx(500.0, rel=0.3)
    assert len(ticks) == count


def test_a_tick_that_fails_ends_the_loop_and_is_told() -> None:
    told: list[Exception] = []
    failed = threading.Event()

    def tick() -> None:
        raise RuntimeError("no more commands")

    def tell(error: Exception) -> None:
        told.append(error)
        failed.set()

    loop = CommandLoop(500.0, tick, tell)
    loop.start()
    assert failed.wait(WAIT_S)
    loop.close()
    assert len(told) == 1 and str(told[0]) == "no more commands"
