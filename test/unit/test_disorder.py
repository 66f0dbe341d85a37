"""Calls of an executor in any order: whatever comes, its commands keep to the limits."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groot_ros.benchmarks.safety import STOPS, LimitTrial, S
from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.execution.joining import Joined, Offer
from groot_ros.chunks.execution.stopping import StopReason
from groot_ros.robot.config import load_robot
from groot_ros.signals.signals import Signals

PRESSES = (StopReason.ESTOP, StopReason.FAULT)


class Disorder(LimitTrial):
    """Buttons that stay pressed, clocks that are set, errors, chunks of other times and epochs,
    ids that come twice, joins that are late, forgotten or committed twice."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._joins: list[tuple[Offer, Joined | None]] = []
        self._disorders = (
            self._press,
            self._let_go,
            self._set_the_clock,
            self._fail,
            self._cancel,
            self._foreign_chunk,
            self._begin_a_join,
            self._commit_some_join,
            self._stop_and_resume,
            self._release,
        )

    def _event(self) -> None:
        which = int(self._rng.integers(len(self._disorders) + 4))
        if which < len(self._disorders):
            self._disorders[which]()
        else:
            super()._event()
        if self._rng.random() < 0.3:
            self._let_go()

    def _press(self) -> None:
        self._executor.press(PRESSES[self._rng.integers(2)], True, self._now_ns)

    def _let_go(self) -> None:
        for reason in PRESSES:
            self._executor.press(reason, False, self._now_ns)
        self._executor.resume()

    def _set_the_clock(self) -> None:
        by_ns = max(int(3 * S * self._rng.normal()), 5 * S - self._now_ns)
        self._now_ns += by_ns
        self._last_ns += by_ns
        self._late = None
        self._executor.clock_set(by_ns, self._now_ns)

    def _fail(self) -> None:
        if setpoint := self._executor.fail("a test", self._now_ns):
            self._segment.append(setpoint.value)
        else:
            self._end_segment()

    def _cancel(self) -> None:
        self._epoch += int(self._rng.integers(0, 1000))
        self._executor.cancel(self._epoch, self._now_ns)

    def _chunk(self, stamp_ns: int, step_ns: int, epoch: int) -> Chunk:
        values = self._generators[self._rng.integers(len(self._generators))]()
        if self._executor.begins_anew:
            self._start()
        return Chunk(stamp_ns, step_ns, epoch, signals=Signals.of({self.signal: values}))

    def _foreign_chunk(self) -> None:
        away_s = self._rng.normal() * self._rng.choice([0.1, 1.0, 100.0, 1e6])
        step_ns = int(self._rng.choice([0.001, 0.01, 0.066, 1.0]) * S)
        epoch = self._epoch + int(self._rng.integers(-2, 3))
        chunk = self._chunk(self._now_ns + int(away_s * S), step_ns, epoch)
        self._executor.accept(int(self._rng.integers(0, 5)), chunk, self._now_ns)

    def _begin_a_join(self) -> None:
        chunk = self._chunk(self._now_ns - S // 10, S // 15, self._epoch)
        admitted = self._executor.admit(99, chunk, self._now_ns)
        offer = None if isinstance(admitted, str) else self._executor.offer(admitted, self._now_ns)
        if isinstance(offer, Offer):
            self._joins.append((offer, offer.join()))

    def _commit_some_join(self) -> None:
        for _ in range(2):
            if self._joins:
                offer, joined = self._joins[self._rng.integers(len(self._joins))]
                self._executor.commit(offer, joined, self._now_ns)

    def _stop_and_resume(self) -> None:
        self._executor.halt(STOPS[self._rng.integers(len(STOPS))], self._now_ns)
        self._executor.resume()
        self._executor.halt(StopReason.CANCELLED, self._now_ns)

    def _release(self) -> None:
        self._executor.release(self._now_ns)
        self._end_segment()


@pytest.mark.parametrize("robot", ["ur5e", "sim"])
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_no_order_of_calls_leads_out_of_the_limits(robot: str, seed: int) -> None:
    config = load_robot(robot)
    joints = config.observations.joint_position
    assert joints
    period_s = 1.0 / config.output.rate_hz
    trial = Disorder(
        config.limits,
        config.output.commanded,
        len(joints.joints),
        period_s,
        seed,
        config.output.interpolated,
    )
    found = trial.run(400)
    assert found.is_safe, found
