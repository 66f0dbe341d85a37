"""Kinds of signals and signals by name: what holds whatever the numbers are."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from groot_ros.signals.kinds import (
    CLOSURE,
    JOINTS,
    KINDS,
    POSE,
    VECTOR,
    VELOCITY,
    OutOfRange,
    Pose,
)
from groot_ros.signals.signals import (
    EE_POSE,
    GRIP,
    JOINT_POSITION,
    Signals,
    SignalSpec,
    arm_signals,
)

COUNT = 3
LOW, HIGH = np.full(6, -0.2), np.full(6, 0.2)
kinds = st.sampled_from([POSE, JOINTS, CLOSURE, VELOCITY, VECTOR])
fractions = st.floats(0.0, 1.0)
small = st.floats(-1.0, 1.0)


@st.composite
def values(draw, kind, steps):
    """Values (T, N) of a kind."""
    rows = [draw(st.lists(small, min_size=7, max_size=7)) for _ in range(steps)]
    numbers = np.array(rows)
    if kind == CLOSURE:
        return np.abs(numbers[:, 0])
    if kind != POSE:
        return numbers[:, :COUNT]
    lengths = np.linalg.norm(numbers[:, 3:], axis=1, keepdims=True)
    assume(np.all(lengths > 0.1))
    return np.concatenate([numbers[:, :3], numbers[:, 3:] / lengths], axis=1)


@st.composite
def kind_and_values(draw, steps=2):
    kind = draw(kinds)
    return kind, draw(values(kind, steps))


def apart(kind, end, start):
    return float(np.max(kind.distances(end, start), initial=0.0))


@given(kind_and_values(), fractions)
def test_values_between_two_lie_on_the_way(case, fraction):
    kind, (start, end) = case
    between = kind.interpolate(start, end, fraction)
    assert np.shape(between) == kind.shape(COUNT)
    whole = kind.distances(end, start)
    tolerance = 1e-6
    np.testing.assert_allclose(kind.distances(between, start), fraction * whole, atol=tolerance)
    np.testing.assert_allclose(
        kind.distances(end, between), (1 - fraction) * whole, atol=tolerance
    )


@given(kind_and_values(steps=4), fractions)
def test_many_values_are_interpolated_as_each_of_them(case, fraction):
    kind, many = case
    starts, ends, fractions = many[:2], many[2:], np.array([fraction, 1 - fraction])
    together = kind.interpolate(starts, ends, fractions)
    each = [kind.interpolate(s, e, f) for s, e, f in zip(starts, ends, fractions, strict=True)]
    np.testing.assert_array_equal(together, each)


@given(kind_and_values())
def test_a_displacement_leads_where_it_was_taken_from(case):
    kind, (start, end) = case
    space = kind.space
    way = space.difference(np.atleast_1d(end), np.atleast_1d(start))
    reached = space.displace(np.atleast_1d(start), way)
    assert apart(kind, reached, np.atleast_1d(end)) < 1e-6


@given(kind_and_values(steps=4))
def test_one_length_is_the_same_as_among_many(case):
    kind, many = case
    ways = kind.space.difference(many[1:], many[:1])
    each = [kind.space.lengths(way) for way in ways]
    np.testing.assert_allclose(kind.space.lengths(ways), each, rtol=1e-14, atol=1e-100)


@given(kind_and_values(steps=1), st.floats(0.01, 1.0))
def test_the_mean_of_equal_values_is_that_value(case, weight):
    kind, value = case
    share = weight / (weight + 1.0)
    weights = np.array([[share], [1.0 - share]])
    assert apart(kind, kind.mean(np.array([value, value]), weights), value) < 1e-6


@given(kind_and_values(steps=3))
def test_messages_hold_the_same_numbers(case):
    kind, many = case
    on_the_wire = kind.to_message(many)
    assert np.sort(on_the_wire, axis=-1).tolist() == np.sort(many, axis=-1).tolist()
    np.testing.assert_array_equal(kind.from_message(on_the_wire), many)


@given(kind_and_values(steps=3), st.floats(0.0, 2.0))
def test_what_is_moved_into_a_range_is_in_it_and_stays(case, margin):
    kind, many = case
    inside, moved = kind.project(many, LOW, HIGH, margin, "it")
    assert inside.shape == many.shape
    np.testing.assert_array_equal(np.any(np.atleast_2d((inside != many).T), axis=0), moved)
    again, moved_again = kind.project(inside, LOW, HIGH, margin, "it")
    np.testing.assert_array_equal(again, inside)
    assert not moved_again.any()
    if kind == POSE:
        assert np.all(np.abs(inside[moved, :3]) <= 0.2)
        assert np.all(np.linalg.norm(inside[:, :3] - many[:, :3], axis=1) <= margin)


@given(kind_and_values(steps=3), st.integers(0, 2), st.sampled_from([np.nan, np.inf]))
def test_what_is_not_finite_is_wrong_for_every_kind(case, step, number):
    kind, many = case
    assert kind.wrong(many, "it") is None
    assert kind.usable(many).all()
    many = many.copy()
    many[step, ...] = number
    assert kind.wrong(many, "it") == "it holds NaN or infinity"
    assert kind.usable(many).tolist() == [index != step for index in range(3)]


@given(kind_and_values(steps=3))
def test_a_value_has_not_moved_from_itself(case):
    kind, many = case
    assert not kind.moved(many, many[0])[0]


def test_a_hand_moves_by_more_than_noise():
    here = np.array([[0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]] * 2)
    there = here + np.array([[0.001, 0, 0, 0, 0, 0, 0], [0.003, 0, 0, 0, 0, 0, 0]])
    assert POSE.moved(there, here[0]).tolist() == [False, True]
    assert not VECTOR.moved(np.array([[0.0], [9.9]]), np.zeros(1)).any()


def test_a_quaternion_keeps_the_sign_of_the_last_one():
    last = np.array([0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0])
    assert POSE.same_sign(-last, last)[3] == 1.0
    assert POSE.wrong(2 * last[None], "it") == ("step 0 has a quaternion of length 2, expected 1")
    assert not POSE.usable(0 * last[None]).any()


def test_a_closure_far_outside_is_no_command():
    closures, moved = CLOSURE.project(np.array([-0.1, 0.5, 1.2]), LOW, HIGH, 0.0, "grip")
    assert closures.tolist() == [0.0, 0.5, 1.0] and moved.tolist() == [True, False, True]
    with pytest.raises(OutOfRange, match=r"step 1 has grip = 1\.3, allowed 0 to 1"):
        CLOSURE.project(np.array([1.0, 1.3]), LOW, HIGH, 0.0, "grip")


def test_kinds_are_told_by_their_names_and_are_equal_as_values():
    assert KINDS["pose"] == Pose() and hash(Pose()) == hash(POSE)
    assert len({*KINDS.values()}) == len(KINDS) == 5
    assert [name for name, kind in KINDS.items() if kind.is_motion] == ["pose", "joints"]
    assert [name for name, kind in KINDS.items() if not kind.is_commanded] == ["vector"]
    assert [name for name, kind in KINDS.items() if kind.is_decision] == ["closure"]
    assert [name for name, kind in KINDS.items() if not kind.is_held] == ["velocity"]


def test_a_signal_tells_its_shape_and_columns():
    wrench = SignalSpec("wrench", VECTOR, ("fx", "fy", "fz"), unit="N")
    assert wrench.shape == (3,) and wrench.columns == ("fx", "fy", "fz")
    assert EE_POSE.shape == (7,) and EE_POSE.columns[3] == "qw"
    assert GRIP.shape == () and GRIP.columns == ("grip",)


def test_signals_are_found_by_name_and_the_others_are_missing():
    signals = arm_signals(ee_pose=np.ones((4, 7)), grip=np.arange(4))
    assert list(signals) == ["ee_pose", "grip"] and "joint_position" not in signals
    assert signals.get("joint_position") is None
    assert signals.spec("grip") == GRIP
    with pytest.raises(KeyError, match="joint_position"):
        signals["joint_position"]
    assert signals.at(2)["grip"] == 2.0
    assert signals.at(slice(1, 3))["ee_pose"].shape == (2, 7)


def test_signals_are_made_of_others_and_stay_as_they_are():
    signals = arm_signals(joint_position=np.zeros(6), grip=0.5)
    closed = signals.replaced({"grip": np.array(1.0)})
    assert signals["grip"] == 0.5 and closed["grip"] == 1.0
    with pytest.raises(KeyError, match="ee_pose"):
        signals.replaced({"ee_pose": np.zeros(7)})
    doubled = closed.map(lambda spec, array: array if spec == JOINT_POSITION else 2 * array)
    assert doubled["grip"] == 2.0
    more = closed.with_signal(EE_POSE, np.ones(7))
    assert list(more) == ["joint_position", "grip", "ee_pose"]
    assert more != closed and closed == closed.replaced({}) and hash(closed) == hash(doubled)
    assert closed != doubled
    assert more.with_signal(GRIP, np.array(0.0)).arrays[1] == 0.0
    with pytest.raises(ValueError, match="1 signals have 2 arrays"):
        Signals((GRIP,), (np.zeros(1), np.zeros(1)))
