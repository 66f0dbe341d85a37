"""`groot-ros repair` on what crashes leave."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcap.reader import make_reader
from recorded import JOINTS, joint_states, types
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import StoragePlugin, Writer

from groot_ros.benchmarks.repair import RepairBenchmark
from groot_ros.cli.main import main
from groot_ros.data.bags.metadata import read_metadata
from groot_ros.data.bags.writer import BagWriter
from groot_ros.data.repair.repair import repair_bag
from groot_ros.errors import UserError

MESSAGES = 1500
PADDING = bytes(2000)


def write(path: Path, finish: bool, compress: bool = False) -> Path:
    writer = BagWriter(path, compress)
    writer.add_topic(JOINTS)
    writer.annotate({"instruction": "pick"})
    for i in range(MESSAGES):
        writer.write(JOINTS.name, i, i, joint_states(i) + PADDING)
    if finish:
        return writer.finish()
    writer.abandon()
    return writer.part


def times(bag: Path) -> list[int]:
    with AnyReader([bag]) as reader:
        return [time for _, time, _ in reader.messages()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    bag = write(tmp_path_factory.mktemp("whole") / "bag", finish=True)
    return (bag / "bag_0.mcap").read_bytes()


@settings(max_examples=40, deadline=None)
@given(share=st.floats(0, 1))
def test_whatever_the_cut_all_whole_messages_are_there(
    tmp_path_factory: pytest.TempPathFactory, whole: bytes, share: float
) -> None:
    folder = tmp_path_factory.mktemp("cut") / "bag.part"
    folder.mkdir()
    size = 200 + int(share * (len(whole) - 200))
    (folder / "bag_0.mcap").write_bytes(whole[:size])
    repaired = repair_bag(folder)
    assert repaired.path.name == "bag"
    found = times(repaired.path)
    assert found == list(range(len(found)))
    # Every message takes about 2100 bytes, and only one can be torn.
    record = len(joint_states(0)) + len(PADDING) + 31
    assert len(found) >= min(MESSAGES, (size - 8000) // (record + 16))
    with (repaired.path / "bag_0.mcap").open("rb") as file:
        summary = make_reader(file, validate_crcs=True).get_summary()
    assert summary is not None and summary.statistics is not None
    assert summary.statistics.message_count == len(found) == repaired.messages
    assert repair_bag(repaired.path).actions == ()


WRITE_FOREVER = """
import sys, time
from pathlib import Path
from recorded import JOINTS, joint_states, types
from groot_ros.data.bags.episode_info import EpisodeInfo
from groot_ros.data.recording.episode_recorder import Arrival, EpisodeRecorder, RecorderOptions
from groot_ros.data.recording.health import Expectations

options = RecorderOptions(Path(sys.argv[1]), least_free_bytes=0)
recorder = EpisodeRecorder(options, EpisodeInfo(), Expectations({}, ()), time.time_ns())
recorder.add_topic(JOINTS, False, time.time_ns())
recorder.start(time.time_ns(), "pick")
while True:
    now_ns = time.time_ns()
    recorder.receive(JOINTS.name, Arrival(now_ns, now_ns, None, joint_states(now_ns)))
    print(now_ns, flush=True)
    time.sleep(0.002)
"""


def test_a_killed_recorder_loses_less_than_the_last_second(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITE_FOREVER, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent,
    )
    assert process.stdout
    received = [int(process.stdout.readline()) for _ in range(1000)]
    process.send_signal(signal.SIGKILL)
    rest, _ = process.communicate()
    received += [int(line) for line in rest.splitlines() if len(line) == len(str(received[0]))]
    (part,) = tmp_path.glob("*.part")
    assert main(["repair", str(part)]) == 0
    bag = tmp_path / "episode_000000"
    found = times(bag)
    assert found == received[: len(found)]
    assert found[-1] > received[-1] - 1_000_000_000
    assert read_metadata(bag)["custom_data"]["instruction"] == "pick"


def test_a_compressed_bag_is_repaired(tmp_path: Path) -> None:
    part = write(tmp_path / "bag", finish=False, compress=True)
    assert times(repair_bag(part).path) == list(range(len(times(tmp_path / "bag"))))


def test_damage_costs_what_is_damaged(tmp_path: Path, whole: bytes) -> None:
    folder = tmp_path / "bag"
    folder.mkdir()
    file = folder / "bag_0.mcap"
    half = whole[: len(whole) // 2]
    file.write_bytes(half + bytes(100_000))
    # The length of the torn chunk reaches into the zeros, which are no records.
    repair_bag(folder)
    assert times(folder)
    (folder / "metadata.yaml").unlink()
    file.write_bytes(whole[:8] + b"\x99" * 100 + whole[8:])
    assert any("100 damaged bytes" in action for action in repair_bag(folder).actions)
    assert times(folder) == list(range(MESSAGES))
    assert repair_bag(folder).actions == ()
    middle = len(whole) // 2
    file.write_bytes(whole[:middle] + bytes(10_000) + whole[middle + 10_000 :])
    repair_bag(folder)
    found = times(folder)
    assert MESSAGES - 7 <= len(found) < MESSAGES and found == sorted(found)
    assert repair_bag(folder).actions == ()


def test_random_damage_leaves_what_other_readers_find() -> None:
    result = RepairBenchmark(damages=35).run()
    assert result["faults"] == []
    assert result["messages_after_repair"] >= result["messages_of_an_independent_reader"] > 0


@pytest.mark.parametrize("number", [1189, 4272, 4504, 8518])
def test_random_damage_that_cost_more_once(number: int) -> None:
    """An index that fits nothing; a chunk's head over a whole chunk; two lengths; a pointer."""
    assert RepairBenchmark(damages=1, first=number).run()["faults"] == []


