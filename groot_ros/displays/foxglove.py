"""A layout of Foxglove for a robot: scene, cameras, ages and rates, the executor's state.

The format is the layout that foxglove-sdk 0.30 writes (`foxglove.layouts`, version 1), which the
application imports from a file: https://docs.foxglove.dev/docs/visualization/layouts
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from groot_ros.displays.shown import Shown, ShownCamera
from groot_ros.robot.topic import absolute

Content = dict[str, Any]

AGES = ("observation_age", "model_time", "queue_time")
"""Fields of ChunkReport in s that a user watches first."""
WINDOW_S = 30


def foxglove_layout(shown: Shown) -> str:
    """JSON text of a layout; topics without a namespace are those of the root."""
    state = absolute(shown.state)
    numbers = [
        _plot("Ages [s]", [f"{absolute(shown.report)}.{field}" for field in AGES]),
        _plot("Command rate [Hz]", [f"{state}.command_rate"]),
        _turns([f"{state}.activity", f"{state}.control", f"{state}.stop_reason"]),
    ]
    notices = [
        _panel("RawMessages", "Executor", {"topicPath": state}),
        _panel("DiagnosticsSummary", "Diagnostics", {"topicToRender": "/diagnostics"}),
    ]
    cameras = [_camera(name, camera) for name, camera in shown.cameras.items()]
    right = _split("column", [_split("row", cameras), *numbers] if cameras else numbers)
    left = _split("column", [_scene(shown), _split("row", notices)], shares=(2, 1))
    layout = {"version": 1, "content": _split("row", [left, right])}
    return json.dumps(layout, indent=2, ensure_ascii=False) + "\n"


def _panel(kind: str, title: str, config: Mapping[str, Any]) -> Content:
    return {
        "type": "panel",
        "panelType": kind,
        "title": title,
        "version": 1,
        "config": dict(config),
    }


def _split(direction: str, contents: Sequence[Content], shares: Sequence[int] = ()) -> Content:
    items = [
        {"proportion": share, "content": content}
        for content, share in zip(contents, shares or [1] * len(contents), strict=True)
    ]
    return {"type": "split", "direction": direction, "items": items}


def _scene(shown: Shown) -> Content:
    topics: dict[str, Any] = {
        absolute(topic): {"visible": True, "type": "axis", "axisScale": 0.03}
        for topic in shown.chunk_poses.values()
    }
    topics[absolute(shown.markers)] = {"visible": True}
    topics[absolute(shown.description)] = {"visible": True}
    if shown.setpoint:
        topics[absolute(shown.setpoint)] = {"visible": True, "type": "axis", "axisScale": 0.08}
    return _panel(
        "ThreeDee",
        "Scene",
        {"fixedFrame": shown.fixed_frame, "followTf": shown.fixed_frame, "topics": topics},
    )


def _camera(name: str, camera: ShownCamera) -> Content:
    """As the policy sees it, but for a crop."""
    view = camera.stream.view
    mode: dict[str, Any] = {
        "imageTopic": absolute(camera.topic),
        "rotation": view.rotate_deg,
        "flipHorizontal": view.mirror,
    }
    return _panel("Image", f"Camera {name}", {"imageMode": mode})


def _plot(title: str, paths: Sequence[str]) -> Content:
    return _panel(
        "Plot",
        title,
        {
            "paths": [{"value": path, "enabled": True, "label": _field(path)} for path in paths],
            "timeWindowMode": "sliding",
            "followingViewWidth": WINDOW_S,
            "showLegend": True,
        },
    )


def _turns(paths: Sequence[str]) -> Content:
    series = [{"value": path, "enabled": True, "label": _field(path)} for path in paths]
    return _panel("StateTransitions", "Who moves the robot", {"paths": series, "isSynced": True})


def _field(path: str) -> str:
    return path.rpartition(".")[2].replace("_", " ")
