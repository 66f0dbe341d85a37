"""Chunks joined while the motion goes on: no jump, however long the join takes."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from test_chunks import S, line
from test_execution import LIMITS, TICK, assert_within, make, run

from groot_ros.chunks.execution.executor import ChunkExecutor
from groot_ros.chunks.execution.joining import accept_ahead
from groot_ros.chunks.execution.stopping import Activity, StopReason


class Machine:
    """A clock that goes on while a join is computed, with the command thread at work."""

    def __init__(self, executor: ChunkExecutor, join_s: float) -> None:
        self.now_ns = 0
        self.setpoints: list = []
        self._executor = executor
        self._join_ns = int(join_s * S)
        self._entered = 0

    def clock(self) -> int:
        return self.now_ns

    def tick_until(self, end_ns: int) -> None:
        while self.now_ns < end_ns:
            self.setpoints.append(self._executor.setpoint(self.now_ns))
            self.now_ns += TICK

    @contextmanager
    def guard(self):
        # Between the offer and the commit the join is computed.
        self._entered += 1
        if self._entered > 1 and self._entered % 2 == 1:
            self.tick_until(self.now_ns + self._join_ns)
        yield

    def accept(self, chunk_id: int, chunk) -> str | None:
        self._entered = 0

        class Guard:
            def __enter__(_):
                self._held = self.guard()
                return self._held.__enter__()

            def __exit__(_, *error):
                return self._held.__exit__(*error)

        return accept_ahead(self._executor, Guard(), self.clock, chunk_id, chunk)


@pytest.mark.parametrize("slow", [1e-12, 1e-3, 3e-3])
def test_what_would_take_minutes_is_refused(slow: float) -> None:
    far = np.array([1.9, 0.9, 0.9, 1.0, 0.0, 0.0, 0.0])
    executor = make(replace(LIMITS, linear_velocity=slow), start=far)
    assert "cannot be joined" in str(executor.accept(1, line(), 0))
    executor = make(LIMITS)
    executor.set_speed_scale(0.1, 0)
    reason = str(executor.accept(1, line(steps=90), 0))
    assert reason.startswith("at 0.1 of its speed it would take 59.")
    assert reason.endswith("make chunks of fewer steps, or raise speed_scale")


def test_a_chunk_that_is_too_long_at_full_speed_is_to_be_shorter() -> None:
    """With the time in which it is joined, which is planned too."""
    executor = make(LIMITS, blend_s=0.5)
    reason = str(executor.accept(1, line(speed=0.001, steps=445), 0))
    assert reason.startswith("at 1 of its speed it would take 30.1 s, at most 30 s are planned")
    assert reason.endswith("make chunks of fewer steps")


@pytest.mark.parametrize("join_s", [0.0, 0.02, 0.1, 0.5])
def test_the_command_thread_never_waits_and_never_jumps(join_s: float) -> None:
    executor = make(LIMITS, watchdog_s=5.0)
    machine = Machine(executor, join_s)
    executor.accept(1, line(steps=120), 0)
    machine.tick_until(S // 2)
    reasons = []
    for chunk_id in range(2, 6):
        now = machine.now_ns
        # A little aside each time, so that a late take-over would be seen.
        chunk = line(0.15 * now / S + 0.01 * (-1) ** chunk_id, stamp=now, steps=60)
        reasons.append(machine.accept(chunk_id, chunk))
        machine.tick_until(machine.now_ns + S // 4)
    assert_within(machine.setpoints, LIMITS)
    assert executor.interventions == 0
    assert None in reasons
    for reason in reasons:
        assert reason is None or "joining it took" in reason


@pytest.mark.parametrize("interpolated", [False, True])
def test_a_first_join_that_takes_long_is_no_gap_between_commands(interpolated: bool) -> None:
    executor = make(LIMITS, watchdog_s=5.0, interpolated=interpolated)
    machine = Machine(executor, 0.5)
    assert machine.accept(1, line(steps=90)) is None
    machine.tick_until(machine.now_ns + S)
    assert executor.stops.reason is None and executor.activity is Activity.EXECUTING
    assert all(setpoint is not None for setpoint in machine.setpoints[-200:])
    moved_s = executor.consumed_s(0, machine.now_ns)
    assert moved_s == pytest.approx(machine.now_ns / S, abs=0.1)


def test_what_was_joined_too_late_is_joined_again_further_ahead() -> None:
    executor = make(LIMITS, watchdog_s=5.0)
    machine = Machine(executor, 0.1)
    executor.accept(1, line(steps=120), 0)
    machine.tick_until(S // 2)
    now = machine.now_ns
    assert machine.accept(2, line(0.15 * now / S + 0.01, stamp=now, steps=60)) is None
    taken_ns = machine.now_ns
    assert taken_ns - now >= 2 * S // 10
    machine.tick_until(taken_ns + S // 5)
    progress = executor.progress(machine.now_ns)
    assert progress is not None and progress.chunk_id == 2


def test_a_stop_during_a_join_stands() -> None:
    executor = make(LIMITS)
    executor.accept(1, line(steps=90), 0)
    run(executor, 0, S // 4)
    admitted = executor.admit(2, line(stamp=S // 4), S // 4)
    offer = executor.offer(admitted, S // 4)
    executor.press(StopReason.ESTOP, True, S // 4)
    reason, late = executor.commit(offer, offer.join(), S // 4 + TICK)
    assert late and reason
    assert executor.offer(admitted, S // 4 + TICK) == executor.stops.sentence
    assert executor.activity is Activity.STOPPING


def test_a_chunk_is_not_joined_to_a_plan_that_braking_has_replaced() -> None:
    executor = make(LIMITS)
    executor.accept(1, line(steps=90), 0)
    run(executor, 0, S // 4)
    moves, admitted = executor._moves, executor.admit(2, line(stamp=S // 4), S // 4)
    for brake in (moves.stop, moves.brake):
        offer = executor.offer(admitted, S // 4)
        assert brake() is None
        reason, late = executor.commit(offer, offer.join(), S // 4)
        assert late and reason


def test_a_robot_that_does_not_follow_ends_the_commands_and_goes_on_where_it_is() -> None:
    executor = make(LIMITS, watchdog_s=5.0)
    executor.accept(1, line(speed=0.4, steps=60), 0)
    stuck = line().signals["ee_pose"][0]
    now, setpoint = 0, None
    while now < 3 * S:
        executor.measured(stuck, now)
        setpoint = executor.setpoint(now)
        now += TICK
        if setpoint is None:
            break
    assert executor.stops.reason is StopReason.ASTRAY and executor.is_idle
    assert "the robot does not follow: it is" in executor.stops.sentence
    assert 0.5 * S < now < 1.5 * S
    executor.start_from(stuck, {}, now)
    assert executor.accept(2, line(stamp=now), now) is None
    assert executor.setpoint(now).value[0] == pytest.approx(stuck[0], abs=1e-9)


@pytest.mark.parametrize("reason", [StopReason.STALE, StopReason.ASTRAY])
@pytest.mark.parametrize(
    "before", [None, StopReason.STARVED, StopReason.CLOCK, StopReason.CANCELLED, StopReason.ESTOP]
)
def test_no_chunk_goes_on_from_a_stop_of_an_arm_that_nobody_knows_the_place_of(
    reason: StopReason, before: StopReason | None
) -> None:
    executor = make(LIMITS, watchdog_s=5.0)
    executor.accept(1, line(speed=0.4, steps=60), 0)
    run(executor, 0, S)
    admitted = executor.admit(2, line(stamp=S), S)
    if before:
        executor.halt(before, S)
    executor.halt(reason, S, "ee_pose: 0.21 s old")
    executor.resume()
    refused = executor.accept(2, line(stamp=S), S)
    assert refused and refused == executor.offer(admitted, S)
    now = S
    while executor.setpoint(now) is not None:
        now += TICK
        assert now < 2 * S
    elsewhere = line().signals["ee_pose"][0] + np.array([0.1, 0.05, 0, 0, 0, 0, 0])
    executor.start_from(elsewhere, {}, now)
    assert executor.accept(3, line(stamp=now), now) is None
    np.testing.assert_allclose(executor.setpoint(now).value, elsewhere, atol=1e-4)
    assert executor.activity is Activity.EXECUTING


@pytest.mark.parametrize("reason", list(StopReason))
def test_after_any_stop_the_arm_goes_on_where_it_is_at_rest(reason: StopReason) -> None:
    executor = make(LIMITS, watchdog_s=5.0)
    executor.accept(1, line(speed=0.4, steps=60), 0)
    run(executor, 0, S)
    executor.halt(reason, S)
    run(executor, S, 2 * S)
    assert executor.is_at_rest
    if reason.needs_resume:
        assert executor.accept(2, line(stamp=2 * S), 2 * S) == executor.stops.sentence
        assert executor.resume() is None
    moved_by_hand = executor.held + np.array([0.0, 0.15, 0, 0, 0, 0, 0])
    executor.start_from(moved_by_hand, {}, 2 * S)
    assert executor.accept(3, line(stamp=2 * S), 2 * S) is None
    commands = [executor.setpoint(2 * S + tick * TICK) for tick in range(100)]
    np.testing.assert_allclose(commands[0].signals["ee_pose"], moved_by_hand, atol=2e-4)
    assert_within(commands, LIMITS)


def test_no_command_is_faster_than_allowed_though_it_makes_up_for_a_late_one() -> None:
    executor = make(LIMITS, watchdog_s=5.0)
    executor.accept(1, line(speed=0.48, steps=10), 0)
    period_s, spare_s, places = TICK / S, [], []
    for tick in range(200):
        if tick == 100:
            executor.halt(StopReason.CANCELLED, tick * TICK)
        spare_s.append(executor.spare_s)
        setpoint = executor.setpoint(tick * TICK)
        assert setpoint
        places.append(setpoint.value[:3])
    # What is spared at a command shortens the way to the next one.
    ways = np.linalg.norm(np.diff(places, axis=0), axis=1)
    assert np.all(ways <= 0.5 * (period_s - np.array(spare_s[:-1])) + 1e-9)
    assert max(spare_s) > 0.7 * period_s and min(spare_s) < 0.1 * period_s


def test_lost_time_delays_the_motion_and_is_never_caught_up() -> None:
    executor = make(LIMITS, watchdog_s=5.0)
    executor.accept(1, line(steps=90), 0)
    rng = np.random.default_rng(0)
    now, setpoints = 0, []
    for _ in range(200):
        setpoints.append(executor.setpoint(now))
        now += TICK + int(rng.exponential(0.004) * S)
    assert_within(setpoints, LIMITS)
    progress = executor.progress(now)
    assert progress is not None
    assert progress.step < 0.6 * now / line().step_ns
