"""The configuration of rviz2 for a robot.

Names of classes and of their properties are those of rviz_common and rviz_default_plugins 14
(Jazzy); what has another name there is left at its default, and said in rviz2's log.
"""

from __future__ import annotations

from typing import Any

import yaml

from groot_ros.cameras.compressed_image import COMPRESSED_IMAGE
from groot_ros.cameras.image import IMAGE
from groot_ros.displays.shown import Shown, ShownCamera

PLUGINS = "rviz_default_plugins"
COMPRESSED_ENDING = "/compressed"
AXES = {"Shape": "Axes", "Axes Length": 0.03, "Axes Radius": 0.003}
SETPOINT_AXES = {"Shape": "Axes", "Axes Length": 0.08, "Axes Radius": 0.006}


def rviz_config(shown: Shown) -> str:
    """YAML text of a configuration; relative topics are those of rviz2's own namespace."""
    displays = [_grid(), _robot(shown.description)]
    for arm, topic in shown.chunk_poses.items():
        displays.append(_display("PoseArray", _of(arm, "Predicted chunk"), topic) | AXES)
    displays.append(_display("MarkerArray", "Chunk in execution", shown.markers))
    if shown.setpoint:
        displays.append(_display("Pose", "Setpoint", shown.setpoint) | SETPOINT_AXES)
    displays += [
        _display("Image", f"Camera {name}", camera.topic, reliability="Best Effort")
        for name, camera in shown.cameras.items()
        if _is_understood(camera)
    ]
    config = {
        "Panels": [
            {"Class": "rviz_common/Displays", "Name": "Displays"},
            {"Class": "rviz_common/Views", "Name": "Views"},
        ],
        "Visualization Manager": {
            "Class": "",
            "Displays": displays,
            "Enabled": True,
            "Global Options": {
                "Background Color": "48; 48; 48",
                "Fixed Frame": shown.fixed_frame,
                "Frame Rate": 30,
            },
            "Name": "root",
            "Tools": [
                {"Class": f"{PLUGINS}/{tool}"}
                for tool in ("Interact", "MoveCamera", "Select", "Measure")
            ],
            "Value": True,
            "Views": {"Current": _view(), "Saved": None},
        },
        "Window Geometry": {"Displays": {"collapsed": False}, "Height": 900, "Width": 1400},
    }
    return yaml.safe_dump(config, sort_keys=False, allow_unicode=True)


def _is_understood(camera: ShownCamera) -> bool:
    """Whether the Image display subscribes to the topic with its type: it takes the transport
    from the end of the topic's name, and knows no video."""
    is_named = camera.topic.endswith(COMPRESSED_ENDING)
    return camera.type_name == (COMPRESSED_IMAGE if is_named else IMAGE)


def _of(arm: str, name: str) -> str:
    return f"{name}, {arm}" if arm else name


def _display(kind: str, name: str, topic: str, reliability: str = "Reliable") -> dict[str, Any]:
    return {
        "Class": f"{PLUGINS}/{kind}",
        "Name": name,
        "Enabled": True,
        "Topic": _subscription(topic, reliability, "Volatile"),
    }


def _subscription(topic: str, reliability: str, durability: str) -> dict[str, Any]:
    return {
        "Value": topic,
        "Depth": 1,
        "History Policy": "Keep Last",
        "Reliability Policy": reliability,
        "Durability Policy": durability,
    }


def _grid() -> dict[str, Any]:
    return {
        "Class": f"{PLUGINS}/Grid",
        "Name": "Grid",
        "Enabled": True,
        "Cell Size": 0.1,
        "Plane Cell Count": 20,
        "Reference Frame": "<Fixed Frame>",
    }


def _robot(topic: str) -> dict[str, Any]:
    return {
        "Class": f"{PLUGINS}/RobotModel",
        "Name": "Robot",
        "Enabled": True,
        "Description Source": "Topic",
        "Description Topic": _subscription(topic, "Reliable", "Transient Local"),
    }


def _view() -> dict[str, Any]:
    return {
        "Class": f"{PLUGINS}/Orbit",
        "Name": "Current View",
        "Distance": 1.8,
        "Focal Point": {"X": 0.4, "Y": 0, "Z": 0.25},
        "Pitch": 0.5,
        "Yaw": -0.8,
    }
