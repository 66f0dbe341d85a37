"""Rotations and poses: round trips, conventions, refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation

from groot_ros import geometry
from groot_ros.errors import UserError

unit = st.floats(-1.0, 1.0)
quats = arrays(np.float64, 4, elements=unit).filter(lambda q: np.linalg.norm(q) > 0.1)
positions = arrays(np.float64, 3, elements=st.floats(-2.0, 2.0))
poses = st.builds(
    lambda p, q: np.concatenate([p, q / np.linalg.norm(q)]),
    positions,
    quats,
)


def assert_same_pose(actual, expected, tolerance=1e-6):
    np.testing.assert_allclose(
        geometry.pose_to_matrix(actual), geometry.pose_to_matrix(expected), atol=tolerance
    )


def test_quaternions_are_wxyz():
    quarter_turn_about_z = [np.sqrt(0.5), 0.0, 0.0, np.sqrt(0.5)]
    matrix = geometry.quat_to_matrix(quarter_turn_about_z)
    np.testing.assert_allclose(matrix @ [1, 0, 0], [0, 1, 0], atol=1e-12)


def test_rot6d_is_the_first_two_rows():
    matrix = Rotation.from_euler("xyz", [0.3, -0.7, 1.1]).as_matrix()
    np.testing.assert_array_equal(geometry.matrix_to_rot6d(matrix), [*matrix[0], *matrix[1]])


@given(quats)
def test_matrix_agrees_with_scipy(quat):
    expected = Rotation.from_quat(quat[[1, 2, 3, 0]]).as_matrix()
    np.testing.assert_allclose(geometry.quat_to_matrix(quat), expected, atol=1e-12)


@given(poses)
def test_pose_round_trips(pose):
    assert_same_pose(geometry.matrix_to_pose(geometry.pose_to_matrix(pose)), pose)
    assert_same_pose(geometry.pose9_to_pose(geometry.pose_to_pose9(pose)), pose)


@given(poses, poses)
def test_relative_and_compose_are_inverse(reference, pose):
    reference, pose = geometry.pose_to_matrix(reference), geometry.pose_to_matrix(pose)
    back = geometry.compose(reference, geometry.relative(reference, pose))
    np.testing.assert_allclose(back, pose, atol=1e-9)


@given(arrays(np.float64, 6, elements=st.floats(-1, 1)))
def test_rot6d_gives_a_rotation_or_is_refused(rot6d):
    try:
        matrix = geometry.rot6d_to_matrix(rot6d)
    except UserError as error:
        assert "rot6d" in str(error)
        return
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(matrix) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "rot6d",
    [
        [0, 0, 0, 0, 1, 0],
        [1, 0, 0, 0, 0, 0],
        [1, 0, 0, 2, 0, 0],
        [1, 0, 0, 1, 1e-4, 0],
        [np.nan] * 6,
    ],
)
def test_degenerate_rot6d_is_refused(rot6d):
    good = geometry.matrix_to_rot6d(np.eye(3))
    with pytest.raises(UserError, match="is not a rotation, expected the first two rows"):
        geometry.rot6d_to_matrix([good, rot6d])


def test_quaternion_of_zeros_is_refused():
    with pytest.raises(UserError, match="quaternion of length 0"):
        geometry.quat_to_matrix([0.0, 0.0, 0.0, 0.0])


@given(quats, quats, st.floats(0, 1))
def test_slerp_moves_at_constant_speed_the_short_way(start, end, fraction):
    start, end = geometry.normalize_quat(start), geometry.normalize_quat(end)
    between = geometry.slerp(start, end, fraction)
    angle = geometry.rotation_angle(start, end)
    assert angle <= np.pi + 1e-9
    assert geometry.rotation_angle(start, between) == pytest.approx(fraction * angle, abs=1e-6)
    assert geometry.rotation_angle(between, end) == pytest.approx((1 - fraction) * angle, abs=1e-6)


@given(poses, poses)
def test_interpolation_ends_at_the_poses(start, end):
    assert_same_pose(geometry.interpolate_pose(start, end, 0.0), start)
    assert_same_pose(geometry.interpolate_pose(start, end, 1.0), end)


@given(st.lists(quats, min_size=1, max_size=8))
def test_continuous_quats_keep_rotations_and_neighbours_close(samples):
    samples = geometry.normalize_quat(samples)
    result = geometry.continuous_quats(samples)
    np.testing.assert_allclose(np.abs(result), np.abs(samples))
    assert np.all(np.sum(result[1:] * result[:-1], axis=-1) >= 0)
