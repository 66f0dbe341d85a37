"""Health of topics: what is flagged and what is not."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import joint_states, types

from groot_ros.data.bags.cdr import header_stamp_ns
from groot_ros.data.recording.health import RecordingHealth, expectations
from groot_ros.files.config_file import read_yaml
from groot_ros.observation.fields import NS
from groot_ros.robot.config import load_robot, parse_robot, robot_path

CAMERA = "/wrist/image_raw"
LATENCY_NS = 5_000_000


class Stream:
    """Messages of a topic at a rate, into the health of a recording."""

    def __init__(self, health: RecordingHealth, topic: str, rate_hz: float) -> None:
        self._topic = health.add(topic, 0)
        self.rate_hz = rate_hz
        self.sequence = 0
        self.clock_ns = 0
        self._due_ns = 0

    def play(self, start_s: float, stop_s: float) -> None:
        """Messages that arrive from a time on, and before another."""
        self._due_ns = max(self._due_ns, int(start_s * NS))
        while self._due_ns < int(stop_s * NS):
            self.sequence += 1
            stamp_ns = self._due_ns - LATENCY_NS + self.clock_ns
            self._topic.received(self._due_ns, 100, stamp_ns, self.sequence)
            self._due_ns += int(NS / self.rate_hz)


@pytest.fixture
def health() -> RecordingHealth:
    robot = load_robot("sim")
    return RecordingHealth(expectations(robot, lambda topic: f"/{topic}"), 0)


def watch(health: RecordingHealth, streams: list[Stream], start_s: int, stop_s: int) -> None:
    """Play all streams and look at the health every fifth of a second."""
    for tick in range(start_s * 5, stop_s * 5):
        for stream in streams:
            stream.play(tick / 5, (tick + 1) / 5)
        health.reports(int((tick + 1) / 5 * NS))


def all_streams(health: RecordingHealth) -> dict[str, Stream]:
    rates = {"/joint_states": 100, "/ee_pose": 100, "/exterior/image_raw": 30, CAMERA: 30}
    return {t: Stream(health, t, rate) for t, rate in rates.items()} | {
        "/target_pose": Stream(health, "/target_pose", 50)
    }


def flags_after(health: RecordingHealth, streams: dict[str, Stream]) -> list[str]:
    """Flags of an episode from 2 s to 6 s, with what the test changed at 4 s."""
    watch(health, list(streams.values()), 4, 6)
    return health.flags(6 * NS)


@pytest.fixture
def streams(health: RecordingHealth) -> dict[str, Stream]:
    streams = all_streams(health)
    watch(health, list(streams.values()), 0, 2)
    health.begin(2 * NS)
    watch(health, list(streams.values()), 2, 4)
    assert health.flags(4 * NS) == []
    return streams


def test_a_good_recording_has_no_flags(health: RecordingHealth, streams) -> None:
    assert flags_after(health, streams) == []
    report = {report.topic: report for report in health.reports(6 * NS)}[CAMERA]
    assert report.rate_hz == pytest.approx(30, abs=2)
    assert report.clock_offset_s == pytest.approx(0.005)


def test_a_stream_that_stops_is_flagged_while_it_is_silent(
    health: RecordingHealth, streams
) -> None:
    del streams[CAMERA]
    watch(health, list(streams.values()), 4, 5)
    (flag,) = health.flags(5 * NS)
    assert flag.startswith(f"{CAMERA}: silent for 1.0 s, max_age is 0.3 s")


def test_a_gap_that_is_over_stays_flagged(health: RecordingHealth, streams) -> None:
    camera = streams.pop(CAMERA)
    watch(health, list(streams.values()), 4, 5)
    streams[CAMERA] = camera
    watch(health, list(streams.values()), 5, 9)
    (flag,) = [flag for flag in health.flags(9 * NS) if "gap" in flag]
    assert flag == f"{CAMERA}: 1 gaps over max_age 0.3 s, the longest 1.0 s"


def test_lost_messages_are_counted_exactly(health: RecordingHealth, streams) -> None:
    streams[CAMERA].sequence += 3
    assert flags_after(health, streams) == [f"{CAMERA}: 3 messages lost on the way"]


def test_a_publisher_that_starts_again_has_lost_nothing(health: RecordingHealth, streams) -> None:
    streams[CAMERA].sequence = 0
    assert flags_after(health, streams) == []


def test_a_second_publisher_is_no_loss(health: RecordingHealth, streams) -> None:
    topic = health.topics[CAMERA]
    for i in range(20):
        first = streams[CAMERA].sequence + i + 1
        topic.received(4 * NS + i, 100, 4 * NS + i, first)
        topic.received(4 * NS + i, 100, 4 * NS + i, i + 1)
    assert topic.counts.dropped == 0


@pytest.mark.parametrize(("clock_s", "side"), [(-3.0, "behind"), (0.2, "ahead of")])
def test_another_clock_is_named(
    health: RecordingHealth, streams, clock_s: float, side: str
) -> None:
    streams[CAMERA].clock_ns = int(clock_s * NS)
    flags = flags_after(health, streams)
    assert any(f"{side} this clock" in flag and flag.startswith(CAMERA) for flag in flags)


def test_stamps_that_jump_back_are_counted(health: RecordingHealth, streams) -> None:
    streams[CAMERA].clock_ns = -int(0.1 * NS)
    assert flags_after(health, streams) == [f"{CAMERA}: stamps jumped 1 times"]


def test_messages_without_time_are_named(health: RecordingHealth, streams) -> None:
    health.topics[CAMERA].received(4 * NS, 100, 0, None)
    assert f"{CAMERA}: messages carry no time (header.stamp is 0)" in flags_after(health, streams)


def test_a_camera_that_falls_to_a_third_is_flagged(health: RecordingHealth, streams) -> None:
    watch(health, list(streams.values()), 4, 6)
    streams[CAMERA].rate_hz = 10
    watch(health, list(streams.values()), 6, 9)
    (flag,) = [flag for flag in health.flags(9 * NS) if "rate" in flag]
    assert flag == f"{CAMERA}: rate fell from 30 to 10 Hz"


def test_what_was_wrong_before_the_episode_is_not_in_its_flags(
    health: RecordingHealth, streams
) -> None:
    streams[CAMERA].sequence += 3
    watch(health, list(streams.values()), 4, 6)
    health.end()
    health.begin(6 * NS)
    watch(health, list(streams.values()), 6, 8)
    assert health.flags(8 * NS) == []


def test_a_topic_that_never_came_and_missing_labels(health: RecordingHealth) -> None:
    streams = all_streams(health)
    del streams[CAMERA], streams["/target_pose"]
    health.begin(0)
    watch(health, list(streams.values()), 0, 3)
    silent, labels = health.flags(3 * NS)
    assert silent == f"{CAMERA}: nothing received"
    assert labels.startswith("nothing on /target_pose, /joint_trajectory, /gripper/command")


def test_topics_beside_the_robot_file_are_counted_but_not_judged(
    health: RecordingHealth, streams
) -> None:
    other = Stream(health, "/tf", 10)
    other.play(4, 4.5)
    other.sequence += 5
    other.play(4.5, 5)
    assert flags_after(health, streams) == []
    report = {report.topic: report for report in health.reports(6 * NS)}["/tf"]
    assert (report.expected, report.counts.messages, report.counts.dropped) == (False, 10, 5)


@settings(deadline=None)
@given(stamp_ns=st.integers(0, 2**31 * NS - 1))
def test_stamp_is_read_from_the_serialised_message(stamp_ns: int) -> None:
    data = joint_states(stamp_ns)
    assert header_stamp_ns(data) == stamp_ns
    big_endian = types().serialize_cdr(
        types().deserialize_cdr(data, "sensor_msgs/msg/JointState"),
        "sensor_msgs/msg/JointState",
        little_endian=False,
    )
    assert header_stamp_ns(bytes(big_endian)) == stamp_ns


def test_too_short_a_message_has_no_stamp() -> None:
    assert header_stamp_ns(struct.pack("<I", 0)) is None


def test_a_leader_and_a_grippers_action_are_topics_of_the_robot() -> None:
    expected = expectations(load_robot("so101"))
    assert "/leader/joint_states" in expected.commands
    assert expected.names("/follower/trajectory_controller/joint_trajectory")
    values = read_yaml(robot_path("so101"))
    action = {"topic": "/gripper/gripper_cmd", "type": "gripper_command"}
    values["labels"]["grip"] = action
    expected = expectations(parse_robot(values, "mine"))
    assert expected.names("/gripper/gripper_cmd/_action/feedback")
    assert not expected.names("/gripper/gripper_cmd")
