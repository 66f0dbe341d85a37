"""Bags under construction: what other readers make of them, and what a full disk leaves."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from mcap.reader import make_reader
from recorded import JOINTS, QOS, joint_states, stamp_of
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from groot_ros.data.bags.message_definitions import find_definition
from groot_ros.data.bags.metadata import Topic, read_metadata, set_custom_data
from groot_ros.data.bags.writer import BagWriter
from groot_ros.errors import UserError


def write_bag(path: Path, messages: int = 100, compress: bool = False) -> Path:
    writer = BagWriter(path, compress)
    writer.add_topic(JOINTS)
    writer.annotate({"instruction": "pick"})
    for i in range(messages):
        writer.write(JOINTS.name, 1000 + i, 500 + i, joint_states(i))
    return writer.finish()


@pytest.mark.parametrize("compress", [False, True])
def test_other_readers_see_what_was_written(tmp_path: Path, compress: bool) -> None:
    bag = write_bag(tmp_path / "bag", compress=compress)
    with AnyReader([bag]) as reader:
        (connection,) = reader.connections
        stamps = [
            stamp_of(reader.deserialize(data, connection.msgtype))
            for _, _, data in reader.messages()
        ]
        assert stamps == list(range(100))
        assert (reader.start_time, reader.end_time) == (1000, 1100)
    with (bag / "bag_0.mcap").open("rb") as file:
        records = list(make_reader(file, validate_crcs=True).iter_messages())
    assert [(m.log_time, m.publish_time) for _, _, m in records[:2]] == [(1000, 500), (1001, 501)]


def test_metadata_is_what_rosbag2_writes(tmp_path: Path) -> None:
    information = read_metadata(write_bag(tmp_path / "bag"))
    assert information["version"] == 9
    assert information["storage_identifier"] == "mcap"
    assert information["relative_file_paths"] == ["bag_0.mcap"]
    assert information["custom_data"] == {"instruction": "pick"}
    (topic,) = information["topics_with_message_count"]
    assert topic["topic_metadata"]["offered_qos_profiles"] == [QOS]
    assert topic["topic_metadata"]["type_description_hash"].startswith("RIHS01_")


def test_definitions_name_every_contained_type() -> None:
    definition = find_definition("sensor_msgs/msg/JointState")
    assert definition.stamped
    assert "MSG: std_msgs/Header" in definition.text
    assert "MSG: builtin_interfaces/Time" in definition.text
    assert not find_definition("geometry_msgs/msg/Twist").stamped
    with pytest.raises(UserError, match="no definition of nowhere/msg/Thing is installed"):
        find_definition("nowhere/msg/Thing")


@pytest.mark.parametrize(
    ("first", "is_stamped"),
    [("builtin_interfaces/Time timestamp", True), ("builtin_interfaces/Time goal_expiry", False)],
)
def test_video_of_foxglove_begins_with_its_stamp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str, is_stamped: bool
) -> None:
    """So that the recorder tells its delay like that of messages with a header."""
    folder = tmp_path / "share/video_msgs/msg"
    folder.mkdir(parents=True)
    (folder / "Video.msg").write_text(f"# One packet.\n\n{first}  # when\nuint8[] data\n")
    paths = (str(tmp_path), os.environ.get("AMENT_PREFIX_PATH", ""))
    monkeypatch.setenv("AMENT_PREFIX_PATH", os.pathsep.join(paths))
    find_definition.cache_clear()
    assert find_definition("video_msgs/msg/Video").stamped == is_stamped


@pytest.mark.parametrize(
    "message_type",
    [
        "groot_ros_msgs/action/RunPolicy_FeedbackMessage",
        "groot_ros_msgs/action/RunPolicy_SendGoal_Request",
        "groot_ros_msgs/action/RunPolicy_GetResult_Response",
        "geometry_msgs/msg/TwistWithCovariance",
    ],
)
def test_definitions_are_what_rosidl_makes(message_type: str) -> None:
    """The hash over the parsed definition is the one that rosidl installed beside the file."""
    definition = find_definition(message_type)
    store = get_typestore(Stores.EMPTY)
    store.register(get_types_from_msg(definition.text, message_type))
    assert definition.digest == store.hash_rihs01(message_type)


@pytest.mark.parametrize(
    ("message_type", "contained"),
    [
        (
            "groot_ros_msgs/action/RunPolicy_SendGoal_Event",
            "service_msgs/ServiceEventInfo groot_ros_msgs/action/RunPolicy_SendGoal_Request "
            "groot_ros_msgs/action/RunPolicy_SendGoal_Response builtin_interfaces/Time "
            "unique_identifier_msgs/UUID groot_ros_msgs/action/RunPolicy_Goal "
            "builtin_interfaces/Duration",
        ),
        (
            "action_msgs/srv/CancelGoal_Event",
            "service_msgs/ServiceEventInfo action_msgs/srv/CancelGoal_Request "
            "action_msgs/srv/CancelGoal_Response builtin_interfaces/Time action_msgs/GoalInfo "
            "unique_identifier_msgs/UUID",
        ),
        ("geometry_msgs/msg/Transform", "geometry_msgs/Vector3 geometry_msgs/Quaternion"),
        ("geometry_msgs/msg/Twist", "geometry_msgs/Vector3"),
    ],
)
def test_definitions_hold_each_part_once(message_type: str, contained: str) -> None:
    definition = find_definition(message_type)
    assert definition.digest.startswith("RIHS01_")
    parts = [s[5:] for s in definition.text.splitlines() if s.startswith("MSG: ")]
    assert parts == contained.split()


def test_a_split_bag_reads_as_one(tmp_path: Path) -> None:
    writer = BagWriter(tmp_path / "bag")
    writer.add_topic(JOINTS)
    for i in range(10):
        writer.write(JOINTS.name, i, i, joint_states(i))
        if i == 4:
            writer.split()
    bag = writer.finish()
    assert read_metadata(bag)["relative_file_paths"] == ["bag_0.mcap", "bag_1.mcap"]
    with Reader(bag) as reader:
        assert [time for _, time, _ in reader.messages()] == list(range(10))


def test_the_final_name_appears_with_the_whole_bag(tmp_path: Path) -> None:
    writer = BagWriter(tmp_path / "bag")
    assert not (tmp_path / "bag").exists() and (tmp_path / "bag.part").is_dir()
    with pytest.raises(UserError, match="bag.part exists already"):
        BagWriter(tmp_path / "bag")
    writer.finish()
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        "bag",
        "bag_0.mcap",
        "metadata.yaml",
    ]
    with pytest.raises(UserError, match="exists already"):
        BagWriter(tmp_path / "bag")


def test_a_discarded_bag_leaves_nothing(tmp_path: Path) -> None:
    writer = BagWriter(tmp_path / "bag")
    writer.add_topic(Topic("/joint_states", "sensor_msgs/msg/JointState"))
    writer.write("/joint_states", 1, 1, joint_states(1))
    writer.discard()
    assert list(tmp_path.iterdir()) == []


def test_custom_data_of_a_finished_bag_changes(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag")
    set_custom_data(bag, {"outcome": "success"})
    with Reader(bag) as reader:
        assert reader.message_count == 100
    assert read_metadata(bag)["custom_data"] == {"instruction": "pick", "outcome": "success"}


LIMITED = """
import sys
from pathlib import Path
from recorded import JOINTS, joint_states
from groot_ros.data.bags.background_writer import BackgroundBag, BackgroundWriter
from groot_ros.data.bags.episode_info import EpisodeInfo
from groot_ros.data.recording.episode_recorder import Arrival, EpisodeRecorder, RecorderOptions
from groot_ros.data.recording.health import Expectations

