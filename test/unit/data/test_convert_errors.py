"""Bags with faults: each is named, and nothing half-written is left under its final name."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from arm_bags import (
    BEGIN_NS,
    NS,
    ArmBag,
    Message,
    compressed_image,
    conversion,
    image,
    write_bag,
)

from groot_ros.cameras.compressed_image import COMPRESSED_IMAGE
from groot_ros.data.conversion.convert import convert
from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.playback.episode_choice import EpisodeChoice
from groot_ros.data.review.validate import validate
from groot_ros.errors import UserError
from groot_ros.observation.signal_messages import FLOAT, JOINT_STATE

Change = Callable[[list[Message]], list[Message]]


def without(topic: str) -> Change:
    return lambda messages: [m for m in messages if m.topic != topic]


def replaced(topic: str, data: Callable[[float], bytes], type_name: str = "") -> Change:
    """The same topic with other content, and perhaps another type."""

    def change(messages: list[Message]) -> list[Message]:
        return [
            Message(m.topic, type_name or m.type_name, m.arrival_s, data(m.arrival_s))
            if m.topic == topic
            else m
            for m in messages
        ]

    return change


def nan_joints(time_s: float) -> bytes:
    arm = ArmBag()
    names = ["fr3_finger_joint1", *arm.joint_names]
    return arm.maker.joint_state(arm.stamp_ns(time_s), dict.fromkeys(names, float("nan")))


def nan_pose(time_s: float) -> bytes:
    arm = ArmBag()
    return arm.maker.pose(arm.stamp_ns(time_s), arm.frame, np.full(7, np.nan))


def unstamped_pose(time_s: float) -> bytes:
    arm = ArmBag()
    return arm.maker.pose(0, arm.frame, np.array([0.4, 0, 0.3, 0, 1, 0, 0]))


FAULTS: dict[str, tuple[Change, str]] = {
    "topic missing": (
        without("/ee_pose"),
        r"has no topic /ee_pose for the robot file's ee_pose; it has /exterior",
    ),
    "camera missing": (without("/wrist/image_raw"), "has no topic /wrist/image_raw"),
    "no label topic": (
        without("/target_pose"),
        "has no topic /target_pose for the labels of codec ee_quat_joints; .*_traj",
    ),
    "wrong type": (
        replaced("/ee_pose", ArmBag().joint_state, JOINT_STATE),
        "topic /ee_pose of bag .* is sensor_msgs/msg/JointState, expected geometry_msgs",
    ),
    "wrong label type": (
        replaced("/target_pose", lambda _: ArmBag().maker.float64(1.0), FLOAT),
        "topic /target_pose of bag .* is std_msgs/msg/Float64, expected geometry_msgs",
    ),
    "unknown encoding": (
        replaced("/exterior/image_raw", lambda t: image(t, encoding="fancy8")),
        "image encoding 'fancy8' is not understood",
    ),
    "picture shorter than its rows": (
        replaced("/exterior/image_raw", lambda t: image(t, step=300)),
        "has step 300 and 9216 bytes",
    ),
    "stamps zero": (replaced("/ee_pose", unstamped_pose), "ee_pose: messages carry no time"),
    "NaN in joints": (replaced("/joint_states", nan_joints), "holds NaN or infinity"),
    "NaN in pose": (replaced("/ee_pose", nan_pose), "ee_pose: quaternion of length nan"),
    "NaN in labels": (
        replaced("/target_pose", nan_pose),
        "ee_pose: the command on /target_pose is not finite or no pose",
    ),
    "no commands": (
        lambda messages: [m for m in messages if m.topic != "/target_pose" or m.arrival_s > 99],
        "has no topic /target_pose",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_named_and_nothing_is_left(tmp_path: Path, fault: str) -> None:
    change, sentence = FAULTS[fault]
    write_bag(tmp_path / "bag", change(ArmBag(seconds=1.5).messages()))
    with pytest.raises(UserError, match=sentence):
        convert(conversion(tmp_path / "bag", tmp_path / "out"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bag"]


def test_unknown_joint(tmp_path: Path) -> None:
    names = ("panda_joint1", *ArmBag().joint_names[1:])
    write_bag(tmp_path / "bag", ArmBag(seconds=1.5, joint_names=names).messages())
    sentence = "joint_position: joint_states has no joint 'fr3_joint1', only .*panda_joint1"
    with pytest.raises(UserError, match=sentence):
        convert(conversion(tmp_path / "bag", tmp_path / "out"))


def test_pose_in_another_frame(tmp_path: Path) -> None:
    write_bag(tmp_path / "bag", ArmBag(seconds=1.5, frame="world").messages())
    with pytest.raises(UserError, match="are in frame 'world', the robot file's base_frame is"):
        convert(conversion(tmp_path / "bag", tmp_path / "out"))


def test_stamps_that_go_backwards_are_reported_and_not_used(tmp_path: Path) -> None:
    arm = ArmBag(seconds=3.0)
    messages = arm.messages()
    for time_s in (1.0, 1.5, 2.0):
        data = arm.maker.pose(
            arm.stamp_ns(time_s - 0.5), arm.frame, np.array([9, 9, 9, 0, 1, 0, 0])
        )
        messages.append(Message("/ee_pose", "geometry_msgs/msg/PoseStamped", time_s + 0.001, data))
    write_bag(tmp_path / "bag", messages)
    report = convert(conversion(tmp_path / "bag", tmp_path / "out"))
    assert report.episodes[0].health["/ee_pose"]["backwards"] == 3
    dataset = Dataset(tmp_path / "out")
    state = dataset.columns(dataset.episodes[0])["observation.state"]
    assert np.max(state[:, 1:4]) < 1.0


def test_one_picture_that_does_not_decode_drops_its_frame(tmp_path: Path) -> None:
    robot = tmp_path / "robot.yaml"
    from groot_ros.share import share_file

    text = share_file("config/robots/sim.yaml").read_text()
    robot.write_text(text.replace("image_raw}", "image_raw/compressed}"))
    arm = ArmBag(seconds=4.0)
    messages = [*arm.states(), *arm.commands()]
    for index in range(120):
        for camera in ("exterior", "wrist"):
            data = compressed_image(index / 30, camera, ".jpg")
            if index == 60 and camera == "wrist":
                maker = arm.maker
                header = maker.header(BEGIN_NS + 2 * NS, camera)
                empty = np.arange(10, dtype=np.uint8)
                data = maker.make(COMPRESSED_IMAGE, header=header, format="jpeg", data=empty)
            topic = f"/{camera}/image_raw/compressed"
            messages.append(Message(topic, COMPRESSED_IMAGE, index / 30 + 0.03, data))
    write_bag(tmp_path / "bag", messages)
    report = convert(conversion(tmp_path / "bag", tmp_path / "out", robot=str(robot)))
    [(reason, count)] = report.dropped.items()
    assert "of 10 bytes with format 'jpeg' does not decode" in reason and count == 1
    assert len(Dataset(tmp_path / "out").episodes) == 2


def test_compressed_topic_is_offered_where_the_raw_one_is_missing(tmp_path: Path) -> None:
    arm = ArmBag(seconds=1.5)
    data = compressed_image(0.0, "wrist")
    other = Message("/wrist/image_raw/compressed", COMPRESSED_IMAGE, 0.0, data)
    write_bag(tmp_path / "bag", [*arm.states(), *arm.commands(), *arm.images(["exterior"]), other])
    with pytest.raises(UserError, match="did you mean /wrist/image_raw/compressed?"):
        convert(conversion(tmp_path / "bag", tmp_path / "out"))


def test_empty_episode(tmp_path: Path) -> None:
    arm = ArmBag(seconds=1.5)
    kept = [m for m in arm.messages() if not m.topic.endswith("image_raw") or m.arrival_s < 0.05]
    write_bag(tmp_path / "bag", kept)
    with pytest.raises(UserError, match="episode bag of bag .* is empty: .* steps dropped"):
        convert(conversion(tmp_path / "bag", tmp_path / "out"))


def test_missing_instruction(tmp_path: Path) -> None:
    write_bag(tmp_path / "bag", ArmBag(seconds=1.5).messages())
    with pytest.raises(UserError, match="has no instruction: give one with --instruction"):
        convert(conversion(tmp_path / "bag", tmp_path / "out", choice=EpisodeChoice()))


def test_bad_bag_is_skipped_and_the_exit_code_says_so(tmp_path: Path) -> None:
    write_bag(tmp_path / "bags" / "bad", without("/ee_pose")(ArmBag(seconds=1.5).messages()))
    write_bag(tmp_path / "bags" / "good", ArmBag(seconds=1.5).messages())
    report = convert(conversion(tmp_path / "bags", tmp_path / "out"))
    assert report.exit_code == 1
    [failure] = report.failures
    assert Path(failure.bag).name == "bad" and "no topic /ee_pose" in failure.reason
    assert validate(tmp_path / "out").problems == []


def test_truncated_mcap_asks_for_repair(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", ArmBag(seconds=1.5).messages())
    file = bag / "bag.mcap"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(UserError, match=f"damaged or was cut off, run `groot-ros repair {bag}`"):
        convert(conversion(bag, tmp_path / "out"))


def test_damage_in_the_middle_of_an_mcap_is_no_traceback(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", ArmBag(seconds=1.5).messages())
    file = bag / "bag.mcap"
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 60_000] = bytes(60_000)
    file.write_bytes(bytes(content))
    with pytest.raises(UserError, match="cannot be read|is empty"):
        convert(conversion(bag, tmp_path / "out"))


def test_no_bag_at_all(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist, expected a bag"):
        convert(conversion(tmp_path / "nothing", tmp_path / "out"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no bags"):
        convert(conversion(tmp_path / "empty", tmp_path / "out"))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"codec": "ee_euler"}, "codec 'ee_euler' is unknown, expected one of ee, "),
        ({"robot": "r2d2"}, "robot 'r2d2' is neither a file nor one of"),
        ({"fps": 0}, "fps is 0, expected 1 to 240"),
        ({"format": "csv"}, "format is 'csv', expected one of gr00t, lerobot-v3"),
        ({"only": "mistakes"}, "only is 'mistakes', expected one of corrections"),
    ],
)
def test_wrong_options(tmp_path: Path, changes: dict[str, object], sentence: str) -> None:
    write_bag(tmp_path / "bag", ArmBag(seconds=1.5).messages())
    with pytest.raises(UserError, match=sentence):
        convert(conversion(tmp_path / "bag", tmp_path / "out", **changes))
    assert not list(tmp_path.glob("out*"))


def test_full_disk_keeps_what_is_done_for_resume(tmp_path: Path) -> None:
    write_bag(tmp_path / "bag", ArmBag(seconds=3.0).messages())
    command = [sys.executable, "-m", "groot_ros.cli.main", "convert"]
    command += ["--bags", str(tmp_path / "bag"), "--robot", "sim", "--codec", "ee_quat"]
    command += ["--output", str(tmp_path / "out"), "--instruction", "x", "--workers", "1"]
    # No file may grow beyond this: to the writer it looks like a full disk.
    limit = 20_000
    process = subprocess.run(
        command,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert process.returncode == 2, process.stderr
    assert "cannot write to" in process.stderr and "--resume" in process.stderr
    assert "Traceback" not in process.stderr
    assert not (tmp_path / "out").exists()
    done = subprocess.run([*command, "--resume"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert validate(tmp_path / "out").problems == []


def command(bag: Path, output: Path, *more: str) -> list[str]:
    line = [sys.executable, "-m", "groot_ros.cli.main", "convert", "--bags", str(bag)]
    line += ["--robot", "sim", "--codec", "ee_quat", "--output", str(output)]
    return [*line, "--instruction", "x", *more]


def test_two_runs_into_one_place_exclude_each_other(tmp_path: Path) -> None:
    write_bag(tmp_path / "bag", ArmBag(seconds=1.5).messages())
    part = tmp_path / "out.part"
    part.mkdir()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(part)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout and holder.stdout.readline() == "held\n"
    with pytest.raises(UserError, match=f"being written by process {holder.pid} on "):
        convert(conversion(tmp_path / "bag", tmp_path / "out", resume=True))
    holder.kill()
    holder.wait()
    convert(conversion(tmp_path / "bag", tmp_path / "out", resume=True))
    assert validate(tmp_path / "out").problems == []


HOLDER = """
import sys, time
from pathlib import Path
from groot_ros.files.folder_lock import folder_lock
with folder_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""

