"""One bad message costs one step, one bad bag costs one bag, and both are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from arm_bags import (
    BEGIN_NS,
    LEAD_S,
    NS,
    ArmBag,
    Message,
    conversion,
    image,
    pose,
    write_bag,
)
from hypothesis import given
from hypothesis import strategies as st

from groot_ros.cameras.image import IMAGE
from groot_ros.data.bags.metadata import Topic
from groot_ros.data.bags.reader import open_bag
from groot_ros.data.bags.serialized import MessageMaker
from groot_ros.data.bags.writer import BagWriter
from groot_ros.data.conversion.convert import convert
from groot_ros.data.conversion.outcome import Report
from groot_ros.data.conversion.verify import verify
from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.datasets.writer import ACTION, STAMP
from groot_ros.data.playback.episode_choice import EpisodeChoice
from groot_ros.data.playback.episodes import list_episodes, parse_range
from groot_ros.data.playback.losses import Drops, loss_lines
from groot_ros.data.playback.signals import SignalSamples
from groot_ros.data.review.inspection import dataset_lines, describe_dataset
from groot_ros.errors import UserError
from groot_ros.observation.signal_messages import POSE, pick_joints

STRING = "std_msgs/msg/String"


def converted(tmp_path: Path, messages: list[Message], **changes: object) -> Report:
    write_bag(tmp_path / "bag", messages)
    return convert(conversion(tmp_path / "bag", tmp_path / "out", **changes))


def due(output: Path) -> np.ndarray:
    """When the actions of all rows are due, in s since the bag began, and the actions."""
    dataset = Dataset(output)
    found = []
    for entry, episode in zip(dataset.own["episodes"], dataset.episodes, strict=True):
        part = dataset.own["sources"][entry["source"]]["parts"][entry["part"]]
        first_s = (part["first_due_ns"] - BEGIN_NS) / NS
        actions = dataset.columns(episode)[ACTION]
        times = first_s + np.arange(len(actions)) / 15
        found.append(np.column_stack([times, actions]))
    return np.concatenate(found)


def test_commands_that_say_nothing_cost_their_steps(tmp_path: Path) -> None:
    arm = ArmBag(seconds=4.0)
    bad = {60: np.full(7, np.nan), 61: np.zeros(7)}
    messages = [*arm.states(), *arm.images()]
    for message in arm.commands():
        index = round(message.arrival_s * arm.command_hz)
        if message.topic == "/target_pose" and index in bad:
            stamp_ns = arm.stamp_ns(message.arrival_s)
            data = arm.maker.pose(stamp_ns, arm.frame, bad[index])
            message = Message(message.topic, POSE, message.arrival_s, data)
        messages.append(message)
    report = converted(tmp_path, messages)
    reason = "ee_pose: the command on /target_pose is not finite or no pose"
    assert list(report.dropped) == [reason] and 1 <= report.dropped[reason] <= 2
    assert report.frames + report.dropped[reason] == 60
    [loss] = report.episodes[0].losses
    assert loss["first_s"] == pytest.approx(2.0, abs=0.05)
    rows = due(tmp_path / "out")
    wanted = [pose(time_s + LEAD_S) for time_s in rows[:, 0]]
    np.testing.assert_allclose(rows[:, 1:8], wanted, atol=1e-5)
    assert any("2 commands on /target_pose" in note for note in report.notes)
    assert verify(tmp_path / "bag", "sim", "ee_quat_joints", tmp_path / "out").is_equal


@given(st.lists(st.integers(0, 60), unique=True, max_size=20), st.integers(0, 60), st.booleans())
def test_a_time_is_doubtful_where_its_sample_says_nothing(
    bad: list[int], asked: int, is_held: bool
) -> None:
    samples = SignalSamples()
    for time in range(61):
        if time in bad:
            samples.leave_out(time * 10_000_000)
        else:
            samples.add(time * 10_000_000, 1.0)
    assert samples.is_doubtful(asked * 10_000_000, is_held) == (asked in bad)
    between = samples.is_doubtful(asked * 10_000_000 + 1, is_held)
    assert between == (asked in bad or (not is_held and asked + 1 in bad))


@pytest.mark.parametrize(("dies", "reason"), [("/wrist", "camera wrist"), ("/joint", "grip")])
def test_what_a_dead_stream_costs_is_counted_to_the_end(
    tmp_path: Path, dies: str, reason: str
) -> None:
    messages = [
        message
        for message in ArmBag(seconds=4.0).messages()
        if not (message.topic.startswith(dies) and message.arrival_s > 2.0)
    ]
    report = converted(tmp_path, messages)
    [(found, steps)] = report.dropped.items()
    assert found == f"{reason}: older than max_age"
    assert report.frames + steps in (59, 60)
    [loss] = report.episodes[0].losses
    assert loss["topic"].startswith(dies) and loss["last_s"] > 3.8
    [line] = report.losses
    assert line.startswith(f"{steps} steps dropped: {found} [{loss['topic']}] (bag: {steps} from")


def test_all_cameras_gone_is_counted_too(tmp_path: Path) -> None:
    messages = [
        message
        for message in ArmBag(seconds=4.0).messages()
        if not (message.type_name == IMAGE and message.arrival_s > 2.0)
    ]
    report = converted(tmp_path, messages)
    assert list(report.dropped) == ["no pictures"]
    assert report.frames + report.dropped["no pictures"] in (59, 60)


def test_broken_pictures_are_one_line(tmp_path: Path) -> None:
    messages = []
    for message in ArmBag(seconds=4.0).messages():
        if message.topic.startswith("/exterior") and 2.0 < message.arrival_s < 2.3:
            time_s = message.arrival_s - 0.03
            size = 9000 - round(1000 * message.arrival_s)
            data = image(time_s, data=np.zeros(size, np.uint8))
            message = Message(message.topic, IMAGE, message.arrival_s, data)
        messages.append(message)
    report = converted(tmp_path, messages)
    [(reason, steps)] = report.dropped.items()
    assert reason.startswith("camera exterior: image of 64x48 rgb8 has step 192")
    assert 3 <= steps <= 6
    assert report.episodes[0].losses[0]["topic"] == "/exterior/image_raw"


def test_one_message_of_damaged_bytes_costs_no_bag(tmp_path: Path) -> None:
    messages = []
    for message in ArmBag(seconds=2.0).messages():
        if message.topic == "/wrist/image_raw" and 1.0 < message.arrival_s < 1.05:
            message = Message(message.topic, IMAGE, message.arrival_s, message.data[:40])
        messages.append(message)
    report = converted(tmp_path, messages)
    assert report.frames >= 28
    assert any("messages on /wrist/image_raw are damaged" in note for note in report.notes)


def test_what_is_left_out_is_in_the_dataset(tmp_path: Path) -> None:
    arm = ArmBag(seconds=1.5)
    lost = [message for message in arm.messages() if message.topic != "/ee_pose"]
    write_bag(tmp_path / "bags" / "bad", lost)
    skewed = [*arm.states(), *arm.images(), *ArmBag(seconds=1.5, clock_offset_s=5.0).commands()]
    write_bag(tmp_path / "bags" / "clock", skewed)
    write_bag(tmp_path / "bags" / "good", arm.messages())
    report = convert(conversion(tmp_path / "bags", tmp_path / "out"))
    assert report.exit_code == 1 and len(report.failures) == 2
    for failure, name in zip(report.failures, ("bad", "clock"), strict=True):
        assert name in failure.sentence
    own = Dataset(tmp_path / "out").own
    assert {Path(entry["bag"]).name for entry in own["left_out"]} == {"bad", "clock"}
    lines = dataset_lines(describe_dataset(Dataset(tmp_path / "out")))
    assert any("left out: clock: the stamps of" in line for line in lines)
    assert "left out" in (tmp_path / "out" / "report.html").read_text()


def test_reasons_that_differ_in_numbers_are_one() -> None:
    drops = Drops()
    drops.add("picture of 683 bytes", 5 * NS)
    drops.add("picture of 1.5e3 bytes", 2 * NS)
    drops.add("no pictures", 3 * NS, 4, 6 * NS)
    drops.add("no pictures", 9 * NS, 0)
    assert drops.by_reason == {"picture of 683 bytes": 2, "no pictures": 4}
    losses = [loss.report(NS) for loss in drops.losses.values()]
    assert losses[0]["first_s"] == 1.0 and losses[0]["last_s"] == 4.0
    lines = list(loss_lines([("a", losses), ("b", losses)]))
    assert lines[1] == (
        "8 steps dropped: no pictures (a: 4 from 2.0 to 5.0 s; b: 4 from 2.0 to 5.0 s)"
    )


def text(time_s: float, words: str) -> Message:
    return Message("/task", STRING, time_s, MessageMaker().make(STRING, data=words))


def test_an_instruction_that_changes_cuts_the_episode(tmp_path: Path) -> None:
    said = [text(0.02, "pick"), text(0.1, "pick"), text(1.5, "place"), text(1.6, "place")]
    choice = EpisodeChoice(instruction_topic="/task")
    report = converted(tmp_path, [*ArmBag(seconds=3.0).messages(), *said], choice=choice)
    assert [(e.name, e.instruction) for e in report.episodes] == [
        ("bag#0", "pick"),
        ("bag#1", "place"),
    ]
    dataset = Dataset(tmp_path / "out")
    first, second = (dataset.columns(episode)[STAMP] for episode in dataset.episodes)
    assert first[-1] < BEGIN_NS + 1.5 * NS <= second[0]
    with open_bag(tmp_path / "bag") as bag:
        ranges = (parse_range("0.5:1.0"), parse_range("1.2:2"))
        found = list_episodes(bag, EpisodeChoice(instruction_topic="/task", ranges=ranges))
        assert [episode.instruction for episode in found] == ["pick", "pick", "place"]


def test_a_range_keeps_the_instruction_that_was_given(tmp_path: Path) -> None:
    bag = write_bag(
        tmp_path / "bag", ArmBag(seconds=0.5).messages(), custom_data={"instruction": "old"}
    )
    with open_bag(bag) as opened:
        choice = EpisodeChoice(instruction="new", ranges=(parse_range("0:0.3"),))
        assert [episode.instruction for episode in list_episodes(opened, choice)] == ["new"]


def test_commands_that_freeze_while_the_arm_moves_are_said(tmp_path: Path) -> None:
    arm = ArmBag(seconds=4.0)

    def frozen(time_s: float) -> bytes:
        return arm.maker.pose(arm.stamp_ns(time_s), arm.frame, pose(1.5))

    messages = [
        Message(m.topic, POSE, m.arrival_s, frozen(m.arrival_s))
        if m.topic == "/target_pose" and m.arrival_s > 1.5
        else m
        for m in arm.messages()
    ]
    report = converted(tmp_path, messages)
    [note] = report.notes
    assert "commands of ee_pose stay the same for 2." in note
    assert "0.1" in note and "away" in note


def test_a_goal_that_the_arm_moves_to_is_no_frozen_command(tmp_path: Path) -> None:
    arm = ArmBag(seconds=3.0)

    def goal(time_s: float) -> bytes:
        return arm.maker.pose(arm.stamp_ns(time_s), arm.frame, pose(4.0))

    messages = [
        Message(m.topic, POSE, m.arrival_s, goal(m.arrival_s)) if m.topic == "/target_pose" else m
        for m in arm.messages()
    ]
    assert converted(tmp_path, messages).notes == []


def test_a_clock_that_is_set_back_is_cut_out(tmp_path: Path) -> None:
    """In the order of the file two messages of a topic show it."""
    arm, step_s = ArmBag(seconds=6.0), 1.0
    writer = BagWriter(tmp_path / "bag")
    messages = sorted(arm.messages(), key=lambda message: message.arrival_s)
    late = ArmBag(seconds=6.0, clock_offset_s=-step_s)
    shifted = sorted(late.messages(), key=lambda message: message.arrival_s)
    for topic, kind in {message.topic: message.type_name for message in messages}.items():
        writer.add_topic(Topic(topic, kind))
    for message, other in zip(messages, shifted, strict=True):
        is_late = message.arrival_s > 3.0
        time_s = message.arrival_s - step_s * is_late
        time_ns = BEGIN_NS + round(time_s * NS)
        writer.write(message.topic, time_ns, time_ns, (other if is_late else message).data)
    writer.finish()
    report = convert(conversion(tmp_path / "bag", tmp_path / "out"))
    [(reason, steps)] = report.dropped.items()
    assert reason == (
        "the bag's clock steps back by 1.0 s: the time from 2.0 to 3.0 s is in it twice"
    )
    assert 15 <= steps <= 23 and len(Dataset(tmp_path / "out").episodes) == 2
    rows = due(tmp_path / "out")
    moved = np.where(rows[:, 0] > 2.5, rows[:, 0] + step_s, rows[:, 0])
    wanted = [pose(time_s + LEAD_S) for time_s in moved]
    np.testing.assert_allclose(rows[:, 1:8], wanted, atol=1e-4)


def test_a_clock_that_was_set_back_is_found_in_a_sorted_bag(tmp_path: Path) -> None:
    messages = []
    for message, late in zip(
        ArmBag(seconds=6.0).messages(),
        ArmBag(seconds=6.0, clock_offset_s=-1.0).messages(),
        strict=True,
    ):
        if message.arrival_s > 3.0:
            message = Message(late.topic, late.type_name, late.arrival_s - 1.0, late.data)
        messages.append(message)
    with pytest.raises(UserError, match=r"bag: the time from 2.0 to 3.0 s is recorded twice"):
        converted(tmp_path, messages)


def test_a_joint_that_is_named_twice() -> None:
    names, positions = ["a", "b", "a"], [1.0, 2.0, 3.0]
    with pytest.raises(UserError, match="name a twice"):
        pick_joints(["a", "b"], names, positions)
    assert pick_joints(["b"], names, positions).tolist() == [2.0]
    assert pick_joints(["a"], names, [1.0, 2.0, 1.0]).tolist() == [1.0]
