"""What is kept, what is saved, and that neither memory nor disk fill up."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from encoded import GROUP, stream
from hypothesis import given
from hypothesis import strategies as st
from taped import DATA, TEXT, Robot, S, hand_over

from groot_ros.cameras.compressed_image import COMPRESSED_IMAGE
from groot_ros.cameras.image import IMAGE
from groot_ros.cameras.raw_image import compressed_to_rgb
from groot_ros.chunks.chunk import Setpoint
from groot_ros.chunks.execution.stopping import StopReason
from groot_ros.data.bags.metadata import Topic
from groot_ros.data.bags.reader import open_bag
from groot_ros.data.bags.serialized import MessageMaker
from groot_ros.errors import UserError, kind_of_sentence
from groot_ros.incidents.black_box import LOST, BlackBox, Saved, Setup
from groot_ros.incidents.incident import INFO, Incident
from groot_ros.incidents.incident_folder import IncidentFolder, default_folder
from groot_ros.incidents.kept_messages import KeptMessages
from groot_ros.incidents.occasions import (
    AFTER_S,
    MOST_INCIDENTS,
    QUIET_S,
    Event,
    Occasions,
)


def times_of_incidents(events: list[tuple[float, str]]) -> list[tuple[float, tuple[Event, ...]]]:
    """When incidents are saved, looked at every 50 ms."""
    occasions, found, due = Occasions(), [], sorted(events)
    for tick in range(0, round(20 * max(t for t, _ in events)) + 100):
        now_ns = tick * S // 20
        while due and due[0][0] * S <= now_ns:
            time_s, sentence = due.pop(0)
            occasions.note(Event(round(time_s * S), sentence))
        if taken := occasions.take_due(now_ns):
            found.append((now_ns / S, taken))
    return found


def test_an_incident_is_saved_once_the_arm_is_at_rest_and_tells_all_till_then() -> None:
    ((saved_s, events),) = times_of_incidents([(5.0, "starved"), (5.4, "policy gone")])
    assert saved_s == pytest.approx(5.0 + AFTER_S, abs=0.06)
    assert [event.sentence for event in events] == ["starved", "policy gone"]


def test_what_goes_on_for_minutes_is_one_incident_and_another_thing_is_another() -> None:
    refusals = [(0.5 * n, f"chunk {n} refused: step 3 has z = {0.9 + n} m") for n in range(400)]
    found = times_of_incidents([*refusals, (100.2, "emergency stop")])
    assert [events[0].sentence for _, events in found] == [refusals[0][1], "emergency stop"]


def test_after_a_quiet_time_the_same_is_news() -> None:
    found = times_of_incidents([(1.0, "starved"), (1.0 + QUIET_S + 0.1, "starved")])
    assert len(found) == 2


def test_a_story_is_told_in_few_incidents() -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    assert len(times_of_incidents([(2.0 * n, letters[n]) for n in range(20)])) == MOST_INCIDENTS


def test_a_clock_that_was_set_back_does_not_silence() -> None:
    occasions = Occasions()
    occasions.note(Event(100 * S, "starved"))
    assert occasions.take_due(50 * S)
    occasions.note(Event(50 * S, "starved"))
    assert occasions.take_due(52 * S)


def test_sentences_that_differ_in_numbers_are_of_a_kind() -> None:
    assert kind_of_sentence("step 3 has z = -0.91 m") == kind_of_sentence("step 12 has z = 1 m")
    assert kind_of_sentence("too late") != kind_of_sentence("too far")


@given(st.lists(st.tuples(st.integers(-(10**10), 10**11), st.integers(0, 300))))
def test_messages_take_no_more_than_allowed(come: list[tuple[int, int]]) -> None:
    kept = KeptMessages(30.0, 1000)
    for time_ns, size in come:
        kept.add((TEXT.name, time_ns, bytes(size)))
        held = kept.taken()
        assert kept.bytes == sum(len(data) for *_, data in held) <= 1000
        assert held[-1][1] == time_ns
        assert abs(held[0][1] - time_ns) <= 30 * S


@pytest.fixture
def folder(tmp_path: Path) -> IncidentFolder:
    return IncidentFolder(tmp_path, 10**9)


def test_a_stop_is_saved_with_what_came_before(setup: Setup) -> None:
    saved: list[Saved] = []
    robot, box = Robot(1), BlackBox(setup, saved.append)
    box.topic(TEXT)
    box.begin()
    box.urdf("<robot/>")
    robot.send()
    for _ in range(200):
        box.keep(TEXT.name, robot.now_ns, DATA)
        robot.tick()
    robot.executor.halt(StopReason.FAULT, robot.now_ns)
    box.note("stopped, fault", robot.now_ns)
    box.look(robot.now_ns)
    robot.tick(120)
    hand_over(robot.executor.tape, box.begin_tape, box.tape)
    box.look(robot.now_ns)
    box.end(robot.now_ns)
    box.close()
    ((path,),) = [[Path(s.path)] for s in saved]
    assert not saved[0].failure
    incident = Incident.read(path)
    assert [event.sentence for event in incident.events] == ["stopped, fault"]
    assert incident.ended_ns == robot.now_ns
    assert (path / "arm.urdf").read_text() == "<robot/>"
    with open_bag(path) as bag:
        counts = {topic: sum(info.counts.values()) for topic, info in bag.topics.items()}
    commanded = sum(isinstance(setpoint, Setpoint) for _, setpoint in robot.commands)
    assert counts == {"/said": 200, "/setpoint": commanded}


def test_what_has_just_happened_is_saved_at_the_end(setup: Setup) -> None:
    saved: list[Saved] = []
    box = BlackBox(setup, saved.append)
    box.note("stopped, deactivated", S)
    box.end(S)
    box.close()
    assert [s.sentence for s in saved] == ["stopped, deactivated"]


def test_an_executor_that_was_killed_leaves_an_incident(setup: Setup) -> None:
    saved: list[Saved] = []
    box = BlackBox(setup, saved.append)
    box.begin()
    box.look(S)
    box.close()
    assert [s.sentence for s in saved] == [LOST]
    quiet = BlackBox(setup, saved.append)
    quiet.begin()
    quiet.end(S)
    quiet.close()
    assert len(saved) == 1


def test_a_disk_that_hangs_holds_nobody_up_and_is_told(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()
    write = Incident.write

    def hang(incident: Incident, folder: Path) -> None:
        goes_on.wait(60.0)
        write(incident, folder)

    monkeypatch.setattr(Incident, "write", hang)
    saved: list[Saved] = []
    box = BlackBox(setup, saved.append)
    for number in range(5):
        box.note("abcde"[number], 2 * S * number)
        box.look(2 * S * (number + 1))
    assert ["too slow" in s.failure for s in saved] == [True] * 3
    goes_on.set()
    box.close()
    assert [bool(s.path) for s in saved] == [False] * 3 + [True] * 2


def test_a_picture_that_cannot_be_compressed_is_left_out(setup: Setup) -> None:
    saved: list[Saved] = []
    box = BlackBox(setup, saved.append)
    kept = Topic("/exterior/compressed", COMPRESSED_IMAGE)
    box.camera(kept, IMAGE, setup.robot.observations.cameras["exterior"])
    pixels = np.full((48, 64, 3), (90, 30, 30), np.uint8)
    for data in (b"no picture", MessageMaker().image(7, "camera", pixels)):
        box.keep_picture(kept.name, S, data)
    box.note("stopped, something", S)
    box.end(S)
    box.close()
    with open_bag(Path(saved[0].path)) as bag:
        ((_, _, message),) = bag.messages({kept.name: kept.type})
    assert np.abs(compressed_to_rgb(message).astype(int) - pixels).max() <= 4


def test_video_begins_with_a_picture_that_others_are_made_of(setup: Setup) -> None:
    saved: list[Saved] = []
    box, maker = BlackBox(setup, saved.append), MessageMaker()
    video = Topic("/exterior", COMPRESSED_IMAGE)
    box.video(video)
    packets, _ = stream("h264", GROUP + 15)
    for packet in packets[5:]:
        data = maker.make(
            COMPRESSED_IMAGE,
            header=maker.header(packet.number, "camera"),
            format="h264",
            data=np.frombuffer(packet.data, np.uint8),
        )
        box.keep_packet(video.name, S + packet.number, data)
    box.keep_packet(video.name, 2 * S, b"no packet")
    box.note("stopped, something", 2 * S)
    box.end(2 * S)
    box.close()
    with open_bag(Path(saved[0].path)) as bag:
        kept = [m for *_, m in bag.messages({video.name: video.type}, refuse=lambda *_: None)]
    assert [bytes(m.data) for m in kept] == [packet.data for packet in packets[GROUP:]]


def test_a_full_disk_is_told_and_the_next_incident_is_saved(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails = iter([True, False])
    write = Incident.write

    def full(incident: Incident, folder: Path) -> None:
        if next(fails):
            raise OSError(28, "No space left on device")
        write(incident, folder)

    monkeypatch.setattr(Incident, "write", full)
    saved: list[Saved] = []
    box = BlackBox(setup, saved.append)
    for sentence in ("one", "another"):
        box.note(sentence, S)
        box.end(S)
    box.close()
    one, other = saved
    assert "No space left on device" in one.failure and not other.failure
    assert Incident.read(Path(other.path))


def put(folder: IncidentFolder, hour: int, size: int) -> Path:
    incident = Incident(
        events=(Event(0, "stopped, something"),),
        saved=datetime(2026, 1, 1, hour).isoformat(),
        begun_ns=0,
        ended_ns=1,
        robot="sim",
        namespace="/",
        chunk_topic="/chunks",
        instruction="",
        parameters={},
        versions={},
    )
    path = folder.new(incident)
    path.mkdir(parents=True)
    (path / INFO).write_text("")
    (path / "bag_0.mcap").write_bytes(bytes(size))
    return path


def test_the_oldest_incidents_go_first_and_the_last_one_stays(tmp_path: Path) -> None:
    folder = IncidentFolder(tmp_path, 1000)
    (tmp_path / "of_somebody").mkdir()
    (tmp_path / "of_somebody" / "notes").write_bytes(bytes(5000))
    paths = [put(folder, hour, 400) for hour in (3, 1, 2)]
    folder.make_room()
    assert [path.exists() for path in paths] == [True, False, True]
    folder.make_room(700)
    assert [path.exists() for path in paths] == [False, False, False]
    huge = put(folder, 9, 5000)
    folder.make_room()
    assert huge.exists() and (tmp_path / "of_somebody").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == [huge.name, "of_somebody"]


def test_two_incidents_of_a_second_have_two_names(folder: IncidentFolder) -> None:
    paths = {put(folder, 1, 1) for _ in range(3)}
    assert len(paths) == 3


def test_the_default_folder_is_where_ros_keeps_its_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_HOME", "/somewhere")
    assert default_folder() == Path("/somewhere/groot_ros/incidents")
    monkeypatch.delenv("ROS_HOME")
    assert default_folder() == Path.home() / ".ros/groot_ros/incidents"


def damaged() -> Iterator[tuple[str | None, str]]:
    yield None, "it has no incident.json"
    yield "[]", "of format None"
    yield json.dumps({"format": 99}), "of format 99"
    yield json.dumps({"format": 1}), "is damaged"
    yield "{", "take another copy"


@pytest.mark.parametrize(("text", "words"), damaged())
def test_what_is_no_incident_is_one_sentence(tmp_path: Path, text: str | None, words: str) -> None:
    if text is not None:
        (tmp_path / INFO).write_text(text)
    with pytest.raises(UserError, match=words):
        Incident.read(tmp_path)
