"""When an inference begins and when its chunk counts, on a clock that the test steps."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groot_ros.errors import UserError
from groot_ros.timing.latency import Delays, Latency
from groot_ros.timing.turns import LockstepTurns

PERIOD_MS = 10
WAIT_S = 20.0


class Bench:
    """Ticks of 10 ms, and an inference thread whose steps the test takes."""

    def __init__(self, latency: Latency) -> None:
        self.turns = LockstepTurns(latency)
        self.turns.enter()
        self.published: list[bool] = []

    def tick(self, time_ms: int) -> bool:
        return self.turns.handle(time_ms * 1_000_000, (time_ms + PERIOD_MS) * 1_000_000)

    def begin(self, time_ms: int) -> None:
        assert not self.tick(time_ms)
        assert self.turns.begin(WAIT_S)
        self.turns.observed(time_ms * 1_000_000)

    def finish(self) -> threading.Thread:
        """The network has answered."""

        def wait() -> None:
            self.published.append(self.turns.wait_due())
            self.turns.end()

        thread = threading.Thread(target=wait)
        thread.start()
        return thread


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench(Latency(0.06))
    yield bench
    bench.turns.leave()


def test_time_passes_until_the_chunk_is_due_and_stands_until_it_is_made(bench: Bench) -> None:
    bench.begin(100)
    assert all(bench.tick(ms) for ms in (100, 110, 120, 130, 140))
    # What is published at 150 is known at 160.
    assert not bench.tick(150) and not bench.tick(150)
    bench.finish().join(WAIT_S)
    assert bench.published == [True] and bench.tick(150)


def test_a_fast_network_waits_and_the_next_inference_begins_when_the_chunk_is_due(
    bench: Bench,
) -> None:
    bench.begin(100)
    thread = bench.finish()
    assert all(bench.tick(ms) for ms in (110, 120, 130, 140))
    assert not bench.published
    bench.tick(150)
    thread.join(WAIT_S)
    assert bench.published == [True] and bench.tick(150)
    bench.begin(160)


def test_with_nothing_to_infer_time_goes_on(bench: Bench) -> None:
    assert not bench.tick(100)
    assert bench.turns.begin(WAIT_S)
    assert not bench.tick(100)
    bench.turns.end()
    assert bench.tick(100)


def test_a_rate_keeps_inferences_apart(bench: Bench) -> None:
    assert not bench.tick(100)
    assert bench.turns.begin(WAIT_S)
    bench.turns.space(0.2)
    bench.turns.observed(100_000_000)
    thread = bench.finish()
    bench.tick(150)
    thread.join(WAIT_S)
    assert all(bench.tick(ms) for ms in range(160, 300, PERIOD_MS))
    assert not bench.tick(300)


def test_nobody_waits_for_a_clock_that_is_left(bench: Bench) -> None:
    bench.begin(100)
    thread = bench.finish()
    bench.turns.leave()
    thread.join(WAIT_S)
    assert bench.published == [True]


def test_a_lost_chunk_takes_as_long_and_is_not_published() -> None:
    bench = Bench(Latency(0.06, loss=0.999))
    bench.begin(100)
    bench.tick(150)
    bench.finish().join(WAIT_S)
    assert bench.published == [False]


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.integers(0, 100))
def test_delays_stay_within_the_jitter_and_begin_again(
    latency_s: float, share: float, seed: int
) -> None:
    delays = Delays(Latency(latency_s, share * latency_s, 0.3, seed))
    first = [delays.next(7) for _ in range(20)]
    delays.restart()
    assert [delays.next(7) for _ in range(20)] == first
    for delay in first:
        assert abs(delay.due_ns - 7 - latency_s * 1e9) <= share * latency_s * 1e9 + 1


def test_impossible_latency_is_one_sentence() -> None:
    with pytest.raises(UserError, match="jitter is 0.2 s and latency 0.1 s"):
        Latency(0.1, 0.2)
    with pytest.raises(UserError, match="loss is 1, expected a share"):
        Latency(loss=1.0)
