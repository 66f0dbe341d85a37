"""The rviz2 configuration names displays that rviz2 has and topics that our nodes publish."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from groot_ros.robot.config import load_robot
from groot_ros.share import share_file

CONFIG = yaml.safe_load(share_file("config/rviz/policy.rviz").read_text())
# Of the plugins_description.xml of rviz_default_plugins and rviz_common 14 (Jazzy).
DISPLAYS = {"Grid", "RobotModel", "PoseArray", "Pose", "Image", "MarkerArray"}
OTHERS = {"Interact", "MoveCamera", "Select", "Measure", "Orbit"}
PANELS = {"rviz_common/Displays", "rviz_common/Views"}


def classes(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if part.get("Class"):
            yield part["Class"]
        for value in part.values():
            yield from classes(value)
    elif isinstance(part, list):
        for value in part:
            yield from classes(value)


def test_every_class_exists() -> None:
    known = {f"rviz_default_plugins/{name}" for name in DISPLAYS | OTHERS} | PANELS
    assert set(classes(CONFIG)) <= known


def test_topics_and_frame_are_those_of_the_nodes_and_the_robot() -> None:
    robot = load_robot("sim")
    displays = CONFIG["Visualization Manager"]["Displays"]
    topics = {display["Topic"]["Value"] for display in displays if "Topic" in display}
    cameras = {camera.topic for camera in robot.observations.cameras.values()}
    assert topics == cameras | {
        "policy/chunk_poses",
        "executor/markers",
        "executor/setpoint",
    }
    assert CONFIG["Visualization Manager"]["Global Options"]["Fixed Frame"] == robot.base_frame