def test_what_cannot_be_saved_of_a_split_bag_is_set_aside(tmp_path: Path, whole: bytes) -> None:
    folder = tmp_path / "bag"
    folder.mkdir()
    (folder / "bag_0.mcap").write_bytes(whole)
    (folder / "bag_1.mcap").write_bytes(bytes(50_000))
    assert any("now bag_1.mcap.damaged" in action for action in repair_bag(folder).actions)
    assert len(times(folder)) == MESSAGES and repair_bag(folder).actions == ()


def test_a_damaged_database_is_replaced_and_kept(tmp_path: Path) -> None:
    bag = tmp_path / "bag"
    with Writer(bag, version=9, storage_plugin=StoragePlugin.SQLITE3) as writer:
        connection = writer.add_connection(JOINTS.name, JOINTS.type, typestore=types())
        for i in range(400):
            writer.write(connection, 100 + i, joint_states(i) + bytes(3000))
    file = bag / "bag.db3"
    content = bytearray(file.read_bytes())
    # The head of the database, and a page in the middle.
    content[:4096] = bytes(4096)
    content[400 * 4096 : 401 * 4096] = bytes(4096)
    file.write_bytes(bytes(content))
    repair_bag(bag)
    assert 395 <= len(times(bag)) < 400
    assert (bag / "bag.db3.damaged").read_bytes() == bytes(content)
    assert repair_bag(bag).actions == ()


def test_sqlite_without_metadata_gets_it(tmp_path: Path) -> None:
    bag = tmp_path / "bag"
    with Writer(bag, version=9, storage_plugin=StoragePlugin.SQLITE3) as writer:
        connection = writer.add_connection(JOINTS.name, JOINTS.type, typestore=types())
        for i in range(10):
            writer.write(connection, 100 + i, joint_states(i))
    (bag / "metadata.yaml").unlink()
    assert repair_bag(bag).messages == 10
    assert times(bag) == list(range(100, 110))
    information = read_metadata(bag)
    assert information["storage_identifier"] == "sqlite3"
    assert information["duration"]["nanoseconds"] == 9


def test_what_is_no_bag_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["repair", str(tmp_path / "none")]) == 2
    assert "none does not exist" in capsys.readouterr().err
    assert main(["repair", str(tmp_path)]) == 2
    assert "holds no bag" in capsys.readouterr().err
    (tmp_path / "day" / "first").mkdir(parents=True)
    (tmp_path / "day" / "first" / "first_0.mcap").touch()
    assert main(["repair", str(tmp_path)]) == 2
    assert f"such as {tmp_path / 'day' / 'first'}" in capsys.readouterr().err
    (tmp_path / "a.mcap").write_bytes(b"not a bag at all")
    assert main(["repair", str(tmp_path)]) == 2
    assert "is no MCAP file" in capsys.readouterr().err
    (tmp_path / "a.mcap").unlink()
    (tmp_path / "a.db3").write_bytes(b"not a database, and long enough to be looked at" * 50)
    assert main(["repair", str(tmp_path)]) == 2
    assert "holds no topics that could be saved" in capsys.readouterr().err
    # Nobody is sent to repair with what it cannot mend.
    (tmp_path / "a.db3").write_bytes(b"")
    assert main(["inspect", str(tmp_path)]) == 2
    assert "(a.db3 is empty): restore it from a copy" in capsys.readouterr().err


def test_what_was_repaired_is_told_though_another_bag_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part = write(tmp_path / "bag", finish=False)
    assert main(["repair", str(part), str(tmp_path / "none")]) == 2
    said = capsys.readouterr()
    assert said.out.startswith(f"{tmp_path / 'bag'}: ") and " messages" in said.out
    assert "none does not exist" in said.err


def test_a_bag_that_is_still_written_is_left_alone(tmp_path: Path) -> None:
    writer = BagWriter(tmp_path / "bag")
    writer.add_topic(JOINTS)
    for i in range(10):
        writer.write(JOINTS.name, i, i, joint_states(i))
    with pytest.raises(UserError, match="is being written"):
        repair_bag(writer.part)
    assert times(writer.finish()) == list(range(10))


def test_a_taken_name_is_not_overwritten(tmp_path: Path) -> None:
    part = write(tmp_path / "bag", finish=False)
    (tmp_path / "bag").mkdir()
    with pytest.raises(UserError, match="exists already"):
        repair_bag(part)
    assert (part / "bag_0.mcap").exists()
