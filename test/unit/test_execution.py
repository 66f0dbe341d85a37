"""Executing chunks: smooth, within limits, at rest whatever fails."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_chunks import DOWN, STEP, S, line

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.execution.consumption import Consumption
from groot_ros.chunks.execution.executor import ChunkExecutor
from groot_ros.chunks.execution.motion import Planner
from groot_ros.chunks.execution.settings import ExecutionSettings
from groot_ros.chunks.execution.stopping import Activity, StopReason
from groot_ros.chunks.grading import SLOW_SPEED, Grade, Verdict
from groot_ros.chunks.limits.bounds import Bounds
from groot_ros.geometry import rotvec_to_quat
from groot_ros.robot.limits import Limits
from groot_ros.signals.kinds import POSE
from groot_ros.signals.signals import JOINT_POSITION, arm_signals
from groot_ros.signals.space import PoseSpace

TICK = S // 200
LIMITS = Limits(
    linear_velocity=0.5,
    angular_velocity=1.5,
    linear_acceleration=4.0,
    angular_acceleration=12.0,
    workspace_min=(-1, -1, -1),
    workspace_max=(2, 1, 1),
)


def x_of(setpoint):
    return setpoint.value[0]


def make(limits=None, start=None, at=0, **settings):
    """An executor whose robot is where the chunk `line()` begins."""
    executor = ChunkExecutor(limits or Limits(), ExecutionSettings(period_s=TICK / S, **settings))
    executor.start_from(
        line().signals["ee_pose"][0] if start is None else start, {"grip": 0.0}, at
    )
    return executor


def run(executor, start, end, step=TICK):
    return [executor.setpoint(t) for t in range(start, end, step)]


def wild(seed, stamp=0, epoch=1, scale=0.02):
    """A chunk as a bad policy makes it, near the origin."""
    rng = np.random.default_rng(seed)
    places = np.cumsum(rng.normal(scale=scale, size=(16, 3)), axis=0)
    turns = np.cumsum(rng.normal(scale=scale * 3, size=(16, 3)), axis=0)
    poses = np.concatenate([places, rotvec_to_quat(turns)], axis=1)
    return Chunk(stamp, STEP, epoch, signals=arm_signals(ee_pose=poses, grip=np.ones(16)))


def assert_within(setpoints, limits, step_s=TICK / S):
    space = PoseSpace()
    poses = np.array([s.signals["ee_pose"] for s in setpoints])
    speeds = space.difference(poses[1:], poses[:-1]) / step_s
    accelerations = np.diff(speeds, axis=0) / step_s
    linear, angular = space.lengths(speeds).max(axis=0)
    assert linear <= limits.linear_velocity * 1.03
    assert angular <= limits.angular_velocity * 1.03
    linear, angular = space.lengths(accelerations).max(axis=0)
    assert linear <= limits.linear_acceleration * 1.15
    assert angular <= limits.angular_acceleration * 1.15


def test_a_chunk_is_followed_from_where_the_robot_is():
    executor = make()
    assert executor.accept(1, line(), 0) is None
    followed = run(executor, 0, S)
    middle = [x_of(s) for s in followed[60:]]
    np.testing.assert_allclose(middle, 0.15 * (np.arange(60, 200) * TICK) / S, atol=1e-6)
    assert executor.activity is Activity.EXECUTING


def test_seam_between_chunks_has_no_jump_in_position_or_velocity():
    executor = make()
    executor.accept(1, line(0.0), 0)
    before = run(executor, 0, S // 2)
    ahead = line(0.09, speed=0.3, stamp=S // 2)
    executor.accept(2, ahead, S // 2)
    after = run(executor, S // 2, S)
    steps = np.diff([x_of(s) for s in before + after])
    assert np.abs(np.diff(steps)).max() / (TICK / S) ** 2 < 12
    assert x_of(after[-1]) == pytest.approx(ahead.sample(S - TICK)["ee_pose"][0], abs=1e-6)
    executor.cancel(2, S)
    ended = executor.take_ended()
    assert [e.chunk_id for e in ended] == [1, 2]
    assert ended[1].gap.position_m == pytest.approx(0.015, abs=1e-6)
    assert 0 < ended[1].seam.position_m < 1e-3


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 5), st.floats(0.1, 1.0))
def test_whatever_the_chunks_the_motion_keeps_to_the_limits(seed, replan_steps, scale):
    executor = make(LIMITS, start=np.array([0, 0, 0, 1.0, 0, 0, 0]))
    executor.set_speed_scale(scale, 0)
    setpoints, period = [], replan_steps * STEP // TICK * TICK
    for index in range(6):
        now = index * period
        executor.accept(index + 1, wild(seed + index, stamp=now), now)
        setpoints += run(executor, now, now + period)
    setpoints += run(executor, 6 * period, 6 * period + 2 * S)
    held = [s for s in setpoints if s is not None]
    assert_within(held, LIMITS)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 250))
def test_a_stop_is_at_rest_within_the_deceleration_limit(seed, ticks):
    executor = make(LIMITS, start=np.array([0, 0, 0, 1.0, 0, 0, 0]))
    executor.accept(1, wild(seed), 0)
    now = ticks * TICK
    moving = run(executor, 0, now)
    executor.press(StopReason.ESTOP, True, now)
    rest_ns = int(1.5 * S * max(0.5 / 4.0, 1.5 / 12.0)) + 2 * TICK
    stopped = run(executor, now, now + 2 * rest_ns)
    assert_within(moving + stopped, LIMITS)
    late = np.array([s.signals["ee_pose"] for s in stopped[rest_ns // TICK :]])
    np.testing.assert_allclose(late, late[:1].repeat(len(late), 0), atol=1e-12)


def test_a_stop_goes_on_along_the_tangent():
    planner = Planner(Bounds.of(LIMITS, POSE), TICK / S)
    start = np.array([0, 0, 0, *DOWN])
    velocity = np.array([0.3, 0.4, 0, 0, 0, 1.0])
    motion = planner.stop(start, velocity, 0)
    value, speed = motion.state(motion.end_ns)
    assert not speed.any()
    np.testing.assert_allclose(value[:2] / np.linalg.norm(value[:2]), [0.6, 0.8], atol=1e-9)
    assert np.linalg.norm(value[:3]) == pytest.approx(0.5 * motion.end_ns / S / 2, rel=1e-3)


def test_too_fast_a_chunk_keeps_its_path_and_takes_longer():
    limits = Limits(linear_velocity=0.05, linear_acceleration=1.0)
    executor = make(limits, watchdog_s=9.0)
    executor.accept(1, line(), 0)
    positions = [x_of(s) for s in run(executor, 0, 5 * S) if s]
    assert np.diff(positions).max() <= 0.05 * TICK / S * 1.01
    assert positions[-1] == pytest.approx(0.15, abs=2e-3)
    executor.cancel(2, 5 * S)
    ended = executor.take_ended()[0]
    assert 0.2 < ended.rate <= 1 / 3
    assert ended.limited_by
    assert ended.executed == 16


@pytest.mark.parametrize("blend_s", [0.0, 0.15, 0.4])
def test_too_fast_a_chunk_begins_at_once(blend_s: float):
    executor = make(Limits(linear_velocity=0.05, linear_acceleration=1.0), blend_s=blend_s)
    executor.accept(1, line(), 0)
    positions = [x_of(s) for s in run(executor, 0, S) if s]
    assert positions[-1] > 0.05 * 0.9 * (1.0 - 0.05 - blend_s)


def test_half_speed_consumes_half_of_the_steps():
    executor = make()
    executor.set_speed_scale(0.5, 0)
    executor.accept(1, line(), 0)
    run(executor, 0, 6 * STEP)
    executor.accept(2, line(0.15 * 1 * STEP / S, stamp=2 * STEP), 6 * STEP)
    ended = executor.take_ended()[0]
    assert (ended.dropped, ended.executed) == (0, 3)
    assert executor.progress(6 * STEP).step == pytest.approx(2.0)


def test_changing_the_speed_is_smooth():
    executor = make(LIMITS)
    executor.accept(1, line(speed=0.4), 0)
    setpoints = run(executor, 0, S // 4)
    executor.set_speed_scale(0.2, S // 4)
    setpoints += run(executor, S // 4, S // 2)
    executor.set_speed_scale(1.0, S // 2)
    setpoints += run(executor, S // 2, S)
    assert_within(setpoints, LIMITS)
    assert x_of(setpoints[-1]) < 0.4 * 0.85


def test_late_chunk_drops_what_has_passed():
    executor = make(at=4 * STEP)
    executor.accept(1, line(), 4 * STEP)
    run(executor, 4 * STEP, 5 * STEP)
    executor.accept(2, line(stamp=5 * STEP), 5 * STEP)
    ended = executor.take_ended()[0]
    assert (ended.chunk_id, ended.dropped, ended.executed, ended.starved) == (1, 4, 2, 0)


def test_chunk_that_runs_out_is_held_and_then_somebody_must_resume():
    executor = make()
    executor.accept(1, line(), 0)
    end = line().end_ns
    last = run(executor, 0, end + S // 2)[-1]
    assert 0.15 < x_of(last) < 0.17
    assert executor.activity is Activity.HOLDING
    assert executor.stops.reason is StopReason.STARVED
    assert run(executor, end + S // 2, end + 2 * S)[-1] is None
    assert executor.is_idle
    assert executor.take_ended()[0].starved >= 15
    late = line(stamp=end + 2 * S)
    assert "nothing was heard from the policy; call ~/resume" in executor.accept(
        2, late, end + 2 * S
    )
    assert executor.resume() is None
    executor.start_from(late.signals["ee_pose"][0], {"grip": 0.0}, end + 2 * S)
    assert executor.accept(3, late, end + 2 * S) is None


def test_a_chunk_after_a_short_starvation_goes_on():
    executor = make()
    executor.accept(1, line(), 0)
    end = line().end_ns
    run(executor, 0, end + S // 4)
    assert executor.accept(2, line(0.15, stamp=end + S // 4), end + S // 4) is None
    assert executor.stops.reason is None
    assert executor.take_ended()[0].starved == 3


@pytest.mark.parametrize("scale", [1.0, 0.5, 0.1])
def test_a_silent_policy_stops_the_arm_though_its_chunk_goes_on(scale: float):
    executor = make(watchdog_s=0.5)
    executor.set_speed_scale(scale, 0)
    executor.accept(1, line(), 0)
    silent_ns = int(S / 2 / scale)
    run(executor, 0, silent_ns - 2 * TICK)
    assert executor.activity is Activity.EXECUTING
    run(executor, silent_ns - 2 * TICK, silent_ns + 2 * TICK)
    assert executor.activity is Activity.STOPPING
    assert f"none for {0.5 / scale:.1f} s (watchdog: 0.5 s" in executor.stops.sentence


def test_steps_that_the_limits_stretch_are_waited_for():
    """A policy that sends a chunk after every 4 steps of the last one."""
    executor = make(Limits(linear_velocity=0.05, linear_acceleration=1.0), watchdog_s=0.5)
    executor.accept(1, line(), 0)
    run(executor, 0, S)
    assert executor.progress(S).step < 5
    assert executor.activity is Activity.EXECUTING


@pytest.mark.parametrize(
    ("chunk", "now", "reason"),
    [
        (line(epoch=0), 0, "epoch 0 is over, now it is 1"),
        (line(), 3 * S, "all 16 steps have passed, the last one 2.00 s ago"),
        (line(stamp=2 * S), S, "its stamp is 1.00 s in the future: check that the clocks"),
        (
            Chunk(0, STEP, 1, signals=arm_signals(ee_pose=np.full((3, 7), np.nan))),
            0,
            "ee_pose holds NaN",
        ),
        (line(speed=5.0), 0, "step 7 has x = 2.333 m, allowed -1 to 2 (limits.workspace)"),
        (line(0.6), 0, "the chunk begins 0.600 m away, allowed 0.3 (limits.linear_jump)"),
        (line(steps=4, speed=6.0), 0, "step 1 is 0.400 m away, allowed 0.3"),
        (
            Chunk(0, STEP, 1, signals=arm_signals(ee_pose=np.zeros((3, 7)))),
            0,
            "step 0 has a quaternion of length 0, expected 1",
        ),
    ],
)
def test_unusable_chunks_are_refused_and_the_old_one_goes_on(chunk, now, reason):
    limits = Limits(workspace_min=(-1, -1, -1), workspace_max=(2, 1, 1), linear_jump=0.3)
    executor = make(limits, watchdog_s=60.0)
    executor.accept(1, line(steps=90), 0)
    run(executor, 0, now)
    assert reason in executor.accept(2, chunk, now)
    assert x_of(run(executor, now, now + 1)[-1]) == pytest.approx(0.15 * now / S, abs=1e-6)
    assert executor.take_ended() == []


def test_joints_beyond_their_range_are_refused():
    limits = Limits(joint_lower=(-1.0, -1.0), joint_upper=(1.0, 1.0), joint_jump=(0.5, 0.5))
    executor = ChunkExecutor(limits, ExecutionSettings(JOINT_POSITION, period_s=0.01))
    executor.start_from(np.zeros(2), {}, 0)
    beyond = Chunk(
        0, STEP, 1, signals=arm_signals(joint_position=np.array([[0.0, 0.0], [0.0, 1.2]]))
    )
    assert "step 1 has joint 2 = 1.200 rad, allowed -1 to 1" in executor.accept(1, beyond, 0)
    jump = Chunk(
        0, STEP, 1, signals=arm_signals(joint_position=np.array([[0.0, 0.0], [0.0, 0.7]]))
    )
    assert "step 1 is 0.700 rad (joint 2) away" in executor.accept(1, jump, 0)


@pytest.mark.parametrize(
    "broken, reason",
    [
        (Chunk(0, STEP, 1, arm_signals(ee_pose=np.full((16, 7), np.nan))), "ee_pose holds NaN"),
        (line(stamp=S), "its stamp is 0.90 s in the future"),
    ],
)
def test_many_refusals_in_a_row_stop_the_arm_and_need_a_resume(broken, reason):
    executor = make(rejected_in_row=3)
    executor.accept(1, line(steps=90), 0)
    run(executor, 0, S // 10)
    for index in range(3):
        assert executor.stops.reason is None
        executor.accept(2 + index, broken, S // 10)
    assert executor.stops.reason is StopReason.REJECTED
    assert reason in executor.stops.sentence
    assert executor.activity is Activity.STOPPING
    assert "call ~/resume" in executor.accept(9, line(stamp=S // 10), S // 10)
    assert executor.resume() is None
    assert executor.accept(10, line(stamp=S // 10), S // 10) is None


def test_a_flood_of_chunks_stops_the_arm():
    executor = make()
    for index in range(60):
        executor.accept(index, line(steps=90), index * S // 1000)
    assert executor.stops.reason is StopReason.FLOOD
    assert executor.activity is Activity.STOPPING


def test_a_clock_that_jumps_back_makes_no_flood():
    executor = make()
    for index in range(60):
        executor.accept(index + 1, line(stamp=index * S // 10), index * S // 10)
    executor.accept(61, line(stamp=0), 0)
    assert executor.stops.reason is not StopReason.FLOOD


def graded(chunk, grade):
    return replace(chunk, verdict=Verdict(grade, "unlike the training data: a test"))


def test_an_unfamiliar_chunk_is_executed_slowly_and_the_next_one_is_not():
    executor = make(watchdog_s=2.0)
    executor.accept(1, graded(line(), Grade.SLOW), 0)
    run(executor, 0, S)
    assert executor.progress(S).rate == pytest.approx(SLOW_SPEED)
    assert executor.accept(2, graded(line(stamp=S), Grade.WARN), S) is None
    run(executor, S, 3 * S // 2)
    assert executor.progress(3 * S // 2).rate == 1.0


def test_a_strange_chunk_stops_the_arm_until_a_familiar_one_comes():
    executor = make()
    executor.accept(1, line(), 0)
    run(executor, 0, S // 2)
    reason = executor.accept(2, graded(line(stamp=S // 2), Grade.HOLD), S // 2)
    assert reason == "unlike the training data: a test"
    setpoints = run(executor, S // 2, S)
    assert_within(setpoints, LIMITS)
    assert executor.activity is Activity.HOLDING
    assert executor.stops.sentence == (
        "stopped, the policy is far from what it was trained on: unlike the training data: a test"
    )
    here = x_of(setpoints[-1])
    assert executor.accept(3, line(here, stamp=S), S) is None
    assert executor.stops.sentence == ""


def test_strange_chunks_only_stop_the_arm_until_somebody_resumes():
    executor = make(rejected_in_row=3)
    executor.accept(1, line(), 0)
    for chunk_id in range(2, 5):
        executor.accept(chunk_id, graded(line(), Grade.HOLD), 0)
    assert executor.stops.reason is StopReason.REJECTED
    assert "unlike the training data: a test; call ~/resume" in executor.stops.sentence


def test_no_resume_while_the_emergency_stop_is_pressed_and_the_first_reason_stays():
    executor = make()
    executor.accept(1, line(), 0)
    executor.press(StopReason.ESTOP, True, S // 10)
    executor.press(StopReason.FAULT, True, S // 5)
    assert executor.stops.reason is StopReason.ESTOP
    executor.press(StopReason.ESTOP, False, S)
    assert executor.resume() == "not resumed: the robot reports a fault"
    assert "the emergency stop was pressed" in executor.accept(2, line(stamp=S), S)
    executor.press(StopReason.FAULT, False, S)
    assert executor.resume() is None
    assert executor.accept(3, line(stamp=S), S) is None


def test_an_end_that_was_asked_for_says_whether_the_arm_moved():
    executor = make()
    executor.accept(1, line(), 0)
    run(executor, 0, S // 2)
    executor.cancel(5, S // 2)
    run(executor, S // 2, S)
    executor.resume()
    executor.halt(StopReason.DEACTIVATED, S)
    cancelled, deactivated = executor.stops.take_news()
    assert cancelled.was_moving and not deactivated.was_moving
    assert cancelled.reason.was_asked_for and deactivated.reason.was_asked_for


def test_cancel_stops_and_voids_older_chunks():
    executor = make()
    executor.accept(1, line(), 0)
    run(executor, 0, S // 2)
    executor.cancel(5, S // 2)
    assert run(executor, S // 2, S)[-1] is not None
    assert executor.activity is Activity.HOLDING
    assert "epoch 1 is over" in executor.accept(2, line(stamp=S), S)
    assert executor.accept(3, line(0.08, stamp=S, epoch=5), S) is None


@pytest.mark.parametrize("jump_s", [-5, 5])
def test_an_arm_without_commands_for_long_is_held(jump_s):
    executor = make()
    executor.accept(1, line(steps=150), 0)
    before = run(executor, 0, S // 2)[-1]
    then = S // 2 + jump_s * S
    after = executor.setpoint(then)
    assert x_of(after) == pytest.approx(x_of(before), abs=1e-9)
    assert executor.stops.reason is StopReason.CLOCK
    following = line(x_of(after), stamp=then)
    assert executor.accept(2, following, then) is None
    moved = [x_of(s) for s in run(executor, then, then + S // 2)]
    assert moved[-1] > x_of(before) + 0.05


@pytest.mark.parametrize("jump_ns", [-5 * S, -S // 20, S // 20, 5 * S])
@given(st.integers(0, 1000), st.integers(20, 100))
@settings(max_examples=5, deadline=None)
def test_an_arm_decelerates_when_the_clock_is_set(jump_ns, seed, ticks):
    executor = make(LIMITS, start=np.array([0, 0, 0, 1.0, 0, 0, 0]))
    executor.accept(1, wild(seed), 0)
    setpoints = run(executor, 0, ticks * TICK)
    then = ticks * TICK + jump_ns
    executor.clock_set(jump_ns, then)
    assert executor.stops.reason is StopReason.CLOCK or ticks * TICK > S
    setpoints += run(executor, then, then + S // 2)
    assert_within(setpoints, LIMITS)
    assert executor.activity is Activity.HOLDING
    following = wild(seed, stamp=then + S // 2)
    assert executor.accept(2, following, then + S // 2) is None
    setpoints += run(executor, then + S // 2, then + S)
    assert_within(setpoints, LIMITS)
    assert executor.activity is Activity.EXECUTING


def test_after_long_without_commands_no_trajectory_leads_back():
    """Its controller went on along the motion that it has; where to is measured."""
    limits = Limits(joint_velocity=(1.0,), joint_acceleration=(2.0,))
    executor = ChunkExecutor(
        limits,
        ExecutionSettings(signal=JOINT_POSITION, interpolated=True, period_s=TICK / S),
    )
    executor.start_from(np.array([0.0]), {}, 0)
    joints = np.linspace(0.0, 2.0, 60)[:, None]
    assert (
        executor.accept(1, Chunk(0, STEP, 1, signals=arm_signals(joint_position=joints)), 0)
        is None
    )
    run(executor, 0, S)
    assert executor.setpoint(2 * S) is None
    assert executor.stops.reason is StopReason.CLOCK and executor.begins_anew
    executor.start_from(np.array([0.7]), {}, 2 * S)
    following = Chunk(2 * S, STEP, 1, signals=arm_signals(joint_position=joints + 0.7))
    # The arm still moves, and would have to stop at once.
    assert executor.accept(2, following, 2 * S) == executor.stops.sentence
    following = Chunk(6 * S, STEP, 1, signals=arm_signals(joint_position=joints + 2.0))
    executor.start_from(np.array([2.0]), {}, 6 * S)
    assert executor.accept(3, following, 6 * S) is None
    assert executor.setpoint(6 * S).signals["joint_position"][0] == pytest.approx(2.0, abs=1e-3)


def test_motion_starts_at_the_robot_and_within_its_speed():
    executor = make(Limits(linear_velocity=0.2), start=np.array([0.5, 0, 0, *DOWN]))
    x = [0.5]
    for index in range(60):
        now = index * 2 * STEP
        executor.accept(index, line(speed=0.0, stamp=now), now)
        x += [x_of(s) for s in run(executor, now + TICK, now + 2 * STEP)]
    assert np.abs(np.diff(x)).max() <= 0.2 * TICK / S * 1.03
    assert x[-1] == pytest.approx(0.0, abs=0.01)


def test_the_gripper_closes_at_its_own_speed():
    executor = make(Limits(grip_speed=2.0))
    executor.accept(1, line(), 0)
    grips = np.array([s.signals["grip"] for s in run(executor, 0, S)])
    assert np.diff(grips).max() == pytest.approx(2.0 * TICK / S)
    assert grips[0] == 0.0 and grips[-1] > 0.8


def test_finish_plays_the_chunk_out_and_then_takes_the_newest():
    executor = make(strategy="finish")
    executor.accept(1, line(), 0)
    run(executor, 0, S // 2)
    executor.accept(2, line(0.3, stamp=S // 3), S // 2)
    executor.accept(3, line(0.1, stamp=S // 2), S // 2)
    run(executor, S // 2, 14 * STEP)
    assert executor.progress(14 * STEP).chunk_id == 1
    run(executor, 14 * STEP, 15 * STEP + S // 10)
    assert executor.progress(15 * STEP + S // 10).chunk_id == 3
    assert executor.take_ended()[0].executed == 16


def test_finish_goes_on_as_fast_where_the_next_chunk_does():
    executor = make(strategy="finish")
    executor.accept(1, line(), 0)
    before = run(executor, 0, S // 2)
    executor.accept(2, line(0.075, stamp=S // 2), S // 2)
    speeds = np.diff([x_of(s) for s in before + run(executor, S // 2, 3 * S // 2)]) / (TICK / S)
    np.testing.assert_allclose(speeds[60:], 0.15, atol=1e-6)


@given(st.lists(st.tuples(st.integers(0, 10 * S), st.floats(0, 1)), max_size=6), st.data())
def test_consumption_adds_up(changes, data):
    consumption = Consumption()
    for time, rate in sorted(changes):
        consumption.set_rate(time, rate)
    a, b, c = sorted(data.draw(st.integers(-S, 12 * S)) for _ in range(3))
    total = consumption.between_s(a, c)
    assert total == pytest.approx(consumption.between_s(a, b) + consumption.between_s(b, c))
    assert -1e-9 <= total <= (c - a) / S + 1e-9


def test_a_chunk_that_comes_first_after_a_freeze_starts_where_the_arm_was():
    executor = make()
    executor.accept(1, line(steps=90), 0)
    before = run(executor, 0, S // 2)[-1]
    assert executor.accept(2, line(0.3, stamp=3 * S // 2), 3 * S // 2) is None
    assert x_of(executor.setpoint(3 * S // 2)) == pytest.approx(x_of(before), abs=1e-9)


def broken(*_):
    raise ZeroDivisionError("no reason")


def break_path(executor):
    executor._moves.timeline.path = broken


def break_chunk(executor):
    """What comes after the governor's step, and what the reports are made of."""
    executor._running.grip_at = executor._running.execution = broken


