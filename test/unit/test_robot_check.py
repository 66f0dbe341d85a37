"""`groot-ros robot check` without a robot: each mistake is one sentence with its key."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from groot_ros.cli.main import main
from groot_ros.codecs.check import mismatches
from groot_ros.codecs.draft import Foreign, Seen, draft
from groot_ros.codecs.file import parse_codec
from groot_ros.robot.checking.of_file import file_findings, topics_of
from groot_ros.robot.checking.of_model import MadeFor, model_findings
from groot_ros.robot.config import load_robot, parse_robot, robot_names
from groot_ros.share import share_file

SIM = yaml.safe_load(share_file("config/robots/sim.yaml").read_text())


@pytest.mark.parametrize("name", robot_names())
def test_shipped_files_have_nothing_wrong(name: str) -> None:
    assert [str(f) for f in file_findings(load_robot(name)) if not f.is_doubt] == []


@pytest.mark.parametrize("name", robot_names())
def test_every_topic_of_a_shipped_file_has_a_known_provider(name: str) -> None:
    robot = load_robot(name)
    known = {topic for topics in robot.providers.values() for topic in topics}
    assert set(topics_of(robot)) == known


@pytest.mark.parametrize("name", [name for name in robot_names() if name != "aloha"])
def test_a_codec_is_drafted_for_every_shipped_arm(name: str) -> None:
    robot = load_robot(name)
    count = len(robot.joints)
    keys = [Seen(key="joint_position", size=count), Seen(key="gripper", size=1)]
    video = dict.fromkeys(robot.observations.cameras)
    foreign = Foreign(name="mine", state=keys, action=keys, video=video, language="annotation.x")
    made = draft(foreign, robot)
    file = parse_codec(yaml.safe_load(made.text), "mine", "mine.yaml")
    follows = {entry for entry in robot.followed}
    if "joint_position" in follows:
        assert mismatches(file, robot) == []


def test_a_codec_is_drafted_for_two_arms_by_the_names_of_their_signals() -> None:
    robot = load_robot("aloha")
    keys = [
        Seen(key=f"{arm}_{own}", size=size, high=(90.0,) * size)
        for arm in ("left", "right")
        for own, size in (("joint_position", 6), ("grip", 1))
    ]
    foreign = Foreign(name="a", state=keys, action=keys, video={}, language="annotation.x")
    values = yaml.safe_load(draft(foreign, robot).text)
    for group in ("state", "action"):
        assert {key: entry["signal"] for key, entry in values[group].items()} == {
            seen.key: seen.key.replace("_", "/", 1) for seen in keys
        }
        assert values[group]["right_joint_position"]["unit"] == "deg"
        assert values[group]["left_grip"]["affine"]["scale"] == 100.0


@pytest.mark.parametrize(
    ("place", "value", "sentence"),
    [
        ("limits.joint_upper", [180.0] * 7, "looks like degrees: give it in rad"),
        ("limits.joint_velocity", [100.0] * 7, "looks like degrees: give it in rad/s"),
        ("limits.joint_velocity", [5.0] * 7, "limits.joint_velocity: is 5 for fr3_joint1, beyond"),
        ("limits.joint_lower", [-3.0] * 7, "limits.joint_lower: is -3 for fr3_joint1, beyond"),
        ("limits.joint_acceleration", None, "limits.joint_acceleration missing"),
        ("limits.workspace.max", [800.0, 500.0, 800.0], "looks like mm: give it in m"),
        ("limits.linear_velocity", 500.0, "looks like mm/s: give it in m/s"),
        ("limits.points.tool.link", "hand", "limits.points.tool.link names 'hand'"),
        ("observations.grip.open", 40.0, "observations.grip.open: is 40, outside 0 to 0.04 m"),
        ("observations.grip", {"open": 0.0, "closed": 0.04}, "swap open and closed if so"),
        ("observations.cameras.wrist.latency", 5.0, "cameras.wrist.latency: is 5 s, which looks"),
        ("urdf", "urdf/none.urdf", "the URDF 'urdf/none.urdf' is not there"),
        ("urdf", None, "urdf: is missing"),
        (
            "observations.joint_position.joints",
            [f"fr3_joint{n}" for n in (2, 1, 3, 4, 5, 6, 7)],
            "are not in the order of the URDF, which is fr3_joint1, fr3_joint2",
        ),
        (
            "providers",
            {"groot_ros sim_node": ["joint_states"]},
            "commands.ee_pose.topic: is target_pose, which nobody below `providers` offers",
        ),
    ],
)
def test_each_mistake_is_found(place: str, value: Any, sentence: str) -> None:
    values = copy.deepcopy(SIM)
    values["output"]["profile"] = "joint_trajectory"
    section = values
    *above, last = place.split(".")
    for key in above:
        section = section[key]
    if isinstance(value, dict) and last in section:
        section[last] |= value
    elif value is None:
        del section[last]
    else:
        section[last] = value
    found = [str(finding) for finding in file_findings(parse_robot(values, "mine.yaml"))]
    assert any(sentence in finding for finding in found), found


def test_the_verb_tells_wrong_from_doubtful(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["robot", "check", "sim"]) == 0
    assert "nothing wrong" in capsys.readouterr().out
    values = copy.deepcopy(SIM) | {"urdf": None}
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(values))
    assert main(["robot", "check", str(path), "--json"]) == 0
    [finding] = json.loads(capsys.readouterr().out)["findings"]
    assert finding["is_doubt"] and finding["key"] == "urdf"
    values["limits"]["linear_velocity"] = 250.0
    path.write_text(yaml.safe_dump(values))
    assert main(["robot", "check", str(path)]) == 1


@pytest.mark.parametrize(
    ("robot", "told", "sentences"),
    [
        ("sim", MadeFor(base_frame="fr3_link0", joints=load_robot("sim").joints), []),
        (
            "sim",
            MadeFor(
                base_frame="world",
                joints=("fr3_joint2", "fr3_joint1", *load_robot("sim").joints[2:]),
                cameras=("exterior_image_1", "left_wrist_image"),
            ),
            [
                "write `base_frame: world`",
                "joints: [fr3_joint2, fr3_joint1, fr3_joint3, fr3_joint4, fr3_joint5, fr3_joint6, "
                "fr3_joint7]`, `limits.joint_lower: [-1.7837, -2.7437, -2.9007,",
                "write `cameras.wrist.key: left_wrist_image`",
            ],
        ),
        (
            "sim",
            MadeFor(joints=tuple("abcdefg")),
            ['write `"joints": ["fr3_joint1", "fr3_joint2"'],
        ),
        ("sim", MadeFor(joints=("a", "b")), ["it is of another arm"]),
        (
            "aloha",
            MadeFor(joints=(*load_robot("aloha").joints[:6], *load_robot("aloha").joints[:5:-1])),
            ["`arms.right.limits.joint_upper: [3.14, 2.234, 3.14, 1.6, 1.25, 3.14]`"],
        ),
    ],
)
def test_what_a_model_was_made_for_is_said_line_by_line(
    robot: str, told: MadeFor, sentences: list[str]
) -> None:
    found = [str(finding) for finding in model_findings(load_robot(robot), told)]
    assert len(found) == len(sentences)
    for finding, sentence in zip(found, sentences, strict=True):
        assert sentence in finding
