"""`ros2 bag` with ROS 2 from wheels; an installed ROS 2 brings its own."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from arm_bags import ArmBag, write_bag
from graph import FakeRobot, Graph
from rosbags.highlevel import AnyReader
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState

pytest.importorskip("groot_ros2cli")
WAIT_S = 60.0
Start = Callable[..., subprocess.Popen[str]]


def ros2_bag(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["ros2", "bag", *map(str, arguments)], capture_output=True, text=True, timeout=WAIT_S
    )


@pytest.fixture
def start_bag(ros_domain: int) -> Iterator[Start]:
    """Starts `ros2 bag` in the background."""
    processes: list[subprocess.Popen[str]] = []

    def start(*arguments: str | Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            ["ros2", "bag", *map(str, arguments)], stdout=subprocess.PIPE, text=True
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate(timeout=WAIT_S)


def record(graph: Graph, start: Start, bag: Path, *arguments: str, topics: int) -> None:
    """Record until so many topics are subscribed to and some messages of them have come."""
    process = start("record", "-o", bag, *arguments)
    assert process.stdout
    subscribed = {process.stdout.readline().split("'")[1] for _ in range(topics)}
    assert len(subscribed) == topics
    part = bag.with_name(f"{bag.name}.part") / f"{bag.name}_0.mcap"
    graph.wait_for(lambda: part.exists() and part.stat().st_size > 100_000, "messages")
    process.send_signal(signal.SIGINT)
    assert process.wait(WAIT_S) == 0


@pytest.fixture
def bag(graph: Graph, robot: FakeRobot, start_bag: Start, tmp_path: Path) -> Path:
    record(graph, start_bag, tmp_path / "bag", "/joint_states", "/wrist/image_raw", topics=2)
    robot.silent = {"joint_states", "ee_pose", "wrist", "exterior"}
    return tmp_path / "bag"


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A bag that nobody had to record."""
    return write_bag(tmp_path / "bag", ArmBag(seconds=0.5).messages())


def test_named_topics_are_recorded_and_shown(bag: Path) -> None:
    with AnyReader([bag]) as reader:
        counts = {c.topic: c.msgcount for c in reader.connections}
        for connection, _, data in reader.messages():
            reader.deserialize(data, connection.msgtype)
    assert set(counts) == {"/joint_states", "/wrist/image_raw"}
    shown = ros2_bag("info", bag)
    assert shown.returncode == 0, shown.stderr
    assert "Storage id:        mcap" in shown.stdout
    line = "Topic: /joint_states | Type: sensor_msgs/msg/JointState | Count: "
    assert f"{line}{counts['/joint_states']} | Serialization Format: cdr" in shown.stdout
    assert ros2_bag("info", "-t", bag).stdout.split() == ["/joint_states", "/wrist/image_raw"]


def test_all_but_excluded_topics(
    graph: Graph, robot: FakeRobot, start_bag: Start, tmp_path: Path
) -> None:
    record(graph, start_bag, tmp_path / "all", "-a", "-x", "image|parameter|rosout", topics=2)
    assert ros2_bag("info", "-t", tmp_path / "all").stdout.split() == ["/ee_pose", "/joint_states"]


def test_size_splits_the_bag(
    graph: Graph, robot: FakeRobot, start_bag: Start, tmp_path: Path
) -> None:
    bag = tmp_path / "split"
    process = start_bag("record", "-o", bag, "-e", "image_raw", "--max-bag-size", "50000")
    second = bag.with_name("split.part") / "split_1.mcap"
    graph.wait_for(second.exists, "the second file")
    process.send_signal(signal.SIGINT)
    assert process.wait(WAIT_S) == 0
    assert "split_1.mcap" in ros2_bag("info", bag).stdout


def stamp(message: Any) -> tuple[int, int]:
    return message.header.stamp.sec, message.header.stamp.nanosec


def test_played_messages_are_the_recorded_ones(graph: Graph, bag: Path, start_bag: Start) -> None:
    with AnyReader([bag]) as reader:
        connections = [c for c in reader.connections if c.topic == "/joint_states"]
        stamps = [
            stamp(reader.deserialize(data, c.msgtype))
            for c, _, data in reader.messages(connections)
        ]
    played = graph.collect(JointState, "/replayed", 1000)
    clock = graph.collect(Clock, "/clock")
    pictures = graph.collect(JointState, "/joint_states")
    arguments = ("--topics", "/joint_states", "--remap", "/joint_states:=/replayed")
    result = ros2_bag("play", bag, *arguments, "--clock", "100", "--rate", "0.5")
    assert result.returncode == 0, result.stderr
    graph.wait_for(lambda: played and stamp(played[-1]) == stamps[-1], "the last message")
    # Those of the beginning are for whom the player has been found by then, as in rosbag2.
    assert [stamp(message) for message in played] == stamps[-len(played) :]
    assert not pictures
    times = [message.clock.sec + message.clock.nanosec / 1e9 for message in clock]
    assert times == sorted(times) and len(times) > 2


def test_playing_in_a_loop_goes_on_until_interrupted(
    graph: Graph, written: Path, start_bag: Start
) -> None:
    played = graph.collect(JointState, "/joint_states", 1000)
    process = start_bag("play", written, "--loop", "-r", "20")
    with AnyReader([written]) as reader:
        once = reader.topics["/joint_states"].msgcount
    graph.wait_for(lambda: len(played) > 3 * once, "the third time")
    process.send_signal(signal.SIGINT)
    assert process.wait(WAIT_S) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["record"], "Need to specify at least one option"),
        (["info", "nowhere"], "Bag path 'nowhere' does not exist!"),
        (["play", "nowhere"], "Bag path 'nowhere' does not exist!"),
    ],
)
def test_wrong_arguments_are_refused(ros_domain: int, arguments: list[str], message: str) -> None:
    result = ros2_bag(*arguments)
    assert result.returncode == 1
    assert message in result.stderr


def test_output_is_not_overwritten_and_unknown_topics_are_named(
    written: Path, ros_domain: int
) -> None:
    taken = ros2_bag("record", "-a", "-o", written)
    assert taken.returncode == 1 and "already exists" in taken.stderr
    unknown = ros2_bag("play", written, "--topics", "/nothing")
    assert unknown.returncode == 1 and "has no topic /nothing" in unknown.stderr