options = RecorderOptions(Path(sys.argv[1]), least_free_bytes=0)
recorder = EpisodeRecorder(options, EpisodeInfo(), Expectations({}, ()), 0)
recorder.add_topic(JOINTS, False, 0)
recorder.start(0, "pick")
i = 0
while not recorder.check(i):
    recorder.receive(JOINTS.name, Arrival(i, i, None, joint_states(i) + bytes(10_000)))
    i += 1
episode = recorder.stop(i, "failed")
recorder.close(60)
print(episode.bag.path if episode.saved else episode.failure)
"""


def test_a_full_disk_ends_the_bag_and_leaves_it_readable(tmp_path: Path) -> None:
    limit_bytes = 30 * 2**20

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

    process = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)],
        capture_output=True,
        text=True,
        preexec_fn=limit,
        cwd=Path(__file__).parent,
    )
    assert process.returncode == 0, process.stderr
    bag = Path(process.stdout.strip())
    with AnyReader([bag]) as reader:
        times = [time for _, time, _ in reader.messages()]
    assert times == list(range(len(times)))
    # All but what was in the chunk that did not fit.
    assert len(times) * 10_000 > limit_bytes - 3 * 2**20
    flags = read_metadata(bag)["custom_data"]["flags"]
    assert "cannot be written" in flags
