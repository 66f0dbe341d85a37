"""Bags as robots and their tools leave them: which are read, and what is read of them."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
import zstandard
from arm_bags import BEGIN_NS, INSTRUCTION, NS, ArmBag, Message, conversion, write_bag
from mcap.reader import make_reader
from mcap.writer import CompressionType, IndexType, Writer
from rosbags.rosbag1 import Writer as Ros1Writer
from rosbags.rosbag2 import CompressionMode, StoragePlugin
from rosbags.typesys import Stores, get_typestore

from groot_ros.cli.main import main
from groot_ros.data.bags.files import find_bags, recording_at
from groot_ros.data.bags.metadata import Topic, read_metadata, set_custom_data
from groot_ros.data.bags.reader import Bag, open_bag
from groot_ros.data.bags.storage import BagError
from groot_ros.data.bags.writer import BagWriter
from groot_ros.data.conversion.convert import convert
from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.datasets.writer import STATE
from groot_ros.data.repair.repair import repair_bag
from groot_ros.errors import UserError
from groot_ros.observation.signal_messages import JOINT_STATE, POSE

SHORT = ArmBag(seconds=0.3)
WANTED = {"/joint_states": JOINT_STATE, "/ee_pose": POSE}


def read(path: Path) -> list[tuple[str, int, int]]:
    """Topic, arrival and stamp of the messages that are wanted."""
    with open_bag(path) as bag:
        return [
            (topic, time_ns, message.header.stamp.sec * NS + message.header.stamp.nanosec)
            for topic, time_ns, message in bag.messages(WANTED)
        ]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, int, int]]:
    found = read(write_bag(tmp_path_factory.mktemp("plain") / "bag", SHORT.messages()))
    assert len(found) == 30
    return found


def write_mcap(path: Path, messages: list[Message], begin: int = 0, **options: Any) -> Path:
    """With the library of MCAP's makers, as other recorders use it."""
    store = get_typestore(Stores.ROS2_JAZZY)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        writer = Writer(file, chunk_size=20_000, **options)
        writer.start("ros2", "somebody else's")
        channels: dict[str, int] = {}
        for message in sorted(messages, key=lambda message: message.arrival_s):
            if message.topic not in channels:
                text = store.generate_msgdef(message.type_name, ros_version=2)[0].encode()
                schema = writer.register_schema(message.type_name, "ros2msg", text)
                channels[message.topic] = writer.register_channel(message.topic, "cdr", schema)
            time_ns = BEGIN_NS + begin + round(message.arrival_s * NS)
            writer.add_message(channels[message.topic], time_ns, message.data, time_ns)
        writer.finish()
    return path


