"""rviz2 and Foxglove are told what there is of every shipped robot, in words that they know."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from inspect import isabstract
from pathlib import Path
from typing import Any

import pytest
import yaml
from foxglove import layouts

from groot_ros.cli.main import main
from groot_ros.displays import catalog
from groot_ros.displays.foxglove import foxglove_layout
from groot_ros.displays.rviz import rviz_config
from groot_ros.displays.shown import shown
from groot_ros.robot.camera_stream import CameraStream, PictureView
from groot_ros.robot.config import load_robot, robot_names
from groot_ros.robot.robot import RobotConfig
from groot_ros_msgs.msg import ChunkReport, ExecutorState

# Of the plugins_description.xml of rviz_default_plugins and rviz_common 14 (Jazzy).
DISPLAYS = {"Grid", "RobotModel", "PoseArray", "Pose", "Image", "MarkerArray"}
OTHERS = {"Interact", "MoveCamera", "Select", "Measure", "Orbit"}
PANELS = {"rviz_common/Displays", "rviz_common/Views"}
# Of qos_profile_property.cpp in rviz_common 14.
POLICIES = {
    "History Policy": {"Keep Last"},
    "Reliability Policy": {"Reliable", "Best Effort"},
    "Durability Policy": {"Volatile", "Transient Local"},
}


def inside(part: Any) -> Iterator[dict[str, Any]]:
    """Every mapping within a configuration."""
    if isinstance(part, dict):
        yield part
        part = list(part.values())
    if isinstance(part, list):
        for value in part:
            yield from inside(value)


def rviz(robot: RobotConfig) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load(rviz_config(shown(robot)))
    return config


def rviz_topics(robot: RobotConfig) -> set[str]:
    return {part["Topic"]["Value"] for part in inside(rviz(robot)) if "Topic" in part}


@pytest.mark.parametrize("name", robot_names())
def test_rviz_knows_every_class_and_policy(name: str) -> None:
    config = rviz(load_robot(name))
    known = {f"rviz_default_plugins/{name}" for name in DISPLAYS | OTHERS} | PANELS
    assert {part["Class"] for part in inside(config) if part.get("Class")} <= known
    for part in inside(config):
        assert all(part[key] in values for key, values in POLICIES.items() if key in part)
    assert config["Visualization Manager"]["Global Options"]["Fixed Frame"]


def test_rviz_subscribes_to_what_the_nodes_of_the_robot_publish() -> None:
    own = {"policy/chunk_poses", "executor/markers", "executor/setpoint"}
    assert rviz_topics(load_robot("sim")) == own | {"exterior/image_raw", "wrist/image_raw"}
    aloha = load_robot("aloha")
    assert rviz_topics(aloha) == {
        "policy/left/chunk_poses",
        "policy/right/chunk_poses",
        "executor/markers",
    } | {camera.topic for camera in aloha.observations.cameras.values()}


def with_camera(topic: str, compressed: bool) -> RobotConfig:
    robot = load_robot("sim")
    camera = CameraStream(topic, "wrist", compressed, view=PictureView(rotate_deg=90, mirror=True))
    return replace(robot, observations=replace(robot.observations, cameras={"wrist": camera}))


@pytest.mark.parametrize(
    ("topic", "compressed", "is_shown"),
    [
        ("/cam/image_raw/compressed", True, True),
        ("/cam/jpeg", True, False),
        ("/cam/image_raw", False, True),
        ("/cam/image_raw/ffmpeg", False, False),
    ],
)
def test_rviz_is_given_no_camera_that_it_would_warn_of(
    topic: str, compressed: bool, is_shown: bool
) -> None:
    assert (topic in rviz_topics(with_camera(topic, compressed))) == is_shown


def keys_of(kind: type) -> set[str]:
    return set(kind()._to_dict())


def test_foxglove_knows_every_panel_and_key() -> None:
    """Against the classes that foxglove-sdk makes of the application's own schema."""
    kinds = [
        kind
        for kind in layouts.BasePanel.__subclasses__()
        if not isabstract(kind) and kind is not layouts.Panel
    ]
    panels = {panel._to_dict()["panelType"]: panel for panel in (kind() for kind in kinds)}
    series = keys_of(layouts.PlotSeries) | keys_of(layouts.StateTransitionsSeries)
    layout = json.loads(foxglove_layout(shown(load_robot("aloha"))))
    assert set(layout) <= set(layouts.Layout(content=layouts.LogPanel())._to_dict())
    found = [part for part in inside(layout) if part.get("type") == "panel"]
    assert len(found) == 10
    for part in found:
        panel = panels[part["panelType"]]
        assert set(part) <= set(panel._to_dict())
        assert set(part["config"]) <= set(panel.config._to_dict())
        assert set(part["config"].get("imageMode", {})) <= keys_of(layouts.ImageModeConfig)
        assert all(set(path) <= series for path in part["config"].get("paths", []))


def test_foxglove_plots_fields_that_messages_have() -> None:
    fields = {
        "/left_arm/executor/state": ExecutorState,
        "/left_arm/policy/chunk_report": ChunkReport,
    }
    layout = json.loads(foxglove_layout(shown(load_robot("sim"), namespace="left_arm")))
    values = [part["value"] for part in inside(layout) if "value" in part]
    assert len(values) == 7
    for value in values:
        topic, _, field = value.rpartition(".")
        assert field in fields[topic].get_fields_and_field_types()


def test_foxglove_turns_pictures_as_the_policy_sees_them() -> None:
    robot = with_camera("/cam/video", compressed=False)
    [mode] = [
        part["imageMode"]
        for part in inside(json.loads(foxglove_layout(shown(robot))))
        if "imageMode" in part
    ]
    assert mode == {"imageTopic": "/cam/video", "rotation": 90, "flipHorizontal": True}


def test_the_verb_writes_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "sim.json"
    command = ["robot", "display", "sim", "--program"]
    for program in catalog.DISPLAYS:
        assert main([*command, program, "--output", str(path)]) == 0
    assert json.loads(path.read_text())["version"] == 1
    assert main([*command, "rviz", "--output", str(tmp_path / "none" / "x")]) == 2
    assert "make it first" in capsys.readouterr().err