WORKERS = """
import os, sys, time
from groot_ros.data.conversion.end_with_parent import end_with_parent
from concurrent.futures import ProcessPoolExecutor
import multiprocessing
context = multiprocessing.get_context("spawn")
pool = ProcessPoolExecutor(2, context, end_with_parent)
print(*{pool.submit(os.getpid).result() for _ in range(4)}, flush=True)
pool.submit(time.sleep, 600)
time.sleep(600)
"""


def test_workers_end_with_a_parent_that_was_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", WORKERS], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    assert parent.stdout.readline().split(), "no worker ran"
    parent.kill()
    parent.wait()
    # The pipe is closed when the last process that holds it has ended.
    assert parent.stdout.read() == ""


@pytest.mark.parametrize("place", [Path("/"), Path("")])
def test_an_output_without_a_name(tmp_path: Path, place: Path) -> None:
    write_bag(tmp_path / "bag", ArmBag(seconds=1.5).messages())
    with pytest.raises(UserError, match="has no name: give a folder that is to be made"):
        convert(conversion(tmp_path / "bag", place))


@pytest.mark.parametrize(
    ("place", "sentence"),
    [("file/out", "Not a directory"), ("n" * 300, "File name too long")],
)
def test_an_impossible_output_is_one_sentence(tmp_path: Path, place: str, sentence: str) -> None:
    write_bag(tmp_path / "bag", ArmBag(seconds=1.5).messages())
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=f"cannot be read or written .{sentence}"):
        convert(conversion(tmp_path / "bag", tmp_path / place))


