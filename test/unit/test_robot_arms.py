"""Robot files of several arms: what they mean, and mistakes by their place."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import yaml

from groot_ros.data.recording.health import expectations
from groot_ros.errors import UserError
from groot_ros.robot.config import load_robot, parse_robot, with_max_ages
from groot_ros.share import share_file

ALOHA = yaml.safe_load(share_file("config/robots/aloha.yaml").read_text())
REMOVED = object()


def changed(path: str, value: Any) -> dict[str, Any]:
    """The shipped file with one value replaced or removed."""
    values = copy.deepcopy(ALOHA)
    *parents, last = path.split(".")
    section = values
    for key in parents:
        section = section[key]
    if value is REMOVED:
        del section[last]
    else:
        section[last] = value
    return values


def test_signals_and_labels_have_the_names_of_their_arms() -> None:
    robot = load_robot("aloha")
    names = [f"{arm}/{name}" for arm in ("left", "right") for name in ("joint_position", "grip")]
    assert list(robot.observations.signals) == names == list(robot.labels)
    spec = robot.observations.spec("right/joint_position")
    assert spec.arm == "right" and spec.key == "right_joint_position" and len(spec.names) == 6
    assert robot.observations.spec("left/grip").columns == ("left_grip",)
    assert robot.observations.signals["left/grip"].topic == "/follower_left/joint_states"
    assert robot.labels["right/joint_position"].key == "arms.right.labels.joint_position"
    assert robot.labels["right/grip"].place == "arms.right.labels.grip"
    assert robot.arm_of("right/grip") is robot.arms["right"] and robot.arm_of("x") is robot
    assert robot.moved == robot.followed == ("left/joint_position", "right/joint_position")
    assert len(robot.joints) == 12 and robot.joints[6] == "right/waist"
    assert robot.untested and robot.output.rate_hz == 50
    aged = with_max_ages(robot, state_s=0.7, camera_s=0.9).observations
    assert {stream.max_age_s for stream in aged.signals.values()} == {0.7}


def test_the_joints_limits_of_all_arms_stand_side_by_side() -> None:
    values = changed("arms.right.limits", {"joint_velocity": [0.5] * 6, "joint_jerk": [90.0] * 6})
    robot = parse_robot(values, "mine.yaml")
    left = robot.arms["left"].limits
    assert robot.limits.joint_velocity == (*left.joint_velocity, *[0.5] * 6)
    assert robot.limits.joint_upper == (*left.joint_upper, *[math.inf] * 6)
    assert robot.limits.joint_jerk == (*[math.inf] * 6, *[90.0] * 6)
    # It stops as fast as it may speed up, or as any arm does whose file says nothing.
    assert robot.limits.joint_deceleration == (*left.joint_acceleration, *[5.0] * 6)
    assert robot.limits.joint_jump is None


def test_the_recorder_expects_the_topics_of_all_arms() -> None:
    expected = expectations(load_robot("aloha"))
    assert expected.observations["/follower_right/joint_states"].streams == (
        "right/joint_position",
        "right/grip",
    )
    for topic in (
        "/leader_left/joint_states",
        "/follower_right/arm_controller/joint_trajectory",
        "/follower_left/gripper_controller/joint_trajectory",
    ):
        assert topic in expected.commands


def test_one_output_may_span_the_arms() -> None:
    values = changed("output", {"profile": "joint_stream", "topic": "/both/commands"})
    for arm in values["arms"].values():
        arm["output"] = {"grip": arm["output"]["grip"]}
    robot = parse_robot(values, "mine.yaml")
    assert robot.spanning_topic == "/both/commands" and robot.output.profile == "joint_stream"
    assert {arm.commands.joint_position for arm in robot.arms.values()} == {"/both/commands"}
    values["arms"]["left"]["output"]["grip"] = {
        "type": "array",
        "index": 0,
    }
    with pytest.raises(UserError, match=r"arms.left.output.grip has no topic, expected one"):
        parse_robot(values, "mine.yaml")
    values["arms"]["left"]["output"]["grip"] = {"topic": "/left/grip"}
    # By names alone a controller could not tell the arms apart.
    values["output"]["profile"] = "joint_trajectory"
    with pytest.raises(UserError, match=r"output\.topic is one trajectory .* joint waist each"):
        parse_robot(values, "mine.yaml")


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("command_rate", REMOVED, "command_rate is missing, expected a number in Hz"),
        ("observations", {}, r"observations is there beside arms, .* arms\.\*\.observations"),
        ("arms", {"left": ALOHA["arms"]["left"]}, "arms has 1, expected 2 to 4"),
        ("arms", {"my left": ALOHA["arms"]["left"]}, "arms has 'my left', expected a name"),
        (
            "arms.left.observations.cameras",
            {"wrist": {"topic": "/w"}},
            r"arms\.left\.observations\.cameras stands in an arm, expected `cameras` beside",
        ),
        (
            "arms.left.observations.joint_positions",
            {},
            r"arms\.left\.observations\.joint_positions is not a known key; did you mean joint_po",
        ),
        ("arms.right.output.rate", 50, r"arms\.right\.output\.rate is not a known key"),
        (
            "arms.right.output.profile",
            "joint_stream",
            r"arms\.right\.output\.profile is joint_stream, expected joint_traj.* like .* left",
        ),
        (
            "arms.right.output.topic",
            "/follower_left/arm_controller/joint_trajectory",
            r"arms\.right\.output writes /follower_left/arm_c.* like arm left",
        ),
        ("arms.left.limits.joint_velocity", [1.0], "arms.left.limits.joint_velocity is .* of 6"),
        (
            "arms.left.labels.grip.joint",
            4,
            r"arms\.left\.labels\.grip\.joint is 4, expected the gripper's joint name",
        ),
        ("signals", {"left": {"topic": "/w"}}, "signals.left is the name of another stream"),
        (
            "limits",
            {"distances": {"tools": {"points": ["left/tool", "right/tool"], "least": 0.1}}},
            r"limits\.distances\.tools\.points holds left/tool, expected limits\.points of the",
        ),
    ],
)
def test_mistakes_are_named_by_their_place(path: str, value: Any, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence) as caught:
        parse_robot(changed(path, value), "mine.yaml")
    assert str(caught.value).startswith("mine.yaml: ")
