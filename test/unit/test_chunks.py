"""Chunks in time: sampling, trimming, derivatives, smooth curves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.curve import Curve
from groot_ros.chunks.derivatives import joint_velocities, pose_velocities
from groot_ros.chunks.measures import SeamMeter, rms_jerk, sparc
from groot_ros.geometry import multiply_quats, quat_to_matrix, quat_to_rotvec, rotvec_to_quat
from groot_ros.signals.signals import arm_signals
from groot_ros.signals.space import LinearSpace, PoseSpace

S = 1_000_000_000
STEP = S // 15
DOWN = (0.0, 1.0, 0.0, 0.0)
times = st.integers(-2 * S, 4 * S)
vectors = st.lists(st.floats(-1, 1), min_size=3, max_size=3).map(np.array)
turns = vectors.map(lambda v: 1.7 * v)


def line(start=0.0, speed=0.15, stamp=0, steps=16, epoch=1):
    """A chunk along x at `speed` m/s whose grip closes half way."""
    x = start + speed * STEP / S * np.arange(steps)
    poses = np.stack([x, 0 * x, 0 * x, *(np.full(steps, q) for q in DOWN)], axis=1)
    grip = (np.arange(steps) >= steps // 2).astype(float)
    return Chunk(stamp, STEP, epoch, signals=arm_signals(ee_pose=poses, grip=grip))


def x_of(signals):
    return signals["ee_pose"][0]


@given(times)
def test_sampling_is_linear_inside_and_holds_outside(time):
    chunk = line()
    inside = np.clip(time / S, 0.0, 15 * STEP / S)
    assert x_of(chunk.sample(time)) == pytest.approx(0.15 * inside, abs=1e-9)
    assert chunk.is_future(time) == (time < 0)
    assert chunk.is_past(time) == (time > 15 * STEP)


@given(st.lists(times, min_size=1, max_size=5))
def test_many_samples_are_the_single_ones(many):
    chunk = line()
    samples = chunk.sample_many(np.array(many))
    single = [chunk.sample(time) for time in many]
    np.testing.assert_array_equal(samples["ee_pose"], [s["ee_pose"] for s in single])
    np.testing.assert_array_equal(samples["grip"], [s["grip"] for s in single])


@given(times)
def test_grip_switches_and_never_blends(time):
    assert line().sample(time)["grip"] in (0.0, 1.0)


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
    with pytest.raises(ValueError, match="needs a motion"):
        Chunk(0, STEP, signals=arm_signals(grip=np.zeros(3)))
    with pytest.raises(ValueError, match="lengths"):
        Chunk(0, STEP, signals=arm_signals(joint_position=np.zeros((4, 7)), grip=np.zeros(3)))
    with pytest.raises(ValueError, match="step_ns"):
        Chunk(0, 0, signals=arm_signals(joint_position=np.zeros((4, 7))))


def test_velocities_of_steady_motion():
    linear, angular = pose_velocities(line().signals["ee_pose"], STEP / S)
    np.testing.assert_allclose(linear, np.tile([0.15, 0, 0], (16, 1)), atol=1e-6)
    np.testing.assert_allclose(angular, 0, atol=1e-9)
    turns = np.linspace(0, 1.5, 16)
    poses = np.stack(
        [0 * turns] * 3 + [np.cos(turns / 2), 0 * turns, 0 * turns, np.sin(turns / 2)], 1
    )
    _, angular = pose_velocities(poses * np.where(np.arange(7) > 2, -1, 1), 0.1)
    np.testing.assert_allclose(angular, np.tile([0, 0, 1.0], (16, 1)), atol=1e-9)
    assert joint_velocities(np.ones((1, 7)), 0.1).shape == (1, 7)


@given(turns, turns)
def test_rotation_vectors_and_products_of_quaternions(first, second):
    a, b = rotvec_to_quat(first), rotvec_to_quat(second)
    matrix = quat_to_matrix(a) @ quat_to_matrix(b)
    np.testing.assert_allclose(quat_to_matrix(multiply_quats(a, b)), matrix, atol=1e-12)
    back = rotvec_to_quat(quat_to_rotvec(a))
    np.testing.assert_allclose(quat_to_matrix(back), quat_to_matrix(a), atol=1e-12)


@given(vectors, turns, vectors, vectors, vectors)
def test_displacements_lead_there_and_their_velocities_are_derivatives(
    place, turn, linear, spin, target
):
    space = PoseSpace()
    start = np.concatenate([place, rotvec_to_quat(target)])
    way, rate = np.concatenate([linear, turn]), np.concatenate([place, spin])
    end = space.displace(start, way)
    np.testing.assert_allclose(space.displace(start, space.difference(end, start)), end, atol=1e-9)
    small = 1e-6
    before, after = (space.displace(start, way + sign * small * rate) for sign in (-1, 1))
    velocity = space.difference(after, before) / (2 * small)
    np.testing.assert_allclose(space.velocity(way, rate), velocity, atol=1e-6)
    np.testing.assert_allclose(space.rate(way, space.velocity(way, rate)), rate, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_a_curve_goes_through_its_knots_with_a_continuous_velocity(seed):
    rng = np.random.default_rng(seed)
    places, turns = (np.cumsum(rng.normal(scale=0.2, size=(16, 3)), axis=0) for _ in range(2))
    knots = np.concatenate([places, rotvec_to_quat(turns)], axis=1)
    space = PoseSpace()
    curve = Curve.through(space, knots, 0.1)
    inner = np.arange(1, 15) * 0.1
    np.testing.assert_allclose(space.difference(curve.at(inner), knots[1:-1]), 0, atol=1e-9)
    before, after = curve.state(inner - 1e-9)[1], curve.state(inner + 1e-9)[1]
    np.testing.assert_allclose(before, after, atol=1e-4)
    between = rng.uniform(0.01, 1.49, 40)
    numeric = space.difference(curve.at(between + 1e-6), curve.at(between - 1e-6)) / 2e-6
    np.testing.assert_allclose(curve.state(between)[1], numeric, atol=1e-2)
    np.testing.assert_allclose(
        [curve.at(float(t)) for t in between], curve.at(between), atol=1e-12
    )
    np.testing.assert_allclose(curve.at([-1.0, 9.0]), knots[[0, -1]], atol=1e-9)
    assert not curve.state([-1.0, 9.0])[1].any()


def test_the_seam_is_what_the_last_commands_did_not_lead_to():
    meter = SeamMeter(LinearSpace())
    steady = []
    for i in range(5):
        meter.add(np.array([0.01 * i]), i * S // 100)
        steady.append(meter.jump)
    assert steady[:2] == [None, None]
    np.testing.assert_allclose(steady[2:], 0, atol=1e-12)
    meter.add(np.array([0.06]), 5 * S // 100)
    assert meter.jump == pytest.approx(0.01)


def test_measures_of_smoothness():
    time = np.linspace(0, 1, 501)
    smooth = time**3 * (10 - 15 * time + 6 * time**2)
    speed = 30 * time**2 * (1 - time) ** 2
    assert sparc(speed, 0.002) == pytest.approx(-1.4, abs=0.05)
    assert sparc(speed * (1 + 0.5 * np.sin(40 * time)), 0.002) < sparc(speed, 0.002) - 0.1
    path = np.stack([smooth, 0 * time, 0 * time], axis=1)
    expected = np.sqrt(np.mean((60 * (1 - 6 * time + 6 * time**2)) ** 2))
    assert rms_jerk(path, 0.002) == pytest.approx(expected, rel=0.02)
