"""Observations in time: which moment, interpolated how, refused when."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_robot import changed

from groot_ros.geometry import rotation_angle
from groot_ros.observation.buffer import NotReady, ObservationBuffer
from groot_ros.observation.signal_messages import pick_joints
from groot_ros.robot.config import parse_robot, with_max_ages

MS = 1_000_000
FIELDS = ("ee_pose", "joint_position", "grip")
ROBOT = parse_robot(changed("observations.cameras.wrist.latency", 0.02), "sim")
PICTURE = np.zeros((2, 2, 3), np.uint8)


def turned(angle):
    return np.array([0.1, 0.2, 0.3, np.cos(angle / 2), 0, 0, np.sin(angle / 2)])


def filled(robot=ROBOT, end_ms=1000, cameras=("exterior", "wrist")):
    """100 Hz of state up to `end_ms`: x in m equals the time in s, pictures at 900 and 920 ms."""
    buffer = ObservationBuffer(robot, FIELDS, cameras)
    for ms in range(500, end_ms + 1, 10):
        time = ms / 1000
        buffer.add("ee_pose", ms * MS, np.array([time, 0, 0, *turned(time)[3:]]))
        buffer.add("joint_position", ms * MS, np.full(7, time))
        buffer.add("grip", ms * MS, time / 2)
    buffer.add_image("exterior", 903 * MS, lambda: PICTURE + 1)
    buffer.add_image("wrist", 920 * MS, lambda: PICTURE + 2)
    return buffer


def test_time_is_that_of_the_oldest_of_the_newest_pictures_less_latency():
    observation, ages = filled().observe(1000 * MS, "go")
    assert observation.stamp_ns == 900 * MS
    assert ages.observation_s == pytest.approx(0.1)
    assert ages.by_stream["camera exterior"] == pytest.approx(0.097)
    assert ages.by_stream["grip"] == 0
    assert observation.images["exterior"][0, 0, 0] == 1
    assert observation.instruction == "go"


@given(st.integers(600, 999))
def test_state_is_interpolated_at_the_pictures_time(stamp_ms):
    buffer = ObservationBuffer(with_max_ages(ROBOT, 0, 1.0), FIELDS, ["exterior"])
    for ms in range(500, 1001, 10):
        buffer.add("ee_pose", ms * MS, np.array([ms / 1000, 0, 0, *turned(ms / 1000)[3:]]))
        buffer.add("joint_position", ms * MS, np.full(7, ms / 1000))
        buffer.add("grip", ms * MS, ms / 2000)
    buffer.add_image("exterior", stamp_ms * MS, lambda: PICTURE)
    observation, _ = buffer.observe(1000 * MS, "")
    assert observation.signals["ee_pose"][0] == pytest.approx(stamp_ms / 1000)
    assert rotation_angle(observation.signals["ee_pose"][3:], turned(stamp_ms / 1000)[3:]) < 1e-6
    np.testing.assert_allclose(observation.signals["joint_position"], stamp_ms / 1000)
    assert observation.signals["grip"] == pytest.approx(stamp_ms / 2000)


def test_late_state_holds_its_last_value():
    observation, _ = filled(end_ms=880).observe(950 * MS, "")
    assert observation.signals["ee_pose"][0] == pytest.approx(0.88)


@pytest.mark.parametrize(
    ("now_ms", "sentence"),
    [(1201, "ee_pose: 0.20 s old, at most 0.2 s allowed"), (1500, "ee_pose")],
)
def test_stale_state_is_named(now_ms, sentence):
    with pytest.raises(NotReady, match=sentence):
        filled().observe(now_ms * MS, "")


def test_stale_camera_is_named():
    robot = with_max_ages(ROBOT, state_s=10.0, camera_s=0.0)
    with pytest.raises(NotReady, match="camera exterior: 0.50 s old, at most 0.3 s"):
        filled(robot).observe(1403 * MS, "")


def test_a_stream_of_the_future_is_refused_its_silence_would_not_be_noticed():
    buffer = filled()
    buffer.newest_state("ee_pose", 900 * MS)
    with pytest.raises(NotReady, match="ee_pose: stamped 0.50 s in the future: check that the"):
        buffer.newest_state("ee_pose", 500 * MS)


def test_silent_streams_are_named_with_what_was_wrong():
    buffer = ObservationBuffer(ROBOT, ("grip",), ["wrist"])
    with pytest.raises(NotReady, match="grip: nothing received yet"):
        buffer.observe(0, "")
    buffer.report("grip", "messages carry no time")
    with pytest.raises(NotReady, match="grip: messages carry no time"):
        buffer.observe(0, "")
    buffer.add("grip", 10 * MS, 0.5)
    with pytest.raises(NotReady, match="camera wrist: nothing received yet"):
        buffer.observe(20 * MS, "")


def test_state_that_starts_after_the_pictures_is_not_invented():
    buffer = ObservationBuffer(with_max_ages(ROBOT, 0.2, 5.0), ("grip",), ["wrist"])
    buffer.add_image("wrist", 1000 * MS, lambda: PICTURE)
    buffer.add("grip", 1900 * MS, 0.5)
    with pytest.raises(NotReady, match="grip: starts after the pictures"):
        buffer.observe(1950 * MS, "")


def test_pictures_are_decoded_only_when_wanted():
    decoded = []
    buffer = filled(cameras=("exterior",))
    for ms in range(904, 1000):
        buffer.add_image("exterior", ms * MS, lambda ms=ms: decoded.append(ms) or PICTURE)
    assert decoded == []
    buffer.observe(1000 * MS, "")
    assert decoded == [999]


def test_a_clock_that_was_set_back_starts_anew():
    buffer = ObservationBuffer(ROBOT, ("grip",), ["wrist"])
    buffer.add("grip", 100_000 * MS, 0.1)
    buffer.add_image("wrist", 100_000 * MS, lambda: PICTURE)
    buffer.add("grip", 1000 * MS, 0.9)
    buffer.add_image("wrist", 1000 * MS, lambda: PICTURE)
    observation, _ = buffer.observe(1000 * MS, "")
    assert observation.signals["grip"] == pytest.approx(0.9)


def test_joints_are_picked_by_name():
    np.testing.assert_array_equal(
        pick_joints(["b", "a"], ["a", "x", "b"], [1.0, 2.0, 3.0]), [3, 1]
    )
    with pytest.raises(KeyError, match="c"):
        pick_joints(["c"], ["a"], [1.0])
