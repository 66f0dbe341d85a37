"""The programs that a robot can be looked at with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from groot_ros.displays.foxglove import foxglove_layout
from groot_ros.displays.rviz import rviz_config
from groot_ros.displays.shown import Shown, shown
from groot_ros.files.whole_file import write_whole
from groot_ros.robot.robot import RobotConfig

DISPLAYS: Mapping[str, Callable[[Shown], str]] = {
    "rviz": rviz_config,
    "foxglove": foxglove_layout,
}
"""What makes the text of a file for it."""


def write_display(robot: RobotConfig, display: str, path: Path, namespace: str = "") -> None:
    """Write the file that one of `DISPLAYS` is told by what to show of a robot.

    Args:
        robot: as its file describes it.
        display: a key of `DISPLAYS`.
        path: what is there is replaced.
        namespace: of the launch, before every relative topic.
    """
    write_whole(path, DISPLAYS[display](shown(robot, namespace)))
