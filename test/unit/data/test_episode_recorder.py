"""Episodes into bags, without ROS."""

from __future__ import annotations

import resource
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from recorded import JOINTS, joint_states
from rosbags.highlevel import AnyReader

from groot_ros.data.bags.episode_info import EpisodeInfo
from groot_ros.data.bags.metadata import Topic, read_metadata
from groot_ros.data.recording.episode_recorder import (
    Arrival,
    EpisodeRecorder,
    RecordedEpisode,
    RecorderOptions,
)
from groot_ros.data.recording.health import Expectation, Expectations
from groot_ros.errors import UserError
from groot_ros.observation.fields import NS

EXPECTED = Expectations({JOINTS.name: Expectation(("joint_position",), 0.2)}, ())


def make(output: Path, **options: int) -> EpisodeRecorder:
    settings = {"least_free_bytes": 0, **options}
    recorder = EpisodeRecorder(RecorderOptions(output, **settings), EpisodeInfo(), EXPECTED, 0)
    recorder.add_topic(JOINTS, False, 0)
    return recorder


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[EpisodeRecorder]:
    recorder = make(tmp_path / "bags")
    yield recorder
    recorder.close(60)


def receive(recorder: EpisodeRecorder, start: int, stop: int) -> None:
    """One message a millisecond."""
    for i in range(start, stop):
        ns = i * 1_000_000
        recorder.receive(JOINTS.name, Arrival(ns, ns, i, joint_states(ns)))


def info(episode: RecordedEpisode) -> EpisodeInfo:
    found = EpisodeInfo.from_custom_data(read_metadata(episode.bag.path)["custom_data"])
    assert found is not None
    return found


