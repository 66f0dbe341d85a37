"""From bags with known motion to datasets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from arm_bags import (
    BEGIN_NS,
    INSTRUCTION,
    JOINTS,
    LEAD_S,
    NS,
    ArmBag,
    Message,
    compressed_image,
    conversion,
    grip,
    joints,
    padded_image,
    picture,
    pose,
    position,
    write_bag,
)
from dataset_bytes import contents
from rosbags.rosbag2 import CompressionMode, StoragePlugin

from groot_ros.cameras.compressed_image import COMPRESSED_IMAGE
from groot_ros.cameras.image import IMAGE
from groot_ros.codecs.pictures import pad
from groot_ros.codecs.representations.closure import Closure
from groot_ros.data.bags.metadata import Topic
from groot_ros.data.bags.writer import BagWriter
from groot_ros.data.conversion.convert import convert
from groot_ros.data.conversion.outcome import ConversionProgress
from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.datasets.video import psnr_db
from groot_ros.data.datasets.writer import ACTION, STAMP, STATE
from groot_ros.data.review.validate import validate
from groot_ros.errors import UserError
from groot_ros.share import share_file


def rows(output: Path, episode: int = 0) -> dict[str, np.ndarray]:
    dataset = Dataset(output)
    return dataset.columns(dataset.episodes[episode])


def seconds(stamps_ns: np.ndarray) -> np.ndarray:
    return (stamps_ns - BEGIN_NS) / NS


def test_rows_hold_the_motion_at_the_time_of_the_pictures(tmp_path: Path) -> None:
    write_bag(tmp_path / "bag", ArmBag().messages())
    report = convert(conversion(tmp_path / "bag", tmp_path / "out"))
    assert report.exit_code == 0 and report.dropped == {}
    found = rows(tmp_path / "out")
    taken_s = seconds(found[STAMP])
    np.testing.assert_allclose(np.diff(taken_s), 1 / 15, atol=1e-6)
    state = found[STATE]
    np.testing.assert_allclose(state[:, 0], [grip(t) for t in taken_s], atol=1e-6)
    np.testing.assert_allclose(state[:, 1:4], [position(t) for t in taken_s], atol=1e-6)
    np.testing.assert_allclose(state[:, 8:], [joints(t) for t in taken_s], atol=1e-6)
    wanted = [pose(t + LEAD_S) for t in taken_s]
    np.testing.assert_allclose(found[ACTION][:, :7], wanted, atol=1e-5)
    assert set(found[ACTION][:, 7]) == {0.0, 1.0}


def test_pictures_are_those_of_their_row(tmp_path: Path) -> None:
    write_bag(tmp_path / "bag", ArmBag().messages())
    convert(conversion(tmp_path / "bag", tmp_path / "out"))
    dataset = Dataset(tmp_path / "out")
    [episode] = dataset.episodes
    taken_s = seconds(dataset.columns(episode)[STAMP])
    for camera, key in (("exterior", "exterior_image_1"), ("wrist", "wrist_image")):
        pictures = list(episode.videos[f"observation.images.{key}"])
        assert len(pictures) == len(taken_s)
        for shown, time_s in zip(pictures, taken_s, strict=True):
            expected = pad(picture(time_s, camera), 224, 224)
            assert psnr_db(shown, expected) > 35


def test_metadata_says_what_the_columns_are(tmp_path: Path) -> None:
    write_bag(tmp_path / "bag", ArmBag().messages())
    convert(conversion(tmp_path / "bag", tmp_path / "out"))
    dataset = Dataset(tmp_path / "out")
    assert dataset.info["features"][STATE]["names"][8:] == list(JOINTS)
    assert dataset.modality["state"]["joint_position"] == {"start": 8, "end": 15}
    assert dataset.modality["annotation"] == {
        "language.language_instruction": {"original_key": "task_index"}
    }
    assert dataset.tasks == {0: INSTRUCTION}
    own = dataset.own
    assert own["joints"] == list(JOINTS) and own["codec"] == "ee_quat_joints"
    assert [len(entry["fingerprint"]) for entry in own["bags"].values()] == [64]
    assert own["sources"][0]["health"]["/ee_pose"]["rate_hz"] == pytest.approx(50, rel=0.01)
    assert validate(tmp_path / "out").problems == []


@pytest.mark.parametrize("storage", [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
@pytest.mark.parametrize(
    "compression", [CompressionMode.NONE, CompressionMode.FILE, CompressionMode.MESSAGE]
)
def test_every_kind_of_bag_gives_the_same_rows(
    tmp_path: Path, storage: StoragePlugin, compression: CompressionMode
) -> None:
    messages = ArmBag(seconds=1.5).messages()
    write_bag(tmp_path / "plain", messages)
    write_bag(tmp_path / "bag", messages, storage, compression)
    for name in ("plain", "bag"):
        convert(conversion(tmp_path / name, tmp_path / f"out_{name}"))
    plain, found = rows(tmp_path / "out_plain"), rows(tmp_path / "out_bag")
    for column, values in plain.items():
        np.testing.assert_array_equal(found[column], values)


def test_split_bags_of_the_recorder_are_one_episode(tmp_path: Path) -> None:
    messages = sorted(ArmBag(seconds=2.0).messages(), key=lambda message: message.arrival_s)
    write_bag(tmp_path / "whole", messages)
    writer = BagWriter(tmp_path / "split")
    for topic, type_name in {message.topic: message.type_name for message in messages}.items():
        writer.add_topic(Topic(topic, type_name))
    for index, message in enumerate(messages):
        if index and index % 100 == 0:
            writer.split()
        time_ns = BEGIN_NS + round(message.arrival_s * NS)
        writer.write(message.topic, time_ns, time_ns, message.data)
    writer.finish()
    assert len(list((tmp_path / "split").glob("*.mcap"))) > 2
    for name in ("whole", "split"):
        convert(conversion(tmp_path / name, tmp_path / f"out_{name}"))
    np.testing.assert_array_equal(
        rows(tmp_path / "out_whole")[STATE], rows(tmp_path / "out_split")[STATE]
    )


def test_storage_file_without_its_folder(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", ArmBag(seconds=1.5).messages())
    report = convert(conversion(bag / "bag.mcap", tmp_path / "out"))
    assert report.frames > 16


def test_padded_rows_and_compressed_pictures(tmp_path: Path) -> None:
    arm = ArmBag(seconds=1.5)
    pictures = []
    for message in arm.images():
        camera = message.topic.split("/")[1]
        time_s = message.arrival_s - arm.image_delay_s
        if camera == "exterior":
            data = padded_image(time_s, camera)
            pictures.append(Message(message.topic, message.type_name, message.arrival_s, data))
        else:
            topic = "/wrist/image_raw/compressed"
            data = compressed_image(time_s, camera)
            pictures.append(Message(topic, COMPRESSED_IMAGE, message.arrival_s, data))
    write_bag(tmp_path / "bag", [*arm.states(), *arm.commands(), *pictures])
    robot = tmp_path / "robot.yaml"
    robot.write_text(_robot_text().replace("wrist/image_raw", "wrist/image_raw/compressed"))
    convert(conversion(tmp_path / "bag", tmp_path / "out", robot=str(robot)))
    dataset = Dataset(tmp_path / "out")
    [episode] = dataset.episodes
    taken_s = seconds(dataset.columns(episode)[STAMP])
    for camera, key in (("exterior", "exterior_image_1"), ("wrist", "wrist_image")):
        shown = next(iter(episode.videos[f"observation.images.{key}"]))
        assert psnr_db(shown, pad(picture(taken_s[0], camera), 224, 224)) > 35


def _robot_text() -> str:
    return share_file("config/robots/sim.yaml").read_text()


def test_what_had_not_arrived_yet_is_not_used(tmp_path: Path) -> None:
    arm = ArmBag(state_hz=10.0, image_delay_s=0.0)
    write_bag(tmp_path / "bag", arm.messages())
    convert(conversion(tmp_path / "bag", tmp_path / "out"))
    found = rows(tmp_path / "out")
    newest_s = np.floor(seconds(found[STAMP]) * 10 + 1e-6) / 10
    np.testing.assert_allclose(found[STATE][:, 1:4], [position(t) for t in newest_s], atol=1e-6)


def test_latency_moves_the_state_back_to_when_the_picture_was_taken(tmp_path: Path) -> None:
    write_bag(tmp_path / "bag", ArmBag().messages())
    robot = tmp_path / "robot.yaml"
    robot.write_text(_robot_text().replace("image_raw}", "image_raw, latency: 0.033}"))
    convert(conversion(tmp_path / "bag", tmp_path / "out", robot=str(robot)))
    found = rows(tmp_path / "out")
    taken_s = seconds(found[STAMP])
    fractions = (taken_s * 30) % 1
    assert np.allclose(fractions, 1 - 0.033 * 30, atol=1e-3)
    np.testing.assert_allclose(found[STATE][:, 1:4], [position(t) for t in taken_s], atol=1e-6)


def test_reached_poses_are_the_labels_of_traj(tmp_path: Path) -> None:
    arm = ArmBag()
    write_bag(tmp_path / "bag", [*arm.states(), *arm.images()])
    convert(conversion(tmp_path / "bag", tmp_path / "out", codec="ee_quat_joints_traj"))
    found = rows(tmp_path / "out")
    taken_s = seconds(found[STAMP])
    np.testing.assert_allclose(found[ACTION][:, :7], [pose(t) for t in taken_s], atol=1e-5)
    closures = np.array([grip(t) for t in taken_s])
    lowest, highest = (Closure(binary=0.2).columns(closures + e)[:, 0] for e in (-1e-6, 1e-6))
    decided = found[ACTION][:, 7]
    assert np.all((decided >= lowest) & (decided <= highest))
    assert set(found[ACTION][:, 7]) == {0.0, 1.0}


def test_seven_joints_are_no_pose(tmp_path: Path) -> None:
    arm = ArmBag()
    write_bag(tmp_path / "bag", [*arm.states(), *arm.images()])
    convert(conversion(tmp_path / "bag", tmp_path / "out", codec="joints_traj"))
    found = rows(tmp_path / "out")
    reached = [joints(t) for t in seconds(found[STAMP])]
    np.testing.assert_allclose(found[ACTION][:, :7], reached, atol=1e-6)


def test_gripper_that_nobody_commanded_stays_as_it_is(tmp_path: Path) -> None:
    arm = ArmBag(motion=lambda time_s: time_s + 3.0)
    late = [m for m in arm.commands() if m.topic != "/gripper/command" or m.arrival_s > 2.0]
    closed = [m for m in late if m.topic == "/target_pose"]
    closed += [m for m in late if m.topic == "/gripper/command"]
    write_bag(tmp_path / "bag", [*arm.states(), *arm.images(), *closed])
    report = convert(conversion(tmp_path / "bag", tmp_path / "out"))
    assert report.dropped == {}
    assert np.all(rows(tmp_path / "out")[ACTION][:, 7] == 1.0)


def test_frames_before_the_first_command_are_dropped_and_counted(tmp_path: Path) -> None:
    arm = ArmBag()
    late = [message for message in arm.commands() if message.arrival_s >= 1.0]
    write_bag(tmp_path / "bag", [*arm.states(), *arm.images(), *late])
    report = convert(conversion(tmp_path / "bag", tmp_path / "out"))
    assert report.dropped == {"no command yet": 15}
    assert seconds(rows(tmp_path / "out")[STAMP])[0] == pytest.approx(1.0)


def test_more_frames_than_pictures_repeat_the_nearest_earlier_one(tmp_path: Path) -> None:
    arm = ArmBag(camera_hz=10.0)
    write_bag(tmp_path / "bag", arm.messages())
    report = convert(conversion(tmp_path / "bag", tmp_path / "out", fps=30))
    found = rows(tmp_path / "out")
    stamps = found[STAMP]
    assert report.episodes[0].duplicates == int(np.sum(np.diff(stamps) == 0))
    assert report.episodes[0].duplicates == pytest.approx(len(stamps) * 2 / 3, abs=3)
    # The labels go on while the picture stands still.
    assert np.all(np.diff(found[ACTION][:, 0]) > 0)


def test_jitter_neither_repeats_nor_loses_pictures(tmp_path: Path) -> None:
    arm, rng = ArmBag(camera_hz=15.0, seconds=4.0), np.random.default_rng(0)
    jitter = {round(i / 15, 6): rng.uniform(-0.015, 0.015) for i in range(1, 60)}
    pictures = []
    for index in range(60):
        time_s = index / 15 + jitter.get(round(index / 15, 6), 0.0)
        for camera in ("exterior", "wrist"):
            data = arm.maker.image(arm.stamp_ns(time_s), camera, picture(time_s, camera))
            pictures.append(Message(f"/{camera}/image_raw", IMAGE, time_s + 0.02, data))
    write_bag(tmp_path / "bag", [*arm.states(), *arm.commands(), *pictures])
    report = convert(conversion(tmp_path / "bag", tmp_path / "out"))
    assert report.episodes[0].duplicates == 0 and report.dropped == {}
    assert report.frames >= 59


def test_a_gap_cuts_the_episode_and_is_counted(tmp_path: Path) -> None:
    arm = ArmBag(seconds=5.0)
    kept = [m for m in arm.images() if not (m.topic[1] == "w" and 2.0 < m.arrival_s < 3.0)]
    write_bag(tmp_path / "bag", [*arm.states(), *arm.commands(), *kept])
    report = convert(conversion(tmp_path / "bag", tmp_path / "out"))
    assert list(report.dropped) == ["camera wrist: older than max_age"]
    assert 9 <= sum(report.dropped.values()) <= 15
    dataset = Dataset(tmp_path / "out")
    assert len(dataset.episodes) == 2
    for episode in dataset.episodes:
        due = np.diff(dataset.columns(episode)["timestamp"])
        np.testing.assert_allclose(due, 1 / 15, atol=1e-5)
    assert validate(tmp_path / "out").problems == []


def test_stale_state_is_dropped_by_name_and_never_held(tmp_path: Path) -> None:
    arm = ArmBag(seconds=5.0)
    kept = [m for m in arm.states() if m.topic == "/ee_pose" or not 2.0 < m.arrival_s < 3.0]
    write_bag(tmp_path / "bag", [*kept, *arm.commands(), *arm.images()])
    report = convert(conversion(tmp_path / "bag", tmp_path / "out"))
    # Joints and grip are of the same topic; the grip is the first to be asked for.
    assert list(report.dropped) == ["grip: older than max_age"]
    taken_s = np.concatenate([seconds(rows(tmp_path / "out", i)[STAMP]) for i in (0, 1)])
    assert not np.any((taken_s > 2.25) & (taken_s < 2.95))


def test_parts_shorter_than_a_chunk_are_dropped(tmp_path: Path) -> None:
    arm = ArmBag(seconds=4.0)
    kept = [m for m in arm.images() if not 0.6 < m.arrival_s < 1.4]
    write_bag(tmp_path / "bag", [*arm.states(), *arm.commands(), *kept])
    report = convert(conversion(tmp_path / "bag", tmp_path / "out"))
    assert report.dropped["part shorter than the horizon of 16 steps"] > 5
    assert len(Dataset(tmp_path / "out").episodes) == 1


def test_trim_idle_cuts_head_and_tail(tmp_path: Path) -> None:
    arm = ArmBag(seconds=6.0, motion=lambda time_s: float(np.clip(time_s - 1.5, 0.0, 3.0)))
    write_bag(tmp_path / "bag", arm.messages())
    report = convert(conversion(tmp_path / "bag", tmp_path / "out", trim_idle=True))
    taken_s = seconds(rows(tmp_path / "out")[STAMP])
    assert 1.1 < taken_s[0] < 1.5 and 4.5 < taken_s[-1] < 4.95
    assert report.dropped.keys() == {"idle before or after the movement"}


def test_relative_statistics_are_of_actions_seen_from_the_hand(tmp_path: Path) -> None:
    write_bag(tmp_path / "bag", ArmBag().messages())
    spread = {}
    for kind in ("se3", "elementwise"):
        output = tmp_path / kind
        convert(conversion(tmp_path / "bag", output, codec="ee_rot6d_joints_rel", relative=kind))
        stored = Dataset(output).json("meta/relative_stats.json")["ee_pose"]
        assert np.shape(stored["min"]) == (16, 9)
        spread[kind] = np.array(stored["mean"])
        assert validate(output).problems == []
    # The hand points down: its z axis is against the base's, and it turns while it moves.
    ahead_s = LEAD_S + np.arange(16) / 15
    np.testing.assert_allclose(spread["elementwise"][:, 0], 0.05 * ahead_s, atol=1e-4)
    length = np.linalg.norm(spread["se3"][:, :3], axis=1)
    np.testing.assert_allclose(length, np.hypot(0.05, 0.02) * ahead_s, rtol=1e-2)
    assert np.all(np.abs(spread["se3"][:, 1] - spread["elementwise"][:, 1]) > 1e-3)


class _Interrupted(ConversionProgress):
    def episode(self, outcome: object) -> None:
        raise KeyboardInterrupt


def test_interrupted_run_resumes_where_it_was(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_bag(tmp_path / "bags" / name, ArmBag(seconds=1.5).messages())
    with pytest.raises(KeyboardInterrupt):
        convert(conversion(tmp_path / "bags", tmp_path / "out"), _Interrupted())
    assert not (tmp_path / "out").exists()
    done = tmp_path / "out.part" / "episodes" / "000000"
    written = done.stat().st_mtime_ns
    with pytest.raises(UserError, match="--resume"):
        convert(conversion(tmp_path / "bags", tmp_path / "out"))
    with pytest.raises(UserError, match="other bags or options"):
        convert(conversion(tmp_path / "bags", tmp_path / "out", fps=10, resume=True))
    assert done.stat().st_mtime_ns == written
    convert(conversion(tmp_path / "bags", tmp_path / "out", resume=True))
    convert(conversion(tmp_path / "bags", tmp_path / "again"))
    for episode in (0, 1):
        resumed, whole = rows(tmp_path / "out", episode), rows(tmp_path / "again", episode)
        for column, values in whole.items():
            np.testing.assert_array_equal(resumed[column], values)
    assert not (tmp_path / "out.part").exists()


def test_an_existing_output_is_never_touched(tmp_path: Path) -> None:
    write_bag(tmp_path / "bag", ArmBag(seconds=1.5).messages())
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "precious").write_text("mine")
    with pytest.raises(UserError, match="exists already and is never overwritten"):
        convert(conversion(tmp_path / "bag", tmp_path / "out"))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["precious"]


def test_several_processes_write_the_same_dataset(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write_bag(tmp_path / "bags" / name, ArmBag(seconds=1.5).messages())
    for workers in (1, 2):
        output = tmp_path / f"out{workers}"
        convert(conversion(tmp_path / "bags", output, workers=workers))
    one, two = contents(tmp_path / "out1"), contents(tmp_path / "out2")
    assert one.keys() == two.keys() and [name for name in one if one[name] != two[name]] == []


def test_lerobot_v3(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_bag(tmp_path / "bags" / name, ArmBag(seconds=1.5).messages())
    convert(conversion(tmp_path / "bags", tmp_path / "v2"))
    convert(conversion(tmp_path / "bags", tmp_path / "v3", format="lerobot-v3"))
    assert validate(tmp_path / "v3").problems == []
    dataset = Dataset(tmp_path / "v3")
    assert dataset.info["codebase_version"] == "v3.0" and dataset.tasks == {0: INSTRUCTION}
    np.testing.assert_array_equal(rows(tmp_path / "v3", 1)[STATE], rows(tmp_path / "v2", 1)[STATE])
