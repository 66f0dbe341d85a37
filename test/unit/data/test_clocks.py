"""Stamps of clocks that differ from the bag's, or from one another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from arm_bags import BEGIN_NS, INSTRUCTION, NS, ArmBag, Message, conversion, write_bag

from groot_ros.data.convert import convert
from groot_ros.data.episodes import EpisodeChoice, parse_range
from groot_ros.data.reader import Dataset
from groot_ros.data.verify import verify
from groot_ros.errors import UserError
from groot_ros.robot import load_robot, parse_robot
from groot_ros.share import share_file

SECONDS = 1.8


def columns(dataset: Path) -> dict[str, np.ndarray]:
    read = Dataset(dataset)
    return read.columns(read.episodes[0])


def labels_off(offset_s: float) -> list[Message]:
    arm, off = ArmBag(seconds=SECONDS), ArmBag(seconds=SECONDS, clock_offset_s=offset_s)
    return [*arm.states(), *arm.images(), *off.commands()]


def robot_file(path: Path, **times: dict[str, object]) -> str:
    """The simulated arm with keys of a stream such as commands__ee_pose added."""
    values = yaml.safe_load(share_file("config/robots/sim.yaml").read_text())
    values["urdf"] = str(share_file("urdf/sim_arm.urdf"))
    for place, keys in times.items():
        section = values
        for name in place.split("__"):
            section = section[name]
        section.update(keys)
    path.write_text(yaml.safe_dump(values))
    return str(path)


@pytest.mark.parametrize("offset_s", [10.0 - BEGIN_NS / NS, 5.0, -0.7])
def test_one_clock_for_all_that_is_not_the_bags_is_taken(tmp_path: Path, offset_s: float) -> None:
    for name, offset in (("same", 0.0), ("other", offset_s)):
        arm = ArmBag(seconds=SECONDS, clock_offset_s=offset)
        write_bag(tmp_path / name, arm.messages())
        report = convert(conversion(tmp_path / name, tmp_path / f"{name}-out"))
        assert any("the bag's clock, as in simulation" in note for note in report.notes) == bool(
            offset
        )
    same, other = columns(tmp_path / "same-out"), columns(tmp_path / "other-out")
    for key in ("observation.state", "action"):
        np.testing.assert_allclose(same[key], other[key], atol=1e-5)
    result = verify(tmp_path / "other", "sim", "ee_quat_joints", tmp_path / "other-out")
    assert result.is_equal


def test_labels_of_another_clock_are_refused_with_a_key_that_helps(tmp_path: Path) -> None:
    write_bag(tmp_path / "bag", labels_off(-3 * 3600.0))
    sentence = (
        "the stamps of /target_pose are 10800.0 s behind those .* `clock: arrival` at "
        "commands.ee_pose of the robot file"
    )
    with pytest.raises(UserError, match=sentence):
        convert(conversion(tmp_path / "bag", tmp_path / "out"))
    robot = robot_file(tmp_path / "robot.yaml", commands__ee_pose={"clock": "arrival"})
    convert(conversion(tmp_path / "bag", tmp_path / "out", robot=robot))
    write_bag(tmp_path / "good", labels_off(0.0))
    convert(conversion(tmp_path / "good", tmp_path / "good-out"))
    mended, good = columns(tmp_path / "out"), columns(tmp_path / "good-out")
    np.testing.assert_allclose(mended["action"], good["action"], atol=1e-6)


@pytest.mark.parametrize(("offset_s", "side"), [(-0.5, "behind"), (0.3, "ahead of"), (-0.05, "")])
def test_labels_a_little_off_are_said(tmp_path: Path, offset_s: float, side: str) -> None:
    write_bag(tmp_path / "bag", labels_off(offset_s))
    report = convert(conversion(tmp_path / "bag", tmp_path / "out"))
    notes = [note for note in report.notes if "commands on /target_pose" in note]
    assert len(notes) == bool(side)
    assert not side or f"{abs(offset_s):.2f} s {side}" in notes[0]
    assert "/target_pose" in report.episodes[0].health


def test_a_camera_of_another_clock_counts_by_its_arrival_and_latency(tmp_path: Path) -> None:
    arm, off = ArmBag(seconds=SECONDS), ArmBag(seconds=SECONDS, clock_offset_s=77.0)
    usual = [*arm.states(), *arm.commands()]
    messages = [*usual, *arm.images(["exterior"]), *off.images(["wrist"])]
    write_bag(tmp_path / "bag", messages)
    with pytest.raises(UserError, match=r"observations\.cameras\.wrist of the robot file"):
        convert(conversion(tmp_path / "bag", tmp_path / "out"))
    keys = {"clock": "arrival", "latency": arm.image_delay_s}
    robot = robot_file(tmp_path / "robot.yaml", observations__cameras__wrist=keys)
    convert(conversion(tmp_path / "bag", tmp_path / "out", robot=robot))
    assert verify(tmp_path / "bag", robot, "ee_quat_joints", tmp_path / "out").is_equal
    write_bag(tmp_path / "good", arm.messages())
    convert(conversion(tmp_path / "good", tmp_path / "good-out"))
    mended, good = columns(tmp_path / "out"), columns(tmp_path / "good-out")
    for key in ("observation.state", "action"):
        np.testing.assert_allclose(mended[key], good[key], atol=1e-6)


@pytest.mark.parametrize("back_s", [0.7, 5.0])
def test_stamps_that_step_back_are_refused_with_ranges_that_help(
    tmp_path: Path, back_s: float
) -> None:
    step_s = 2.0
    before, after = ArmBag(seconds=6.0), ArmBag(seconds=6.0, clock_offset_s=-back_s)
    messages = [m for m in before.messages() if m.arrival_s < step_s]
    messages += [m for m in after.messages() if m.arrival_s >= step_s]
    write_bag(tmp_path / "bag", messages)
    with pytest.raises(UserError, match=f"step back by {back_s} s at 2.0 s") as refused:
        convert(conversion(tmp_path / "bag", tmp_path / "out"))
    ranges = [word for word in str(refused.value).split() if word[0].isdigit() and ":" in word]
    assert len(ranges) == 2
    for number, text in enumerate(ranges):
        low_s, high_s = (float(part) for part in text.rstrip(":").split(":"))
        choice = EpisodeChoice(instruction=INSTRUCTION, ranges=[parse_range(f"{low_s}:{high_s}")])
        output = tmp_path / f"out{number}"
        report = convert(conversion(tmp_path / "bag", output, choice=choice))
        assert report.frames >= 15 * (high_s - low_s) - 4


def test_keys_of_time_are_read_and_checked(tmp_path: Path) -> None:
    robot = load_robot(
        robot_file(
            tmp_path / "robot.yaml",
            observations__joint_position={"clock": "arrival", "latency": 0.004},
        )
    )
    joints = robot.observations.joint_position
    assert joints and joints.time.of(5, NS) == NS - 4_000_000
    values = yaml.safe_load(share_file("config/robots/sim.yaml").read_text())
    values["observations"]["ee_pose"]["clock"] = "wall"
    with pytest.raises(
        UserError, match=r"observations\.ee_pose\.clock is 'wall', expected one of"
    ):
        parse_robot(values, "mine.yaml")
    values["observations"]["ee_pose"]["clock"] = "header"
    values["commands"]["grip"]["clock"] = "header"
    with pytest.raises(UserError, match=r"commands\.grip\.clock is header, expected arrival"):
        parse_robot(values, "mine.yaml")
