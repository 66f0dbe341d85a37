"""A robot file against topics that were seen, and how an arm followed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from groot_ros.cameras.image import IMAGE
from groot_ros.observation.signal_messages import FLOAT, JOINT_STATE, POSE
from groot_ros.robot.checking.following import followed
from groot_ros.robot.checking.live import live_findings
from groot_ros.robot.config import load_robot, parse_robot, robot_names, robot_path
from groot_ros.robot.drafting.seen import SeenTopic

STATES = {f"fr3_joint{n}": -1.0 if n == 4 else 1.0 for n in range(1, 8)}
STATES |= {"fr3_finger_joint1": 0.02}


def topic(name: str, kind: str, numbers: dict[str, float] | None = None) -> SeenTopic:
    seen = {key: [(1, value)] for key, value in (numbers or {}).items()}
    return SeenTopic(
        name,
        kind,
        count=100,
        rate_hz=50.0,
        publishers=("/driver",),
        numbers=seen,
        behind_s=[0.01],
        frame="fr3_link0",
    )


def seen() -> dict[str, SeenTopic]:
    """The robot of sim.yaml as it should be."""
    topics = [
        topic("/joint_states", JOINT_STATE, STATES),
        topic("/ee_pose", POSE, {"x": 0.5, "y": 0.0, "z": 0.3}),
        topic("/exterior/image_raw", IMAGE),
        topic("/wrist/image_raw", IMAGE),
    ]
    for name, kind in (("/target_pose", POSE), ("/gripper/command", FLOAT)):
        topics.append(SeenTopic(name, kind, subscribers=("/controller",)))
    return {found.name: found for found in topics}


def test_a_robot_as_its_file_says_has_no_findings() -> None:
    assert live_findings(load_robot("sim"), seen()) == []


@pytest.mark.parametrize("name", robot_names())
def test_each_stream_of_a_robot_is_missed_at_its_place_in_the_file(name: str) -> None:
    """Also a pose by the joints, and those of several arms."""
    robot = load_robot(name)
    values = yaml.safe_load(robot_path(name).read_text())
    # Of a single arm the cameras are among its observations.
    sections = {**values.get("observations", {}), **values}
    found = [f for f in live_findings(robot, {}) if "nobody publishes" in f.sentence]
    missed = [finding.key for finding in found if not finding.is_doubt]
    for place in missed:
        section = sections
        for key in place.removesuffix(".topic").split("."):
            section = section[key]
    assert len(set(missed)) == len(robot.observations.signals) + len(robot.observations.cameras)


def test_no_leader_is_missed_where_labels_are_what_the_arms_are_commanded() -> None:
    values = yaml.safe_load(robot_path("aloha").read_text())
    for arm in values["arms"].values():
        del arm["labels"]
    found = live_findings(parse_robot(values, "aloha.yaml"), {})
    assert not [finding for finding in found if "start the leader" in finding.sentence]


@pytest.mark.parametrize(
    ("name", "changes", "sentence"),
    [
        ("/joint_states", {"rate_hz": 2.0}, "comes 2.0 times a second, too seldom for a max_age"),
        (
            "/joint_states",
            {"behind_s": [30.0]},
            "are 30 s behind their arrival, more than max_age",
        ),
        ("/joint_states", {"behind_s": [-3.0]}, "are 3 s ahead of their arrival: synchronise"),
        ("/joint_states", {"behind_s": []}, "carries no stamps: let the driver stamp"),
        ("/joint_states", {"count": 0}, "/driver publishes joint_states, but no message came"),
        (
            "/joint_states",
            {"type_name": POSE},
            "is geometry_msgs/msg/PoseStamped, expected sensor",
        ),
        (
            "/joint_states",
            {"numbers": {**{k: [(1, v)] for k, v in STATES.items()}, "fr3_joint1": [(1, 57.0)]}},
            "fr3_joint1 goes to 57, which looks like degrees",
        ),
        (
            "/joint_states",
            {"numbers": {**{k: [(1, v)] for k, v in STATES.items()}, "fr3_joint4": [(1, 0.5)]}},
            "fr3_joint4 was from 0.500 to 0.500, outside its limits -3.0421 to -0.1518",
        ),
        (
            "/joint_states",
            {
                "numbers": {
                    **{k: [(1, v)] for k, v in STATES.items()},
                    "fr3_finger_joint1": [(1, 40)],
                }
            },
            "fr3_finger_joint1 was from 40 to 40, outside open 0.04 and closed 0",
        ),
        ("/ee_pose", {"numbers": {"x": [(1, 512.0)]}}, "goes to 512, which looks like mm"),
        ("/ee_pose", {"frame": "world"}, "base_frame: is fr3_link0, but /ee_pose is in world"),
        (
            "/target_pose",
            {"subscribers": ()},
            "nobody listens to target_pose: start the controller",
        ),
        ("/target_pose", {"publishers": ("/moveit",)}, "/moveit publishes target_pose too"),
        ("/target_pose", {"wants_latched": ("/c",)}, "with durability transient_local, which"),
    ],
)
def test_each_difference_is_one_sentence(
    name: str, changes: dict[str, Any], sentence: str
) -> None:
    topics = seen()
    topics[name] = replace(topics[name], **changes)
    found = [str(finding) for finding in live_findings(load_robot("sim"), topics)]
    assert any(sentence in finding for finding in found), found


def motion(scale: float, lag_s: float, beside: float = 0.0) -> Any:
    """A command of 10 mm up and back, and an arm that follows with a scale and a lag."""
    times_s = np.arange(0.0, 4.5, 0.01)

    def up(at_s: np.ndarray) -> np.ndarray:
        return 0.005 * (1 - np.cos(2 * np.pi * np.clip(at_s / 3.0, 0, 1)))

    led = np.column_stack([0 * times_s + 0.4, 0 * times_s, 0.3 + up(times_s)])
    moved = up(times_s - lag_s)
    seen_at = np.column_stack([0.4 + beside * moved, 0 * moved, 0.31 + scale * moved])
    return followed((times_s, led), (times_s, seen_at))


@given(scale=st.floats(0.6, 1.4), lag_s=st.floats(0.0, 0.8))
def test_lag_and_way_are_found(scale: float, lag_s: float) -> None:
    found = motion(scale, lag_s)
    assert found.lag_s == pytest.approx(lag_s, abs=0.006)
    assert found.moved == pytest.approx(scale * 0.01, rel=0.01)
    assert found.axis == 2 and found.problem() is None


def test_an_arm_that_does_something_else_is_told() -> None:
    assert "did not follow, it moved 10 %" in str(motion(0.1, 0.1).problem())
    assert "moved the other way" in str(motion(-1.0, 0.1).problem())
    assert "in another direction" in str(motion(1.0, 0.1, beside=1.0).problem())