def break_stop(executor):
    """What plans a stop."""
    executor._moves.planner = replace(executor._moves.planner)
    object.__setattr__(executor._moves.planner, "stop", broken)


def break_all(executor):
    """Nothing but the governor's braking is left."""
    executor.setpoint = broken


@given(st.integers(0, 1000), st.integers(20, 100))
@settings(max_examples=5, deadline=None)
def test_an_emergency_stop_stops_though_no_stop_can_be_planned(seed, ticks):
    executor = make(LIMITS, start=np.array([0, 0, 0, 1.0, 0, 0, 0]))
    executor.accept(1, wild(seed), 0)
    setpoints = run(executor, 0, ticks * TICK)
    break_stop(executor)
    executor.press(StopReason.ESTOP, True, ticks * TICK)
    setpoints += run(executor, ticks * TICK, ticks * TICK + S)
    assert_within(setpoints, LIMITS)
    np.testing.assert_array_equal(
        setpoints[-1].signals["ee_pose"], setpoints[-40].signals["ee_pose"]
    )
    assert executor.stops.sentence.startswith("stopped, the emergency stop was pressed")


@pytest.mark.parametrize("spoil", [break_path, break_chunk, break_all])
@given(st.integers(0, 1000), st.integers(20, 100))
@settings(max_examples=5, deadline=None)
def test_whatever_raises_the_arm_comes_to_rest_within_the_limits(spoil, seed, ticks):
    executor = make(LIMITS, start=np.array([0, 0, 0, 1.0, 0, 0, 0]))
    executor.accept(1, wild(seed), 0)
    setpoints = run(executor, 0, ticks * TICK)
    spoil(executor)
    for now in range(ticks * TICK, ticks * TICK + S, TICK):
        try:
            setpoint = executor.setpoint(now)
        except ZeroDivisionError as error:
            setpoint = executor.fail(str(error), now)
        setpoints.append(setpoint)
    assert_within(setpoints, LIMITS)
    np.testing.assert_array_equal(
        setpoints[-1].signals["ee_pose"], setpoints[-40].signals["ee_pose"]
    )
    assert executor.stops.sentence == (
        "stopped, the executor ran into an error: no reason; call ~/resume to go on"
    )
    assert executor.accept(2, wild(seed, stamp=now), now) == executor.stops.sentence
    if spoil is not break_all:
        assert executor.activity is Activity.HOLDING and executor.resume() is None
        assert executor.accept(3, wild(seed, stamp=now), now) is None