def test_a_reader_that_goes_away_is_no_traceback(tmp_path: Path) -> None:
    write_bag(tmp_path / "bag", ArmBag(seconds=1.5).messages())
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.run(
        command(tmp_path / "bag", tmp_path / "out"),
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writing)
    assert process.returncode == 141
    assert "Traceback" not in process.stderr and "Exception ignored" not in process.stderr
    assert validate(tmp_path / "out").problems == []


def test_a_disk_that_fills_while_the_dataset_is_put_together(tmp_path: Path) -> None:
    for name in "abcdefgh":
        write_bag(tmp_path / "bags" / name, ArmBag(seconds=1.5).messages())
    line = command(tmp_path / "bags", tmp_path / "out", "--workers", "1")
    whole = subprocess.run(line, capture_output=True, text=True)
    assert whole.returncode == 0, whole.stderr
    sizes = {file: file.stat().st_size for file in (tmp_path / "out").rglob("*")}
    report = sizes.pop(tmp_path / "out" / "report.html")
    # The report, the last file that is written, is the largest one.
    limit = max(size for file, size in sizes.items() if file.is_file())
    assert limit < report
    shutil.rmtree(tmp_path / "out")
    full = subprocess.run(
        line,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert full.returncode == 2, full.stderr
    assert "go on with --resume" in full.stderr and "Traceback" not in full.stderr
    done = subprocess.run([*line, "--resume"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert validate(tmp_path / "out").problems == []
