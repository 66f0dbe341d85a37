"""Chunks in time: sampling, trimming, blending, limits, holding."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from groot_ros.chunks.blend import jump, limit_speed
from groot_ros.chunks.chunk import Chunk, Setpoint
from groot_ros.chunks.derivatives import joint_velocities, pose_velocities
from groot_ros.chunks.execution import ChunkExecutor, Motion
from groot_ros.robot import Limits

S = 1_000_000_000
STEP = S // 15
DOWN = (0.0, 1.0, 0.0, 0.0)
times = st.integers(-2 * S, 4 * S)


def line(start=0.0, speed=0.15, stamp=0, steps=16, epoch=1):
    """A chunk along x at `speed` m/s whose grip closes half way."""
    x = start + speed * STEP / S * np.arange(steps)
    poses = np.stack([x, 0 * x, 0 * x, *(np.full(steps, q) for q in DOWN)], axis=1)
    grip = (np.arange(steps) >= steps // 2).astype(float)
    return Chunk(stamp, STEP, epoch, ee_pose=poses, grip=grip)


def x_of(setpoint):
    return setpoint.ee_pose[0]


@given(times)
def test_sampling_is_linear_inside_and_holds_outside(time):
    chunk = line()
    inside = np.clip(time / S, 0.0, 15 * STEP / S)
    assert x_of(chunk.sample(time)) == pytest.approx(0.15 * inside, abs=1e-9)


@given(times)
def test_grip_switches_and_never_blends(time):
    assert line().sample(time).grip in (0.0, 1.0)


@given(times)
def test_passed_and_remaining_steps_add_up(time):
    chunk = line()
    rest = chunk.after(time)
    remaining = 0 if rest is None else len(rest)
    assert chunk.passed_steps(time) + remaining == 16
    assert chunk.passed_steps(time) == int(np.sum(chunk.step_times_ns() < time))
    if rest is not None:
        assert rest.stamp_ns >= time or rest.stamp_ns == chunk.stamp_ns
        assert rest.end_ns == chunk.end_ns


def test_a_chunk_needs_matching_signals():
    with pytest.raises(ValueError, match="needs ee_pose or joint_position"):
        Chunk(0, STEP, grip=np.zeros(3))
    with pytest.raises(ValueError, match="lengths"):
        Chunk(0, STEP, joint_position=np.zeros((4, 7)), grip=np.zeros(3))
    with pytest.raises(ValueError, match="step_ns"):
        Chunk(0, 0, joint_position=np.zeros((4, 7)))


def test_velocities_of_steady_motion():
    linear, angular = pose_velocities(line().ee_pose, STEP / S)
    np.testing.assert_allclose(linear, np.tile([0.15, 0, 0], (16, 1)), atol=1e-6)
    np.testing.assert_allclose(angular, 0, atol=1e-9)
    turns = np.linspace(0, 1.5, 16)
    poses = np.stack(
        [0 * turns] * 3 + [np.cos(turns / 2), 0 * turns, 0 * turns, np.sin(turns / 2)], 1
    )
    _, angular = pose_velocities(poses * np.where(np.arange(7) > 2, -1, 1), 0.1)
    np.testing.assert_allclose(angular, np.tile([0, 0, 1.0], (16, 1)), atol=1e-9)
    assert joint_velocities(np.ones((1, 7)), 0.1).shape == (1, 7)


@given(st.floats(0.001, 2.0), st.floats(0.0, 3.0), st.floats(0.001, 0.1))
def test_limited_steps_stay_within_the_speed_and_on_the_way(distance, angle, duration):
    limits = Limits(linear_velocity=0.5, angular_velocity=1.5)
    start = Setpoint(np.array([0, 0, 0, 1.0, 0, 0, 0]), None, 0.0)
    end_quat = [np.cos(angle / 2), np.sin(angle / 2), 0, 0]
    end = Setpoint(np.array([distance, 0, 0, *end_quat]), None, 1.0)
    step = limit_speed(start, end, limits, duration)
    made = jump(start, step)
    assert made.position_m <= 0.5 * duration + 1e-9
    assert made.rotation_rad <= 1.5 * duration + 1e-6
    assert made.position_m / distance == pytest.approx(
        made.rotation_rad / angle if angle > 1e-3 else made.position_m / distance, abs=1e-3
    )
    assert step.grip == 1.0


def run(executor, start, end, step=S // 100):
    return [executor.setpoint(t) for t in range(start, end, step)]


def test_seam_between_chunks_has_no_jump_in_position_or_speed():
    executor = ChunkExecutor(Limits(), blend_ns=150_000_000)
    executor.accept(1, line(0.0), 0)
    before = run(executor, 0, S // 2)
    ahead = line(0.09, stamp=S // 2)
    executor.accept(2, ahead, S // 2)
    after = run(executor, S // 2, S)
    steps = np.diff([x_of(s) for s in before + after])
    gap, blend_steps = 0.09 - 0.15 * 0.5, 15
    assert steps.max() <= 0.0015 + 1.5 * gap / blend_steps + 1e-9
    assert np.abs(np.diff(steps)).max() <= 6 * gap / blend_steps**2 + 1e-9
    assert x_of(after[-1]) == pytest.approx(x_of(ahead.sample(S - S // 100)))
    assert executor.take_ended()[0].chunk_id == 1
    executor.cancel(2, S)
    assert executor.take_ended()[0].seam.position_m == pytest.approx(gap + 0.0015, abs=1e-6)


def test_late_chunk_drops_what_has_passed():
    executor = ChunkExecutor()
    executor.accept(1, line(), 4 * STEP)
    assert x_of(executor.setpoint(4 * STEP)) == pytest.approx(0.15 * 4 * STEP / S)
    executor.accept(2, line(stamp=6 * STEP), 6 * STEP)
    ended = executor.take_ended()[0]
    assert (ended.chunk_id, ended.dropped, ended.executed, ended.starved) == (1, 4, 2, 0)


def test_chunk_that_runs_out_is_held_then_nothing_is_commanded():
    executor = ChunkExecutor(watchdog_ns=S)
    executor.start_from(Setpoint(line().ee_pose[0], None, 0.0), 0)
    executor.accept(1, line(), 0)
    end = line().end_ns
    last = run(executor, 0, end + S // 2)[-1]
    assert x_of(last) == pytest.approx(0.15, abs=1e-6)
    assert executor.motion is Motion.HOLDING
    assert executor.setpoint(end + S + S // 50) is None
    assert executor.motion is Motion.IDLE
    assert executor.take_ended()[0].starved == 15


@pytest.mark.parametrize(
    ("chunk", "now", "reason"),
    [
        (line(epoch=0), 0, "epoch 0 is over, now it is 1"),
        (line(), 3 * S, "all 16 steps have passed, the last one 2.00 s ago"),
        (Chunk(0, STEP, 1, joint_position=np.full((3, 7), np.nan)), 0, "joint_position holds NaN"),
    ],
)
def test_unusable_chunks_are_refused_and_the_old_one_goes_on(chunk, now, reason):
    executor = ChunkExecutor()
    executor.accept(1, line(steps=90), 0)
    assert reason in executor.accept(2, chunk, now)
    assert x_of(executor.setpoint(now)) == pytest.approx(0.15 * now / S, abs=1e-6)
    assert executor.take_ended() == []


def test_cancel_holds_where_the_arm_is_and_voids_older_chunks():
    executor = ChunkExecutor()
    executor.accept(1, line(), 0)
    held = run(executor, 0, S // 2)[-1]
    executor.cancel(5, S // 2)
    assert x_of(executor.setpoint(S // 2 + 1)) == x_of(held)
    assert "epoch 1 is over" in executor.accept(2, line(stamp=S // 2), S // 2)
    assert executor.accept(3, line(stamp=S // 2, epoch=5), S // 2) is None


def test_motion_starts_at_the_robot_and_within_its_speed():
    executor = ChunkExecutor(Limits(linear_velocity=0.2))
    executor.start_from(Setpoint(np.array([0.5, 0, 0, *DOWN]), None, 0.0), 0)
    executor.accept(1, line(), 0)
    x = np.array([0.5] + [x_of(s) for s in run(executor, S // 100, S)])
    assert np.abs(np.diff(x)).max() <= 0.2 / 100 + 1e-9