def wait_for(is_true: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 60
    while not is_true():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def messages(episode: RecordedEpisode) -> int:
    with AnyReader([episode.bag.path]) as reader:
        return reader.message_count


def test_one_bag_per_episode_with_what_came_during_it(recorder: EpisodeRecorder) -> None:
    receive(recorder, 0, 10)
    first = recorder.start(10_000_000, "pick", "by hand")
    receive(recorder, 10, 30)
    recorder.stop(30_000_000, "stopped")
    receive(recorder, 30, 40)
    second = recorder.start(40_000_000, "place")
    receive(recorder, 40, 45)
    recorder.set_instruction("place it gently")
    recorder.stop(45_000_000, "timeout")
    assert recorder.close(60)
    assert [first.bag.path.name, second.bag.path.name] == ["episode_000000", "episode_000001"]
    assert (messages(first), messages(second)) == (20, 5)
    assert info(first) == first.info
    assert (info(first).instruction, info(first).note) == ("pick", "by hand")
    assert info(second).instruction == "place it gently"
    assert info(first).health[JOINTS.name]["messages"] == 20
    assert (info(first).reason, info(second).reason) == ("stopped", "timeout")


def test_outcome_is_marked_during_and_after_the_episode(recorder: EpisodeRecorder) -> None:
    first = recorder.start(0, "pick")
    recorder.mark("success")
    recorder.stop(NS, "stopped")
    second = recorder.start(NS, "pick")
    recorder.stop(2 * NS, "stopped")
    recorder.mark("failure")
    recorder.close(60)
    assert (info(first).outcome, info(second).outcome) == ("success", "failure")


def test_discard_deletes_the_running_episode_or_the_last(recorder: EpisodeRecorder) -> None:
    kept = recorder.start(0, "pick")
    recorder.stop(NS, "stopped")
    recorder.start(NS, "pick")
    recorder.discard()
    last = recorder.start(2 * NS, "pick")
    recorder.stop(3 * NS, "stopped")
    recorder.discard()
    with pytest.raises(UserError, match="no episode has been recorded"):
        recorder.discard()
    recorder.close(60)
    assert list(kept.bag.path.parent.iterdir()) == [kept.bag.path]
    assert last.info.episode == "episode_000002"


def test_the_same_name_again_after_a_discard(recorder: EpisodeRecorder) -> None:
    recorder.start(0, "pick")
    receive(recorder, 0, 5)
    recorder.stop(NS, "stopped")
    name = recorder.discard().info.episode
    again = recorder.start(NS, "pick", name=name)
    receive(recorder, 1000, 1003)
    recorder.stop(2 * NS, "stopped")
    recorder.close(60)
    assert again.saved and messages(again) == 3


def test_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    for number in range(2):
        recorder = make(tmp_path)
        episode = recorder.start(0, "pick")
        assert episode.info.episode == f"episode_00000{number}"
        recorder.stop(NS, "stopped")
        recorder.close(60)


def test_a_folder_that_is_moved_away_is_made_again(tmp_path: Path) -> None:
    recorder = make(tmp_path / "bags")
    (tmp_path / "bags").rename(tmp_path / "moved")
    assert recorder.free_bytes > 0
    episode = recorder.start(0, "pick")
    receive(recorder, 0, 10)
    recorder.stop(10, "stopped")
    recorder.close(60)
    assert episode.saved and messages(episode) == 10


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    recorder = make(tmp_path / "bags")
    (tmp_path / "bags").rmdir()
    (tmp_path / "bags").write_text("")
    with pytest.raises(UserError, match="bags cannot be written .File exists.: give a folder"):
        recorder.start(0, "pick")
    recorder.close(60)


def test_latched_messages_are_in_every_bag(recorder: EpisodeRecorder) -> None:
    latched = replace(JOINTS, name="/latched")
    recorder.add_topic(latched, True, 0)
    recorder.receive("/latched", Arrival(1, 1, None, joint_states(1)))
    episodes = []
    for start_ns in (NS, 3 * NS):
        episodes.append(recorder.start(start_ns, "pick"))
        recorder.stop(start_ns + NS, "stopped")
    recorder.close(60)
    for episode in episodes:
        with AnyReader([episode.bag.path]) as reader:
            assert [time for _, time, _ in reader.messages()] == [episode.started_ns]


def test_a_broken_stream_is_in_the_metadata_before_the_end(recorder: EpisodeRecorder) -> None:
    episode = recorder.start(0, "pick")
    receive(recorder, 1, 100)
    assert recorder.check(NS) == ""
    (flag,) = recorder.flags(NS)
    assert flag == f"{JOINTS.name}: silent for 0.9 s, max_age is 0.2 s"
    assert recorder.close(60)
    part = episode.bag.path.with_name("episode_000000.part")
    assert b"silent for 0.9 s" in (part / "episode_000000_0.mcap").read_bytes()


def test_a_disk_too_slow_is_flagged_and_memory_stays_bounded(tmp_path: Path) -> None:
    recorder = make(tmp_path, buffer_bytes=1000)
    recorder.start(0, "pick")
    recorder.receive(JOINTS.name, Arrival(1, 1, None, bytes(2000)))
    assert recorder.buffered_bytes == 0
    assert "recorder: 1 messages lost because the disk is too slow" in recorder.flags(1)
    recorder.stop(2, "stopped")
    recorder.close(60)


def test_what_a_full_disk_left_is_what_is_told(recorder: EpisodeRecorder) -> None:
    episode = recorder.start(0, "pick")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        for index in range(100):
            if index == 20:
                # No file grows any further, as on a disk that is full.
                wait_for(lambda: recorder.buffered_bytes == 0)
                resource.setrlimit(resource.RLIMIT_FSIZE, (5 * 2**20, limits[1]))
            recorder.receive(
                JOINTS.name, Arrival(index, index, None, joint_states(1) + bytes(10**5))
            )
        wait_for(lambda: bool(recorder.check(NS)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    recorder.stop(NS, "failed")
    assert recorder.close(60) and episode.saved
    found = messages(episode)
    assert 20 <= found < 60 and episode.messages == found
    [flag] = [flag for flag in episode.info.flags if "cannot be written" in flag]
    assert flag.endswith(f"the last {100 - found} messages are lost")


def test_too_little_disk_refuses_and_stops(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    recorder = make(tmp_path, least_free_bytes=2 * free)
    with pytest.raises(UserError, match="make room"):
        recorder.start(0, "pick")
    recorder.close(60)


def test_requests_at_the_wrong_time_are_refused(recorder: EpisodeRecorder) -> None:
    with pytest.raises(UserError, match="start one first"):
        recorder.stop(0, "stopped")
    recorder.start(0, "pick")
    with pytest.raises(UserError, match="stop it first"):
        recorder.start(0, "pick")
    with pytest.raises(UserError, match="no definition of nowhere/msg/Thing"):
        recorder.add_topic(Topic("/thing", "nowhere/msg/Thing"), False, 0)