NO_INDEX = {"index_types": IndexType.NONE, "use_statistics": False, "use_summary_offsets": False}
WRITERS: dict[str, dict[str, Any]] = {
    "no compression": {"compression": CompressionType.NONE},
    "zstd": {"compression": CompressionType.ZSTD},
    "lz4": {"compression": CompressionType.LZ4},
    "without chunks": {"use_chunking": False},
    "without checksums": {"enable_crcs": False},
    "without an index": NO_INDEX,
    "without statistics": {"use_statistics": False},
    "without anything behind the data": {
        **NO_INDEX,
        "repeat_channels": False,
        "repeat_schemas": False,
    },
    "without chunks and index": {"use_chunking": False, **NO_INDEX},
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_kind_of_mcap_holds_the_same(tmp_path: Path, expected: list[Any], name: str) -> None:
    file = write_mcap(tmp_path / "bag.MCAP", SHORT.messages(), **WRITERS[name])
    assert read(file) == expected
    assert read(tmp_path) == expected
    assert repair_bag(tmp_path).actions == ("metadata.yaml written",)
    assert read(tmp_path) == expected and repair_bag(tmp_path).actions == ()


def forget_metadata(bag: Path) -> None:
    (bag / "metadata.yaml").unlink()


def edited(**changes: Any) -> Callable[[Path], None]:
    def change(bag: Path) -> None:
        information = {**read_metadata(bag), **changes}
        content = {"rosbag2_bagfile_information": information}
        (bag / "metadata.yaml").write_text(yaml.safe_dump(content))

    return change


def reindexed(bag: Path) -> None:
    """As `ros2 bag reindex` leaves it: other qualities of service, nothing of our own."""
    information = read_metadata(bag)
    for topic in information["topics_with_message_count"]:
        topic["topic_metadata"]["offered_qos_profiles"] = [
            {
                "history": "unknown",
                "depth": 10,
                "reliability": "reliable",
                "durability": "volatile",
                **dict.fromkeys(
                    ("deadline", "lifespan", "liveliness_lease_duration"), {"sec": 0, "nsec": 0}
                ),
                "liveliness": "automatic",
                "avoid_ros_namespace_conventions": False,
            }
        ]
    edited(**{**information, "custom_data": None, "storage_identifier": ""})(bag)


METADATA: dict[str, Callable[[Path], None]] = {
    "none": forget_metadata,
    "a version that is not known yet": edited(version=11, something_new={"a": 1}),
    "a version of long ago": edited(version=1, custom_data=None),
    "no name of the storage": edited(storage_identifier=""),
    "a storage that nobody knows": edited(storage_identifier="my_storage"),
    "a folder before the names": lambda bag: edited(
        relative_file_paths=[f"bag/{file.name}" for file in bag.glob("bag.*")]
    )(bag),
    "damaged": lambda bag: (bag / "metadata.yaml").write_text("{[") and None,
    "empty": lambda bag: (bag / "metadata.yaml").write_text("") and None,
    "bytes": lambda bag: (bag / "metadata.yaml").write_bytes(b"\xff\xfe\x00") and None,
    "reindexed": reindexed,
}


@pytest.mark.parametrize("storage", [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
@pytest.mark.parametrize("name", METADATA)
def test_the_files_say_what_metadata_do_not(
    tmp_path: Path, expected: list[Any], name: str, storage: StoragePlugin
) -> None:
    bag = write_bag(
        tmp_path / "bag", SHORT.messages(), storage, custom_data={"instruction": INSTRUCTION}
    )
    METADATA[name](bag)
    assert read(bag) == expected
    with open_bag(bag) as opened:
        assert opened.custom_data["instruction"] == INSTRUCTION
        sent_to_repair = bool(opened.notes)
    actions = repair_bag(bag).actions
    assert actions or not sent_to_repair
    assert read(bag) == expected and repair_bag(bag).actions == ()
    if actions:
        assert read_metadata(bag)["custom_data"]["instruction"] == INSTRUCTION


@pytest.mark.parametrize("storage", [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
@pytest.mark.parametrize("compression", [CompressionMode.FILE, CompressionMode.MESSAGE])
def test_compressed_bags_without_metadata(
    tmp_path: Path, expected: list[Any], storage: StoragePlugin, compression: CompressionMode
) -> None:
    bag = write_bag(tmp_path / "bag", SHORT.messages(), storage, compression)
    before = read_metadata(bag)
    forget_metadata(bag)
    assert read(bag) == expected
    assert repair_bag(bag).actions == ("metadata.yaml written",)
    after = read_metadata(bag)
    for key in ("compression_mode", "compression_format", "message_count", "relative_file_paths"):
        assert str(after[key]).upper() == str(before[key]).upper()


def test_a_database_that_was_not_closed(tmp_path: Path, expected: list[Any]) -> None:
    bag = write_bag(tmp_path / "bag", SHORT.messages(), StoragePlugin.SQLITE3)
    file = bag / "bag.db3"
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA wal_autocheckpoint=0")
        kept = database.execute("SELECT * FROM messages").fetchall()
        database.execute("DELETE FROM messages")
        database.commit()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.executemany("INSERT INTO messages VALUES(?, ?, ?, ?)", kept)
        database.commit()
        crashed = tmp_path / "crashed"
        shutil.copytree(bag, crashed)
    assert (crashed / "bag.db3-wal").stat().st_size
    before = {path.name: path.read_bytes() for path in crashed.iterdir()}
    assert read(crashed) == expected
    assert {path.name: path.read_bytes() for path in crashed.iterdir()} == before
    assert "taken in" in repair_bag(crashed).actions[0]
    assert read(crashed) == expected and repair_bag(crashed).actions == ()


LATER_TABLES = ("schema", "metadata", "message_definitions")
# What each version of the tables did not have yet.
WITHOUT = {
    1: (("offered_qos_profiles", "type_description_hash"), LATER_TABLES),
    2: (("type_description_hash",), LATER_TABLES),
    3: (("type_description_hash",), LATER_TABLES[2:]),
}


@pytest.mark.parametrize("version", WITHOUT)
def test_tables_of_older_versions(tmp_path: Path, expected: list[Any], version: int) -> None:
    bag = write_bag(tmp_path / "bag", SHORT.messages(), StoragePlugin.SQLITE3)
    columns, tables = WITHOUT[version]
    with closing(sqlite3.connect(bag / "bag.db3")) as database:
        for column in columns:
            database.execute(f"ALTER TABLE topics DROP COLUMN {column}")
        for table in tables:
            database.execute(f"DROP TABLE {table}")
        database.commit()
    assert read(bag) == expected and repair_bag(bag).actions == ()


def test_a_row_of_two_that_had_one_number_is_no_step_of_the_clock(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", ArmBag(seconds=2.0).states(), StoragePlugin.SQLITE3)
    with closing(sqlite3.connect(bag / "bag.db3")) as database:
        database.execute("UPDATE messages SET id = -1 WHERE id = (SELECT MAX(id) FROM messages)")
        database.commit()
    with open_bag(bag) as opened:
        assert not opened.clock_steps


def write_ros1(path: Path, messages: list[Message], compression: str = "") -> Path:
    """The same messages as ROS 1 has them."""
    store = get_typestore(Stores.ROS1_NOETIC)
    humble = get_typestore(Stores.ROS2_HUMBLE)
    writer = Ros1Writer(path)
    if compression:
        writer.set_compression(Ros1Writer.CompressionFormat[compression])
    with writer:
        connections = {}
        for message in sorted(messages, key=lambda m: m.arrival_s):
            kind = message.type_name
            if message.topic not in connections:
                connections[message.topic] = writer.add_connection(
                    message.topic, kind, typestore=store
                )
            values = humble.deserialize_cdr(message.data, kind)
            if hasattr(values, "header"):
                header = store.types["std_msgs/msg/Header"](
                    seq=0, stamp=values.header.stamp, frame_id=values.header.frame_id
                )
                fields = {**vars(values), "header": header}
                values = store.types[kind](**fields)
            data = store.serialize_ros1(values, kind)
            time_ns = BEGIN_NS + round(message.arrival_s * NS)
            writer.write(connections[message.topic], time_ns, data)
    return path


def test_a_bag_of_ros_1(tmp_path: Path) -> None:
    write_ros1(tmp_path / "old.bag", ArmBag(seconds=1.5).messages())
    write_bag(tmp_path / "new", ArmBag(seconds=1.5).messages())
    for name in ("old.bag", "new"):
        convert(conversion(tmp_path / name, tmp_path / f"out_{name}"))
    old, new = (Dataset(tmp_path / f"out_{name}") for name in ("old.bag", "new"))
    np.testing.assert_array_equal(
        old.columns(old.episodes[0])[STATE], new.columns(new.episodes[0])[STATE]
    )
    torn = tmp_path / "torn.bag"
    torn.write_bytes((tmp_path / "old.bag").read_bytes()[:60_000])
    with pytest.raises(BagError, match="rosbag reindex"):
        Bag(torn)


@pytest.mark.parametrize("compression", ["", "BZ2", "LZ4"])
def test_a_damaged_bag_of_ros_1_is_one_sentence(tmp_path: Path, compression: str) -> None:
    content = write_ros1(tmp_path / "a.bag", SHORT.messages(), compression).read_bytes()
    (tmp_path / "bags").mkdir()
    path, refused = tmp_path / "bags" / "b.bag", 0
    for share in (0.1, 0.5, 0.9, 0.99):
        damaged = bytearray(content)
        start = int(share * len(content))
        damaged[start : start + 500] = bytes(range(250)) * 2
        path.write_bytes(damaged)
        try:
            read(path)
        except BagError as error:
            assert f"ROS 1 bag {path} cannot be read (" in str(error)
            refused += 1
    assert refused


def strange_bag(path: Path) -> Path:
    """With topics beside the robot's that nobody can or need read."""
    store = get_typestore(Stores.ROS2_JAZZY)
    path.mkdir()
    service = (
        "=" * 80 + "\nSRV: std_srvs/srv/SetBool\nbool data\n---\nbool success\nstring message\n"
    )
    strange = {
        "/x/_service_event": ("std_srvs/srv/SetBool_Event", "unknown", service, "cdr"),
        "/y/_service_event": ("std_srvs/srv/SetBool_Event", "ros2msg", service, "cdr"),
        "/move/_action/feedback": (
            "a/action/Move_FeedbackMessage",
            "ros2msg",
            "ACTION: x\n",
            "cdr",
        ),
        "/lonely": ("a/msg/Lonely", "ros2msg", "b/Missing part\n", "cdr"),
        "/wide": ("a/msg/Wide", "ros2msg", "wstring<=5 text\n", "cdr"),
        "/json": ("", "jsonschema", "{}", "json"),
        "/protobuf": ("foxglove.Pose", "protobuf", "\x00\x01", "protobuf"),
        "/empty": ("std_msgs/msg/Empty", "ros2msg", "", "cdr"),
        "/joint_states": ("std_msgs/msg/String", "ros2msg", "string data", "cdr"),
        "": ("std_msgs/msg/String", "ros2msg", "string data", "cdr"),
        "/two\nlines": ("std_msgs/msg/String", "ros2msg", "string data", "cdr"),
        "/nameless": (" ", "ros2msg", "string data", ""),
    }
    with (path / "bag_0.mcap").open("wb") as file:
        writer = Writer(file)
        writer.start("ros2", "")
        for topic, (name, encoding, text, serialised) in strange.items():
            schema = writer.register_schema(name.strip(), encoding, text.encode()) if name else 0
            channel = writer.register_channel(topic, serialised, schema)
            writer.add_message(channel, BEGIN_NS, b"\x00\x01\x00\x00\x01\x00\x00\x00a", BEGIN_NS)
        channels: dict[str, int] = {}
        for message in sorted(ArmBag(seconds=1.5).messages(), key=lambda m: m.arrival_s):
            if message.topic not in channels:
                text = store.generate_msgdef(message.type_name, ros_version=2)[0]
                # Standard types are understood without a package, a line's end, or at all.
                text = text.replace("std_msgs/Header header", "Header header").rstrip()
                known = {"/ee_pose": "", "/exterior/image_raw": "ros2msg"}
                schema = writer.register_schema(
                    message.type_name, known.get(message.topic, "ros2msg"), text.encode()
                )
                channels[message.topic] = writer.register_channel(message.topic, "cdr", schema)
            time_ns = BEGIN_NS + round(message.arrival_s * NS)
            writer.add_message(channels[message.topic], time_ns, message.data, time_ns)
        writer.finish()
    return path


def test_what_is_not_needed_is_skipped_and_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bag = strange_bag(tmp_path / "bag")
    assert main(["inspect", str(bag)]) == 0
    shown = capsys.readouterr().out
    assert "/json" in shown and "encoded as 'json'" in shown
    assert "  ''  " in shown and r"'/two\nlines'" in shown and "encoded as ''" in shown
    assert "std_srvs/srv/SetBool_Event is not understood" in shown
    assert "b/msg/Missing, a part of it, is missing" in shown
    assert f"{JOINT_STATE} and std_msgs/msg/String" in shown.replace(
        f"std_msgs/msg/String and {JOINT_STATE}", f"{JOINT_STATE} and std_msgs/msg/String"
    )
    report = convert(conversion(bag, tmp_path / "out"))
    assert report.frames > 16 and report.exit_code == 0
    write_bag(tmp_path / "plain", ArmBag(seconds=1.5).messages())
    convert(conversion(tmp_path / "plain", tmp_path / "out_plain"))
    found, plain = Dataset(tmp_path / "out"), Dataset(tmp_path / "out_plain")
    np.testing.assert_array_equal(
        found.columns(found.episodes[0])[STATE], plain.columns(plain.episodes[0])[STATE]
    )
    assert repair_bag(bag).actions == ("metadata.yaml written",)
    assert main(["inspect", str(bag)]) == 0 and repair_bag(bag).actions == ()


def test_a_needed_type_that_is_not_understood_is_named(tmp_path: Path) -> None:
    bag = strange_bag(tmp_path / "bag")
    with open_bag(bag) as opened, pytest.raises(BagError, match="topic /wide of .*a/msg/Wide"):
        list(opened.messages({"/wide": "a/msg/Wide"}))


def test_one_damaged_message_is_told(tmp_path: Path, expected: list[Any]) -> None:
    messages = SHORT.messages()
    messages[4] = Message("/ee_pose", POSE, messages[4].arrival_s, b"\x00\x01\x00\x00\x01")
    bag = write_bag(tmp_path / "bag", messages)
    told: list[tuple[str, int, str]] = []
    with open_bag(bag) as opened:
        found = list(opened.messages(WANTED, refuse=lambda *what: told.append(what)))
    assert len(found) == len(expected) - 1
    assert told == [("/ee_pose", BEGIN_NS + 40_000_000, "a message is damaged")]


def test_promises_of_the_metadata_are_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bag = write_bag(tmp_path / "bag", SHORT.messages())
    information = read_metadata(bag)
    information["topics_with_message_count"][0]["message_count"] += 7
    edited(**information)(bag)
    assert main(["inspect", str(bag)]) == 1
    assert "promises" in capsys.readouterr().out
    assert main(["repair", str(bag)]) == 0
    assert main(["inspect", str(bag)]) == 0


@pytest.mark.parametrize("damaged", ["head", "index"])
def test_what_repair_writes_again_is_no_step_of_the_clock(tmp_path: Path, damaged: str) -> None:
    file = write_mcap(tmp_path / "bag_0.mcap", ArmBag(seconds=2.0).messages())
    with file.open("rb") as opened:
        summary = make_reader(opened).get_summary()
    assert summary
    chunk = summary.chunk_indexes[len(summary.chunk_indexes) // 3]
    place = chunk.chunk_start_offset + (chunk.chunk_length if damaged == "index" else 0)
    content = bytearray(file.read_bytes())
    content[place : place + 9] = bytes(9)
    file.write_bytes(content)
    repair_bag(tmp_path)
    with file.open("rb") as opened:
        times = [m.log_time for *_, m in make_reader(opened).iter_messages(log_time_order=False)]
    assert max(np.maximum.accumulate(times) - times) > NS
    with open_bag(tmp_path) as bag:
        assert not bag.clock_steps


def split(path: Path, parts: int = 3) -> Path:
    messages = sorted(ArmBag(seconds=0.6).messages(), key=lambda message: message.arrival_s)
    writer = BagWriter(path)
    for topic, type_name in {message.topic: message.type_name for message in messages}.items():
        writer.add_topic(Topic(topic, type_name))
    writer.annotate({"groot_ros.format": "1", "episode": path.name, "instruction": "pick"})
    for index, message in enumerate(messages):
        if index and index % (len(messages) // parts + 1) == 0:
            writer.split()
        time_ns = BEGIN_NS + round(message.arrival_s * NS)
        writer.write(message.topic, time_ns, time_ns, message.data)
    return writer.finish()


def test_a_split_bag_without_metadata_is_one_bag(tmp_path: Path) -> None:
    bag = split(tmp_path / "bag")
    whole = read(bag)
    forget_metadata(bag)
    assert find_bags([tmp_path]) == [bag]
    assert read(bag) == whole
    assert find_bags(sorted(bag.glob("*.mcap"))) == [bag / "bag_0.mcap"]
    assert read(bag / "bag_0.mcap") == whole
    assert len(read(bag / "bag_1.mcap")) < len(whole)


def test_a_missing_part_is_named_and_repair_goes_on_without_it(tmp_path: Path) -> None:
    bag = split(tmp_path / "bag")
    whole = read(bag)
    (bag / "bag_1.mcap").unlink()
    with pytest.raises(BagError, match="lacks bag_1.mcap, .*groot-ros repair"):
        Bag(bag)
    assert "bag_1.mcap is missing: left out" in repair_bag(bag).actions
    rest = read(bag)
    assert 0 < len(rest) < len(whole) and set(rest) < set(whole)
    assert read_metadata(bag)["custom_data"]["instruction"] == "pick"
    assert repair_bag(bag).actions == ()


@pytest.mark.parametrize("name", ["bag.MCAP", "other.mcap", "other.db3"])
def test_the_only_file_of_a_bag_is_read_under_any_name(
    tmp_path: Path, expected: list[Any], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    is_sqlite = name.endswith(".db3")
    storage = StoragePlugin.SQLITE3 if is_sqlite else StoragePlugin.MCAP
    bag = write_bag(tmp_path / "bag", SHORT.messages(), storage)
    named = "bag.db3" if is_sqlite else "bag.mcap"
    (bag / named).rename(bag / name)
    assert read(bag) == expected
    assert main(["inspect", str(bag)]) == 1
    assert f"names {named}, which is not there: {name}," in capsys.readouterr().out
    assert f"{name} taken for {named}" in repair_bag(bag).actions
    assert main(["inspect", str(bag)]) == 0 and read(bag) == expected


def test_of_several_files_under_other_names_none_is_guessed(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", SHORT.messages())
    (bag / "bag.mcap").rename(bag / "one.mcap")
    write_mcap(bag / "two.mcap", SHORT.messages(), 60 * NS)
    advice = "lacks bag.mcap.*put it back; if other files .*, remove metadata.yaml and"
    with pytest.raises(BagError, match=f"{advice} run `groot-ros repair"):
        Bag(bag)
    with pytest.raises(UserError, match=f"{advice} repair it again"):
        repair_bag(bag)
    forget_metadata(bag)
    repair_bag(bag)
    assert find_bags([bag]) == [bag / "one.mcap", bag / "two.mcap"]


@pytest.mark.parametrize("content", [b"", b"a text, of which nobody knows how it came here"])
def test_what_nothing_can_be_saved_of_is_not_sent_to_repair(
    tmp_path: Path, content: bytes
) -> None:
    bag = write_bag(tmp_path / "bag", SHORT.messages())
    (bag / "bag.mcap").write_bytes(content)
    with pytest.raises(BagError, match=r"is no MCAP file: it .*\): restore it from a copy$"):
        Bag(bag)
    parts = split(tmp_path / "parts")
    (parts / "parts_1.mcap").write_bytes(content)
    with pytest.raises(BagError, match="from a copy, or go on without it after `groot-ros repair"):
        Bag(parts)
    repair_bag(parts)
    assert read(parts)


def test_parts_of_which_a_crash_left_some_uncompressed(tmp_path: Path) -> None:
    bag = split(tmp_path / "bag")
    whole = read(bag)
    forget_metadata(bag)
    for part in ("bag_0.mcap", "bag_1.mcap"):
        compressed = zstandard.ZstdCompressor().compress((bag / part).read_bytes())
        (bag / f"{part}.zstd").write_bytes(compressed)
        (bag / part).unlink()
    last = bag / "bag_2.mcap"
    last.write_bytes(last.read_bytes()[:-100])
    with pytest.raises(BagError, match=r"bag_2.mcap was cut off.*repair"):
        Bag(bag)
    repair_bag(bag)
    assert read(bag) == whole
    information = read_metadata(bag)
    assert information["compression_mode"] == "FILE"
    assert information["relative_file_paths"] == [f"bag_{part}.mcap.zstd" for part in range(3)]


def test_loose_recordings_in_a_folder_stay_different_bags(tmp_path: Path) -> None:
    for number in range(3):
        write_mcap(tmp_path / f"demo_{number}.mcap", SHORT.messages(), number * 60 * NS)
    files = sorted(tmp_path.glob("*.mcap"))
    assert find_bags([tmp_path]) == files
    torn = files[1]
    content = torn.read_bytes()
    torn.write_bytes(content[: len(content) // 2])
    with pytest.raises(BagError, match="holds 3 recordings"):
        Bag(tmp_path)
    with pytest.raises(BagError, match=f"run `groot-ros repair {torn}`"):
        Bag(torn)
    assert any("index of" in action for action in repair_bag(tmp_path).actions)
    assert not (tmp_path / "metadata.yaml").exists()
    assert find_bags([tmp_path]) == files and read(torn)


def test_a_stray_recording_beside_a_bag_is_its_own(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", SHORT.messages())
    stray = write_mcap(bag / "other.mcap", SHORT.messages())
    assert find_bags([tmp_path]) == [bag, stray]
    assert recording_at(bag).files == (bag / "bag.mcap",)
    assert repair_bag(bag).actions == ()


def test_folders_of_folders_and_read_only_places(tmp_path: Path, expected: list[Any]) -> None:
    bags = [
        write_bag(tmp_path / "day" / "robot" / "a", SHORT.messages()),
        write_bag(tmp_path / "day" / "b", SHORT.messages(), StoragePlugin.SQLITE3),
        write_mcap(tmp_path / "day" / "deep" / "er" / "c.MCAP", SHORT.messages()).parent,
    ]
    (tmp_path / "day" / "loop").symlink_to(tmp_path / "day")
    assert set(find_bags([tmp_path])) == set(bags)
    places = [*tmp_path.rglob("*")]
    before = {path: path.stat().st_mtime_ns for path in places}
    for path in places:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        for bag in bags:
            assert read(bag) == expected
    finally:
        for path in places:
            path.chmod(0o755)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_messages_before_the_clock_do_not_make_a_bag_long(tmp_path: Path) -> None:
    messages = [Message("/ee_pose", POSE, -BEGIN_NS / NS, b"\x00\x01")] + SHORT.messages()
    bag = write_bag(tmp_path / "bag", messages)
    with open_bag(bag) as opened:
        assert opened.duration_s < 1


def test_what_was_said_of_a_bag_later_counts(tmp_path: Path) -> None:
    bag = split(tmp_path / "bag")
    set_custom_data(bag, {"instruction": "place"})
    with open_bag(bag) as opened:
        assert opened.custom_data["instruction"] == "place"
