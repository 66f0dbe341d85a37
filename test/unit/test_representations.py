"""Every representation leads back to where it came from."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groot_ros.codecs.parts import Affine, Part, Tool
from groot_ros.codecs.representations.base import representation_class, representation_names
from groot_ros.codecs.representations.closure import Closure
from groot_ros.codecs.representations.xyz_quat import XyzQuat
from groot_ros.errors import UserError
from groot_ros.geometry import normalize_quat, pose_to_matrix
from groot_ros.signals.kinds import CLOSURE, JOINTS, POSE, VECTOR, VELOCITY
from groot_ros.signals.signals import SignalSpec

seeds = st.integers(0, 2**32 - 1)
AXES = ("j1", "j2", "j3")
QUARTER = np.sqrt(0.5)


def random_values(kind, rng, count=6):
    if kind == POSE:
        quats = normalize_quat(rng.normal(size=(count, 4)))
        return np.concatenate([rng.uniform(-1, 1, (count, 3)), quats], axis=1)
    if kind == CLOSURE:
        return rng.uniform(0, 1, count)
    return rng.uniform(-np.pi, np.pi, (count, len(AXES)))


def same(kind, actual, expected):
    if kind == POSE:
        actual, expected = pose_to_matrix(actual), pose_to_matrix(expected)
    np.testing.assert_allclose(actual, expected, atol=1e-6)


def named(kind):
    return SignalSpec("it", kind, () if kind in (POSE, CLOSURE) else AXES)


PAIRS = [
    (name, kind) for name in representation_names() for kind in representation_class(name).kinds
]


def test_all_of_them_are_found():
    assert set(representation_names()) >= {
        "xyz_quat",
        "xyz_rot6d",
        "xyz_rotvec",
        "xyz_rpy",
        "joints",
        "sin_cos",
        "closure",
        "vector",
    }
    assert {kind for _, kind in PAIRS} == {POSE, JOINTS, CLOSURE, VELOCITY, VECTOR}


@pytest.mark.parametrize(("name", "kind"), PAIRS, ids=lambda value: getattr(value, "name", value))
@settings(max_examples=20)
@given(seed=seeds, scale=st.floats(0.1, 10), offset=st.floats(-5, 5))
def test_there_and_back(name, kind, seed, scale, offset):
    form, values = representation_class(name)(), random_values(kind, np.random.default_rng(seed))
    for unit in ("", *form.units):
        for affine in (None, Affine((scale,), (offset,))):
            part = Part(named(kind), form, "key", unit=unit, affine=affine)
            columns = part.columns(values)
            assert columns.shape == (len(values), len(part.names))
            assert len(set(part.names)) == len(part.names)
            same(kind, part.values(columns), values)


@pytest.mark.parametrize("order", ["wxyz", "xyzw"])
@pytest.mark.parametrize("sign", ["reference", "driver"])
@given(seed=seeds)
def test_quaternions_in_both_orders_and_signs(order, sign, seed):
    poses = random_values(POSE, np.random.default_rng(seed))
    form = XyzQuat(order=order, sign=sign)
    columns = form.columns(poses)
    same(POSE, form.values(columns), poses)
    names = form.names(named(POSE))
    scalar = columns[:, names.index("qw")]
    assert np.allclose(np.abs(scalar), np.abs(poses[:, 3]))
    if sign == "driver":
        assert np.allclose(scalar, poses[:, 3])
    else:
        assert np.all(columns[:, names.index("qx")] >= 0)


@pytest.mark.parametrize(
    ("quat", "turns"),
    [
        ([QUARTER, QUARTER, 0, 0], [90, 0, 0]),
        ([QUARTER, 0, QUARTER, 0], [0, 90, 0]),
        ([QUARTER, 0, 0, QUARTER], [0, 0, 90]),
        # Yaw of a half turn, then nothing else: the hand pointing down turns about a fixed axis.
        ([0, 1, 0, 0], [180, 0, 0]),
    ],
)
def test_roll_pitch_yaw_are_about_fixed_axes(quat, turns):
    part = Part(named(POSE), representation_class("xyz_rpy")(), "key", unit="deg")
    found = part.columns(np.array([0.1, 0.2, 0.3, *quat]))
    np.testing.assert_allclose(found, [0.1, 0.2, 0.3, *turns], atol=1e-5)


@given(st.floats(-3, 3), st.floats(-3, 3), st.sampled_from([-1, 1]))
def test_roll_pitch_yaw_survive_a_pitch_of_a_quarter_turn(roll, yaw, sign):
    form = representation_class("xyz_rpy")()
    pose = form.values(np.array([0, 0, 0, roll, sign * np.pi / 2, yaw]))
    same(POSE, form.values(form.columns(pose)), pose)


def test_a_decision_has_a_threshold_on_each_way():
    form = Closure(binary=0.2)
    assert form.columns(np.array([0.1, 0.2, 0.21, 1.0])).ravel().tolist() == [0, 0, 1, 1]
    assert form.values(np.array([[-0.1], [0.4], [0.6], [1.2]])).tolist() == [0, 0, 1, 1]


@given(seeds)
def test_a_tool_is_seen_where_it_is_and_wanted_where_its_link_must_be(seed):
    rng = np.random.default_rng(seed)
    poses, offset = random_values(POSE, rng), random_values(POSE, rng, 1)[0]
    part = Part(
        named(POSE), representation_class("xyz_rot6d")(), "key", tool=Tool("flange", tuple(offset))
    )
    seen = part.representation.values(part.columns(poses))
    np.testing.assert_allclose(
        pose_to_matrix(seen), pose_to_matrix(poses) @ pose_to_matrix(offset), atol=1e-9
    )
    same(POSE, part.values(part.columns(poses)), poses)


def test_keys_numbers_and_kinds_that_do_not_fit_are_named():
    joints, form = named(JOINTS), representation_class("joints")()
    with pytest.raises(UserError, match="has 2 keys for the 3 numbers j1 j2 j3"):
        Part(joints, form, "arm", keys=("a", "b"))
    with pytest.raises(
        UserError, match=r"affine.scale of key arm has 2 numbers, expected one or 3"
    ):
        Part(joints, form, "arm", affine=Affine((1.0, 2.0)))
    with pytest.raises(UserError, match="of kind joints, XyzQuat takes pose"):
        Part(joints, XyzQuat(), "arm")
    spread = Part(joints, form, "arm", keys=("a", "b", "c"))
    split = spread.split(spread.columns(np.array([1.0, 2.0, 3.0])))
    assert {key: column.tolist() for key, column in split.items()} == {
        "a": [1.0],
        "b": [2.0],
        "c": [3.0],
    }
