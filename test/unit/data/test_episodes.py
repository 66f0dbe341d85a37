"""Where episodes begin and end, what they are about."""

from __future__ import annotations

from pathlib import Path

import pytest
from arm_bags import BEGIN_NS, NS, ArmBag, Message, conversion, event, write_bag
from rosbags.typesys import Stores, get_typestore

from groot_ros.data.bags.episode_info import EpisodeInfo
from groot_ros.data.bags.reader import open_bag
from groot_ros.data.conversion.convert import convert
from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.playback.episodes import (
    Episode,
    EpisodeChoice,
    Event,
    find_episodes,
    parse_range,
    read_table,
)
from groot_ros.data.review.validate import validate
from groot_ros.errors import UserError

SHORT = ArmBag(seconds=0.2)


def find(bag: Path, choice: EpisodeChoice | None = None) -> list[Episode]:
    with open_bag(bag) as opened:
        return find_episodes(opened, choice or EpisodeChoice())


def ranges(episodes: list[Episode]) -> list[tuple[float, float]]:
    return [
        ((e.start_ns - BEGIN_NS) / NS, round((e.stop_ns - BEGIN_NS) / NS, 3)) for e in episodes
    ]


def marked(tmp_path: Path, *events: Message) -> list[Episode]:
    return find(write_bag(tmp_path / "bag", [*SHORT.messages(), *events]))


def test_events_cut_a_long_bag(tmp_path: Path) -> None:
    episodes = marked(
        tmp_path,
        event(Event.START, 1.0, "pick"),
        event(Event.STOP, 2.0),
        event(Event.SUCCESS, 2.5),
        event(Event.START, 3.0, "reach"),
        event(Event.FAILURE, 3.5),
        event(200, 3.8),
        event(Event.STOP, 4.0),
    )
    assert ranges(episodes) == [(1.0, 2.0), (3.0, 4.0)]
    assert [e.instruction for e in episodes] == ["pick", "reach"]
    assert [e.outcome for e in episodes] == ["success", "failure"]


def test_discarded_episodes_are_left_out(tmp_path: Path) -> None:
    episodes = marked(
        tmp_path,
        event(Event.START, 1.0, "pick"),
        event(Event.DISCARD, 2.0),
        event(Event.START, 3.0),
        event(Event.STOP, 4.0),
        event(Event.START, 5.0),
        event(Event.STOP, 6.0),
        event(Event.DISCARD, 6.5),
    )
    assert ranges(episodes) == [(3.0, 4.0)]
    assert episodes[0].instruction == "pick"


def test_instruction_counts_for_the_running_episode_and_the_next(tmp_path: Path) -> None:
    episodes = marked(
        tmp_path,
        event(Event.START, 1.0, "pick"),
        event(Event.INSTRUCTION, 2.0, "place"),
        event(Event.RESET, 3.0),
        event(Event.START, 4.0),
        event(Event.STOP, 5.0),
    )
    assert ranges(episodes) == [(1.0, 3.0), (4.0, 5.0)]
    assert [e.instruction for e in episodes] == ["place", "place"]


def test_episode_that_was_never_stopped_ends_with_the_bag(tmp_path: Path) -> None:
    episodes = marked(tmp_path, event(Event.START, 0.1, "pick"))
    assert ranges(episodes) == [(0.1, pytest.approx(0.1967, abs=0.05))]


def test_recorder_s_metadata_say_what_and_how(tmp_path: Path) -> None:
    info = EpisodeInfo(episode="a", instruction="pick", outcome="success", namespace="/left")
    bag = write_bag(tmp_path / "bag", SHORT.messages(), custom_data=info.to_custom_data())
    [episode] = find(bag)
    assert (episode.instruction, episode.outcome) == ("pick", "success")
    assert episode.namespace == "/left"


def test_option_goes_before_the_bag(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", SHORT.messages(), custom_data={"instruction": "pick"})
    assert find(bag)[0].instruction == "pick"
    assert find(bag, EpisodeChoice(instruction="reach"))[0].instruction == "reach"


def test_instruction_by_topic(tmp_path: Path) -> None:
    store = get_typestore(Stores.ROS2_JAZZY)
    kind = "std_msgs/msg/String"
    data = bytes(store.serialize_cdr(store.types[kind]("pick it"), kind))
    bag = write_bag(tmp_path / "bag", [*SHORT.messages(), Message("/task", kind, 0.1, data)])
    assert find(bag, EpisodeChoice(instruction_topic="task"))[0].instruction == "pick it"
    with pytest.raises(UserError, match="no topic /chore of type std_msgs/msg/String"):
        find(bag, EpisodeChoice(instruction_topic="chore"))


def test_table_of_episodes(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text(
        "bag,instruction,start_s,end_s,success\n"
        "bag,pick,0.05,0.1,true\n"
        "bag,reach,0.1,9,false\n"
        "other,place,,,\n"
    )
    choice = EpisodeChoice(table=read_table(table), instruction="for the others")
    episodes = find(write_bag(tmp_path / "bag", SHORT.messages()), choice)
    assert [e.instruction for e in episodes] == ["pick", "reach"]
    assert [e.outcome for e in episodes] == ["success", "failure"]
    assert ranges(episodes)[0] == (0.05, 0.1)
    [third] = find(write_bag(tmp_path / "third", SHORT.messages()), choice)
    assert third.instruction == "for the others"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("folder,task\n", "expected bag and any of instruction"),
        ("bag,start_s\nx,1\n", "line 2: give both start_s and end_s"),
        ("bag,start_s,end_s\nx,one,2\n", "line 2: start_s 'one' or end_s '2' is not a number"),
        ("bag,start_s,end_s\nx,3,2\n", "goes from 3 to 2 s"),
        ("bag,success\nx,maybe\n", "success is 'maybe', expected true or false"),
    ],
)
def test_mistakes_in_the_table(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "table.csv").write_text(text)
    with pytest.raises(UserError, match=sentence):
        read_table(tmp_path / "table.csv")


def test_ranges(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", SHORT.messages())
    choice = EpisodeChoice(instruction="pick", ranges=(parse_range("0.05:0.1"),))
    assert ranges(find(bag, choice)) == [(0.05, 0.1)]
    with pytest.raises(UserError, match="START:END in seconds"):
        parse_range("12-13")
    with pytest.raises(UserError, match="lies behind its end"):
        find(bag, EpisodeChoice(instruction="pick", ranges=(parse_range("7:8"),)))


def test_long_bag_with_events_becomes_episodes_of_a_dataset(tmp_path: Path) -> None:
    arm = ArmBag(seconds=6.0)
    events = [
        event(Event.START, 0.5, "pick"),
        event(Event.STOP, 2.5),
        event(Event.SUCCESS, 2.6),
        event(Event.START, 3.0, "reach"),
        event(Event.STOP, 5.0),
    ]
    write_bag(tmp_path / "bag", [*arm.messages(), *events])
    choice = EpisodeChoice()
    report = convert(conversion(tmp_path / "bag", tmp_path / "all", choice=choice))
    assert len(report.episodes) == 2 and report.dropped == {}
    dataset = Dataset(tmp_path / "all")
    assert [episode.tasks for episode in dataset.episodes] == [("pick",), ("reach",)]
    rewards = [dataset.columns(episode)["next.reward"].sum() for episode in dataset.episodes]
    assert rewards == [1.0, 0.0]
    assert validate(tmp_path / "all").problems == []
    report = convert(
        conversion(tmp_path / "bag", tmp_path / "good", choice=choice, only_success=True)
    )
    assert [episode.instruction for episode in report.episodes] == ["pick"]
    assert report.skipped == ["bag#1"]
