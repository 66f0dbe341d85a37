"""`groot-ros robot new`: what bags and URDFs tell of a robot, and what is left to a person."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from arm_bags import (
    BEGIN_NS,
    ArmBag,
    Message,
    compressed_image,
    conversion,
    joints,
    times,
    write_bag,
)
from label_bags import LEADER, array

from groot_ros.cameras.compressed_image import COMPRESSED_IMAGE
from groot_ros.cli.main import main
from groot_ros.data.bags.serialized import MessageMaker
from groot_ros.data.conversion.convert import convert
from groot_ros.errors import UserError
from groot_ros.observation.signal_messages import BOOL, FLOATS, JOINT_STATE
from groot_ros.robot.config import load_robot

SIM_URDF = "urdf/sim_arm.urdf"


def drafted(tmp_path: Path, messages: list[Message], *options: str) -> Path:
    bag = write_bag(tmp_path / "bag", messages)
    output = tmp_path / "mine.yaml"
    assert main(["robot", "new", str(output), "--bag", str(bag), *options]) == 0
    return output


def test_the_draft_of_a_bag_loads_and_converts_that_bag(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = drafted(tmp_path, ArmBag().messages(), "--urdf", SIM_URDF)
    said = capsys.readouterr().out
    assert "guessed: limits.joint_acceleration: slow on purpose" in said
    assert "not known" not in said
    robot, sim = load_robot(output), load_robot("sim")
    assert robot.untested
    assert robot.joints == sim.joints
    assert robot.base_frame == "fr3_link0"
    assert robot.limits.joint_lower == sim.limits.joint_lower
    grip, command = robot.observations.grip, robot.commands.grip
    assert grip and (grip.open, grip.closed) == (0.04, 0.0)
    assert command and (command.open, command.closed) == (0.0, 1.0)
    assert "64x48 rgb8, 30.0 Hz" in output.read_text()
    assert main(["robot", "check", str(output)]) == 0
    assert main(["inspect", str(tmp_path / "bag"), "--robot", str(output), "--json"]) == 0
    report = capsys.readouterr().out
    assert json.loads(report[report.index("{\n") :])["problems"] == []
    result = convert(conversion(tmp_path / "bag", tmp_path / "dataset", robot=str(output)))
    assert not result.failures and result.frames > 30


def test_a_leader_a_compressed_camera_and_an_array_are_told_by_what_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arm, maker = ArmBag(), MessageMaker()
    messages = [m for m in arm.messages() if m.topic not in ("/target_pose", "/gripper/command")]
    messages = [m for m in messages if not m.topic.startswith("/wrist")]
    for time_s in times(arm.seconds, 30):
        stamp_ns = arm.stamp_ns(time_s)
        led = dict(zip(arm.joint_names, joints(time_s).tolist(), strict=True))
        messages += [
            Message(LEADER, JOINT_STATE, time_s, maker.joint_state(stamp_ns, led)),
            Message("/right/joint_states", JOINT_STATE, time_s, maker.joint_state(stamp_ns, led)),
            Message("/fwd/commands", FLOATS, time_s, array(maker, joints(time_s).tolist())),
            Message("/vacuum_gripper/command", BOOL, time_s, maker.make(BOOL, data=time_s > 1.5)),
            Message(
                "/hand_cam/jpeg",
                COMPRESSED_IMAGE,
                time_s,
                compressed_image(time_s, "wrist", ".jpg"),
            ),
        ]
    robot = load_robot(drafted(tmp_path, messages))
    assert "left out: /right/joint_states tells of 7 joints too" in capsys.readouterr().out
    assert robot.labels["joint_position"].topic == LEADER
    assert robot.output.profile == "joint_stream"
    assert robot.commands.joint_position == "/fwd/commands"
    assert set(robot.observations.cameras) == {"exterior", "wrist"}
    wrist = robot.observations.cameras["wrist"]
    assert wrist.topic == "/hand_cam/jpeg" and wrist.compressed
    grip = robot.commands.grip
    assert grip and (grip.type, grip.open, grip.closed) == ("bool", 0.0, 1.0)


def test_a_camera_without_stamps_counts_by_arrival(tmp_path: Path) -> None:
    arm = ArmBag(seconds=0.1, clock_offset_s=-BEGIN_NS / 1e9)
    [first, *_] = arm.images(["exterior"])
    values = yaml.safe_load(drafted(tmp_path, [*arm.states(), first]).read_text())
    assert values["observations"]["cameras"]["exterior"]["clock"] == "arrival"


def test_what_nobody_can_see_is_asked_or_refused_by_the_loader(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "arm.yaml"
    assert main(["robot", "new", str(output), "--urdf", "urdf/ur5e.urdf"]) == 0
    said = capsys.readouterr().out
    assert "not known: output.topic: the topic on which the arm's controller" in said
    with pytest.raises(UserError, match=r"output\.topic is still TODO, fill in a topic name"):
        load_robot(output)
    values = yaml.safe_load(output.read_text())
    assert values["limits"]["joint_velocity"] == pytest.approx([np.pi] * 6, abs=1e-3)
    assert values["limits"]["joint_upper"][2] == pytest.approx(np.pi, abs=1e-3)
    output.unlink()
    topic = "/scaled_joint_trajectory_controller/joint_trajectory"
    answers = ["--set", f"output.topic={topic}", "--set", "observations.ee_pose.fk=tool0"]
    assert main(["robot", "new", str(output), "--urdf", "urdf/ur5e.urdf", *answers]) == 0
    robot = load_robot(output)
    assert robot.output_topic == topic and robot.observations.ee_pose.link == "tool0"
    assert "is there already" in _refusal(["robot", "new", str(output)], capsys)


def _refusal(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(arguments) == 2
    return capsys.readouterr().err


def test_answers_are_checked_before_anything_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["robot", "new", str(tmp_path / "x.yaml"), "--urdf", SIM_URDF, "--set"]
    assert "expected a key of the robot file" in _refusal([*arguments, "rate"], capsys)
    assert "expected a value as in YAML" in _refusal([*arguments, "output.rate=[1"], capsys)
    assert not (tmp_path / "x.yaml").exists()
