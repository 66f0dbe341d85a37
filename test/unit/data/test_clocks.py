"""Stamps of clocks that differ from the bag's, or from one another."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import yaml
from arm_bags import (
    BEGIN_NS,
    LEAD_S,
    NS,
    ArmBag,
    Message,
    conversion,
    position,
    robot_file,
    write_bag,
)

from groot_ros.cameras.image import IMAGE
from groot_ros.data.bags.metadata import Topic
from groot_ros.data.bags.reader import open_bag
from groot_ros.data.bags.writer import BagWriter
from groot_ros.data.clocks.breaks import find_breaks
from groot_ros.data.conversion.convert import convert
from groot_ros.data.conversion.verify import verify
from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.playback.first_stamps import first_stamps
from groot_ros.data.playback.stream_health import StreamHealth
from groot_ros.errors import UserError
from groot_ros.observation.routes import header_ns
from groot_ros.robot.config import load_robot, parse_robot
from groot_ros.share import share_file

SECONDS = 1.8


def columns(dataset: Path) -> dict[str, np.ndarray]:
    read = Dataset(dataset)
    return read.columns(read.episodes[0])


def labels_off(offset_s: float) -> list[Message]:
    arm, off = ArmBag(seconds=SECONDS), ArmBag(seconds=SECONDS, clock_offset_s=offset_s)
    return [*arm.states(), *arm.images(), *off.commands()]


@pytest.mark.parametrize("offset_s", [10.0 - BEGIN_NS / NS, 5.0, -0.7])
def test_one_clock_for_all_that_is_not_the_bags_is_taken(tmp_path: Path, offset_s: float) -> None:
    for name, offset in (("same", 0.0), ("other", offset_s)):
        arm = ArmBag(seconds=SECONDS, clock_offset_s=offset)
        write_bag(tmp_path / name, arm.messages())
        report = convert(conversion(tmp_path / name, tmp_path / f"{name}-out"))
        assert any("the bag's clock, as in simulation" in note for note in report.notes) == bool(
            offset
        )
    same, other = columns(tmp_path / "same-out"), columns(tmp_path / "other-out")
    for key in ("observation.state", "action"):
        np.testing.assert_allclose(same[key], other[key], atol=1e-5)
    result = verify(tmp_path / "other", "sim", "ee_quat_joints", tmp_path / "other-out")
    assert result.is_equal


def test_first_stamps_are_those_of_each_topic_by_itself(tmp_path: Path) -> None:
    # The labels come only when the others are long done, with two messages.
    late = [m for m in ArmBag(seconds=3.0).commands() if m.topic == "/target_pose"][-2:]
    messages = [*ArmBag(seconds=1.0).states(), *late]
    types = {m.topic: m.type_name for m in messages} | {"/silent": IMAGE}
    with open_bag(write_bag(tmp_path / "bag", messages)) as bag:
        found = first_stamps(bag, types, 5, bag.start_ns, bag.end_ns)
        for topic, kind in types.items():
            alone = islice(bag.messages({topic: kind}), 5)
            assert found[topic] == [(at_ns, header_ns(message)) for _, at_ns, message in alone]
    assert [len(first) for first in found.values()] == [5, 5, 2, 0]


def test_labels_of_another_clock_are_refused_with_a_key_that_helps(tmp_path: Path) -> None:
    write_bag(tmp_path / "bag", labels_off(-3 * 3600.0))
    sentence = (
        "the stamps of /target_pose are 10800.0 s behind those .* `clock: arrival` at "
        "commands.ee_pose of the robot file"
    )
    with pytest.raises(UserError, match=sentence):
        convert(conversion(tmp_path / "bag", tmp_path / "out"))
    robot = robot_file(tmp_path / "robot.yaml", {"commands.ee_pose": {"clock": "arrival"}})
    convert(conversion(tmp_path / "bag", tmp_path / "out", robot=robot))
    write_bag(tmp_path / "good", labels_off(0.0))
    convert(conversion(tmp_path / "good", tmp_path / "good-out"))
    mended, good = columns(tmp_path / "out"), columns(tmp_path / "good-out")
    np.testing.assert_allclose(mended["action"], good["action"], atol=1e-6)


@pytest.mark.parametrize(("offset_s", "side"), [(-0.5, "behind"), (0.3, "ahead of"), (-0.05, "")])
def test_labels_a_little_off_are_refused(tmp_path: Path, offset_s: float, side: str) -> None:
    write_bag(tmp_path / "bag", labels_off(offset_s))
    try:
        report = convert(conversion(tmp_path / "bag", tmp_path / "out"))
    except UserError as error:
        sentence = f"the commands on /target_pose are {abs(offset_s):.2f} s {side} those .*: they"
        assert side and re.search(f"{sentence} .* at commands.ee_pose of the robot", str(error))
    else:
        assert not side and not report.notes
        assert "/target_pose" in report.episodes[0].health


def test_labels_that_come_late_and_unevenly_are_said(tmp_path: Path) -> None:
    arm = ArmBag(seconds=SECONDS)
    # As by a network, and not by a clock.
    late = [
        replace(m, arrival_s=m.arrival_s + 0.25 + 0.2 * float(np.sin(4.0 * m.arrival_s)))
        for m in arm.commands()
    ]
    write_bag(tmp_path / "bag", [*arm.states(), *arm.images(), *late])
    (note,) = convert(conversion(tmp_path / "bag", tmp_path / "out")).notes
    assert re.search("commands on /target_pose are 0.2. s behind .* if they are of another", note)


@pytest.mark.parametrize(
    ("streams", "offset_s", "said"),
    [
        ("wrist", 0.15, "/wrist/image_raw are 0.12 s ahead of"),
        ("wrist", -0.15, ""),
        # Most streams are of the clock that is not the bag's.
        ("states commands", 0.5, "/joint_states, /ee_pose and the .* are 0.53 s ahead of"),
        ("states commands wrist exterior", 0.15, ""),
    ],
)
def test_what_arrives_before_its_stamps_is_refused(
    tmp_path: Path, streams: str, offset_s: float, said: str
) -> None:
    arm, off = ArmBag(seconds=SECONDS), ArmBag(seconds=SECONDS, clock_offset_s=offset_s)
    of = {name: off if name in streams else arm for name in ("states", "commands")}
    images = [(off if name in streams else arm).images([name]) for name in ("exterior", "wrist")]
    messages = [*of["states"].states(), *of["commands"].commands(), *images[0], *images[1]]
    write_bag(tmp_path / "bag", messages)
    try:
        assert not convert(conversion(tmp_path / "bag", tmp_path / "out")).notes and not said
    except UserError as error:
        assert said and re.search(f"{said}.*: they are of another clock.*`clock: arr", str(error))


def test_a_camera_of_another_clock_counts_by_its_arrival_and_latency(tmp_path: Path) -> None:
    arm, off = ArmBag(seconds=SECONDS), ArmBag(seconds=SECONDS, clock_offset_s=77.0)
    usual = [*arm.states(), *arm.commands()]
    messages = [*usual, *arm.images(["exterior"]), *off.images(["wrist"])]
    write_bag(tmp_path / "bag", messages)
    with pytest.raises(UserError, match=r"observations\.cameras\.wrist of the robot file"):
        convert(conversion(tmp_path / "bag", tmp_path / "out"))
    keys = {"clock": "arrival", "latency": arm.image_delay_s}
    robot = robot_file(tmp_path / "robot.yaml", {"observations.cameras.wrist": keys})
    convert(conversion(tmp_path / "bag", tmp_path / "out", robot=robot))
    assert verify(tmp_path / "bag", robot, "ee_quat_joints", tmp_path / "out").is_equal
    write_bag(tmp_path / "good", arm.messages())
    convert(conversion(tmp_path / "good", tmp_path / "good-out"))
    mended, good = columns(tmp_path / "out"), columns(tmp_path / "good-out")
    for key in ("observation.state", "action"):
        np.testing.assert_allclose(mended[key], good[key], atol=1e-6)


STEP_AT_S = 2.0
STREAMS = {"camera": "/wrist/image_raw", "state": "/joint_states", "command": "/target_pose"}


def stamped(changed: str, stamp_s: Callable[[float], float | None]) -> list[Message]:
    """Messages of 6 s, the stamps of the changed streams a function of when they were taken."""

    class Restamped(ArmBag):
        def stamp_ns(self, time_s: float) -> int:
            found = stamp_s(time_s)
            return 0 if found is None else BEGIN_NS + round(found * NS)

    good, arm = ArmBag(seconds=6.0), Restamped(seconds=6.0)
    of = {name: arm if changed in (name, "all") else good for name in STREAMS}
    exterior = arm if changed == "all" else good
    images = [*exterior.images(["exterior"]), *of["camera"].images(["wrist"])]
    return [*of["state"].states(), *of["command"].commands(), *images]


def errors(dataset: Path, episode: int) -> float:
    """How far the states and actions of an episode are from the motion at their times, in m."""
    read = Dataset(dataset)
    rows = read.columns(read.episodes[episode])
    stamps_s = (rows["stamp_ns"] - BEGIN_NS) / NS
    wanted = np.array([position(time_s) for time_s in stamps_s])
    found = rows["observation.state"][:, 1:4]
    # Steps of the actions are at most half a picture period from the pictures.
    led = rows["action"][:, :3] - [position(time_s + LEAD_S) for time_s in stamps_s]
    return float(max(np.abs(found - wanted).max(), np.abs(led).max()))


@pytest.mark.parametrize("by_s", [-5.0, 0.15])
def test_an_episode_is_cut_where_all_stamps_step(tmp_path: Path, by_s: float) -> None:
    write_bag(tmp_path / "bag", stamped("all", lambda t: t + (by_s if t >= STEP_AT_S else 0.0)))
    report = convert(conversion(tmp_path / "bag", tmp_path / "out"))
    assert [episode.name for episode in report.episodes] == ["bag#0", "bag#1"]
    assert report.frames > 15 * (6.0 - 1.6) - 4
    way = "back" if by_s < 0 else "ahead"
    assert f"step {way} by" in report.losses[0] and "at 2.0 s" in report.losses[0]
    assert report.frames + sum(report.dropped.values()) == pytest.approx(90, abs=3)
    assert verify(tmp_path / "bag", "sim", "ee_quat_joints", tmp_path / "out").is_equal
    # On the clock of the bag both are where the arm was.
    if abs(by_s) > 0.2:
        assert max(errors(tmp_path / "out", 0), errors(tmp_path / "out", 1)) < 0.003


@pytest.mark.parametrize(
    ("stream", "by_s"), [("camera", -1.0), ("state", 0.5), ("command", 0.5), ("command", -1.0)]
)
def test_of_a_stream_that_steps_alone_the_right_side_is_kept(
    tmp_path: Path, stream: str, by_s: float
) -> None:
    messages = stamped(stream, lambda t: t + (by_s if t < STEP_AT_S else 0.0))
    write_bag(tmp_path / "bag", messages)
    report = convert(conversion(tmp_path / "bag", tmp_path / "out"))
    # Before the step it does not agree with the others.
    assert len(report.episodes) == 1 and report.episodes[0].losses[0]["steps"] == pytest.approx(
        15 * (STEP_AT_S + 1.3), abs=2
    )
    assert STREAMS[stream] in report.losses[0]
    assert errors(tmp_path / "out", 0) < 0.003


@pytest.mark.parametrize("by_s", [-1.0, 1.0])
def test_a_step_of_the_bags_clock_alone_is_cut_out(tmp_path: Path, by_s: float) -> None:
    messages = sorted(ArmBag(seconds=8.0).messages(), key=lambda message: message.arrival_s)
    writer = BagWriter(tmp_path / "bag")
    for topic, type_name in {(message.topic, message.type_name) for message in messages}:
        writer.add_topic(Topic(topic, type_name))
    for message in messages:
        time_s = message.arrival_s + (by_s if message.arrival_s >= 4.0 else 0.0)
        time_ns = BEGIN_NS + round(time_s * NS)
        writer.write(message.topic, time_ns, time_ns, message.data)
    writer.finish()
    report = convert(conversion(tmp_path / "bag", tmp_path / "out"))
    way = "back" if by_s < 0 else "ahead"
    assert f"the bag's clock steps {way} by 1.0 s" in report.losses[0]
    assert [episode.name for episode in report.episodes] == ["bag#0", "bag#1"]
    assert report.frames > 15 * (8.0 - (3.3 if by_s < 0 else 1.3)) - 8
    assert verify(tmp_path / "bag", "sim", "ee_quat_joints", tmp_path / "out").is_equal


@pytest.mark.parametrize("stream", ["camera", "command"])
def test_clocks_that_drift_are_said_or_refused(tmp_path: Path, stream: str) -> None:
    write_bag(tmp_path / "slow", stamped(stream, lambda t: 1.01 * t))
    report = convert(conversion(tmp_path / "slow", tmp_path / "out"))
    (note,) = [note for note in report.notes if STREAMS[stream] in note]
    assert "gain 0.06 s against the other streams within 6 s (1 %)" in note
    write_bag(tmp_path / "fast", stamped(stream, lambda t: 0.95 * t))
    with pytest.raises(UserError, match="lose 0.30 s against the other streams .* `clock: arriv"):
        convert(conversion(tmp_path / "fast", tmp_path / "none"))


def test_a_drift_that_all_share_and_one_of_a_quartz_are_no_fault(tmp_path: Path) -> None:
    for name, stream, rate in (("all", "all", 1.01), ("one", "camera", 1.0002)):
        write_bag(tmp_path / name, stamped(stream, lambda t, rate=rate: rate * t))
        assert convert(conversion(tmp_path / name, tmp_path / f"{name}-out")).notes == []


@pytest.mark.parametrize("stream", STREAMS)
def test_messages_without_a_time_are_counted(tmp_path: Path, stream: str) -> None:
    write_bag(tmp_path / "bag", stamped(stream, lambda t: None if 2.0 <= t < 3.0 else t))
    report = convert(conversion(tmp_path / "bag", tmp_path / "out"))
    (note,) = [note for note in report.notes if STREAMS[stream] in note]
    count = {"camera": "30 of 180 messages", "state": "50 of 300", "command": "30 of 180 commands"}
    assert count[stream] in note
    # A command without a time counts from its arrival, which here is when it was made.
    dropped = sum(report.dropped.values())
    assert dropped == 0 if stream == "command" else 8 <= dropped <= 14
    if stream == "camera":
        write_bag(tmp_path / "none", stamped(stream, lambda t: None))
        with pytest.raises(UserError, match="carry no time .* or set clock: arrival"):
            convert(conversion(tmp_path / "none", tmp_path / "none-out"))


def followed(topic: str, arrivals_s: np.ndarray, stamps_s: np.ndarray) -> StreamHealth:
    health = StreamHealth(topic)
    for arrival_s, stamp_s in zip(arrivals_s, stamps_s, strict=True):
        health.add(round((arrival_s + 100) * NS), round((stamp_s + 100) * NS))
    return health


def stalled(stamps_s: np.ndarray, from_s: float, to_s: float) -> np.ndarray:
    """Arrivals of messages that a stalled network holds back and then hands over at once."""
    held = (stamps_s >= from_s) & (stamps_s < to_s)
    return np.where(held, to_s + (stamps_s - from_s) / 50, stamps_s + 0.01)


def test_an_episode_without_a_time_between_steps_is_refused(tmp_path: Path) -> None:
    arm = ArmBag(seconds=SECONDS)
    late = [
        replace(message, arrival_s=message.arrival_s + 0.5 * (index % 20) / 20)
        for index, message in enumerate(arm.commands())
    ]
    write_bag(tmp_path / "bag", [*arm.states(), *arm.images(), *late])
    with pytest.raises(UserError, match="step back by .* no time between is long enough"):
        convert(conversion(tmp_path / "bag", tmp_path / "out"))


def test_a_network_that_stalls_and_a_queue_that_is_emptied_are_no_clock() -> None:
    stamps_s = np.arange(0.0, 12.0, 0.02)
    stall = {
        topic: followed(topic, stalled(stamps_s, 3.0, 4.5), stamps_s) for topic in ("/a", "/b")
    }
    assert find_breaks(stall, ()) == []
    # A driver falls behind by half a second and then forgets what waits.
    late_s = np.interp(stamps_s, [0, 3, 6, 12], [0.0, 0.0, 0.5, 0.5])
    kept = (stamps_s < 7.0) | (stamps_s >= 7.5)
    arrivals_s = np.where(stamps_s < 7.0, stamps_s + late_s, stamps_s)
    queue = {"/a": followed("/a", arrivals_s[kept], stamps_s[kept])}
    assert find_breaks(queue, ()) == []
    late = np.where(np.arange(len(stamps_s)) % 50 == 0, stamps_s - 0.4, stamps_s)
    assert find_breaks({"/a": followed("/a", stamps_s, late)}, ()) == []


def test_keys_of_time_are_read_and_checked(tmp_path: Path) -> None:
    robot = load_robot(
        robot_file(
            tmp_path / "robot.yaml",
            {"observations.joint_position": {"clock": "arrival", "latency": 0.004}},
        )
    )
    joints = robot.observations.joint_position
    assert joints and joints.time.of(5, NS) == NS - 4_000_000
    values = yaml.safe_load(share_file("config/robots/sim.yaml").read_text())
    values["observations"]["ee_pose"]["clock"] = "wall"
    with pytest.raises(
        UserError, match=r"observations\.ee_pose\.clock is 'wall', expected one of"
    ):
        parse_robot(values, "mine.yaml")
    values["observations"]["ee_pose"]["clock"] = "header"
    values["commands"]["grip"]["clock"] = "header"
    with pytest.raises(UserError, match=r"commands\.grip\.clock is header, expected arrival"):
        parse_robot(values, "mine.yaml")
