"""Prints docs/robot_file.md: the keys of a robot file by their types, and what these say.

An error of a reader and this page take their words from the same types, so that the page cannot
say anything else than the code.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args, get_origin

from msgspec import Struct

from groot_ros.files.expected import expected, is_section, metas, options, unwrapped
from groot_ros.files.typed import Field, section_fields
from groot_ros.robot.arm_keys import ArmsKeys, RobotKeys
from groot_ros.robot.camera_stream import CameraStream
from groot_ros.robot.commands import Commands, GripCommand
from groot_ros.robot.labels import GripLabel, JointLabel, PoseLabel
from groot_ros.robot.lag import Lag
from groot_ros.robot.limits import Following, Limits, OrientationLimit, PointDistance, WatchedPoint
from groot_ros.robot.operator import Button, Operator
from groot_ros.robot.output import Home, Output, ToolKinematics
from groot_ros.robot.pose_stream import PoseStream
from groot_ros.robot.robot import RobotConfig
from groot_ros.robot.streams import GripStream, JointStream, VectorStream

# Places with the same keys, shown once.
SAME = {
    "cameras.NAME": "observations.cameras.NAME",
    "output.grip": "commands.grip",
    "operator.joint_position": "labels.joint_position",
    "operator.ee_pose": "labels.ee_pose",
    "operator.grip": "labels.grip",
}
TYPES: Mapping[str, type] = {
    "": RobotConfig,
    "observations.joint_position": JointStream,
    "observations.ee_pose": PoseStream,
    "observations.grip": GripStream,
    "observations.cameras.NAME": CameraStream,
    "signals.NAME": VectorStream,
    "labels.joint_position": JointLabel,
    "labels.ee_pose": PoseLabel,
    "labels.grip": GripLabel,
    "commands": Commands,
    "commands.grip": GripCommand,
    "operator": Operator,
    "operator.button": Button,
    "output": Output,
    "home": Home,
    "output.kinematics": ToolKinematics,
    "limits": Limits,
    "limits.points.NAME": WatchedPoint,
    "limits.orientation": OrientationLimit,
    "limits.following": Following,
    "limits.distances.NAME": PointDistance,
    "lag": Lag,
}
INTRODUCTION = """# The robot file

One YAML file describes a robot to every node and to the converter. Files that ship are in
[config/robots](../config/robots); [your robot](your_robot.md) says how to have one drafted and
checked. This page is made from the types that read them. SI units, radians; a key that is
not listed is refused. Of two arms and more everything of an arm stands below `arms.ARM`, with
the same sections as here, and `cameras`, `signals` and `limits.distances` stand at the top.
`output.grip` has the keys of `commands.grip`, the topics of `operator` those of `labels`. A file
of a single arm needs `robot`, `base_frame`, `observations` and `output`."""


Keys = dict[str, Field]


def asked() -> dict[str, Keys]:
    """The keys of a robot file by their place, arms as if the file had one."""
    found: dict[str, Keys] = {}
    for kind in (RobotKeys, ArmsKeys):
        for place, keys in sections(kind, ""):
            known = found.setdefault(SAME.get(place, place), {})
            known.update({key: field for key, field in keys.items() if key not in known})
    return found


def sections(kind: type[Struct], place: str) -> Iterator[tuple[str, Keys]]:
    """The keys of a type of section and of those below it; what a user names is NAME."""
    keys = {field.key: field for field in section_fields(kind)}
    yield place, keys
    for key, field in keys.items():
        below = f"{place}.{key}" if place else key
        for option in options(unwrapped(field.type)):
            if get_origin(option) is dict and is_section(get_args(option)[1]):
                named = "" if key == "arms" else f"{below}.NAME"
                yield from sections(get_args(option)[1], named)
            elif is_section(option):
                yield from sections(option, below)


def value(kind: Any) -> str:
    """What a key takes, in words."""
    short = [meta.extra["short"] for meta in metas(kind) if meta.extra and "short" in meta.extra]
    if short:
        return str(short[0])
    several = options(unwrapped(kind))
    if len(several) > 1 or several != [unwrapped(kind)]:
        return " or ".join(map(value, several))
    if get_origin(several[0]) is Literal:
        return "one of " + ", ".join(f"`{name}`" for name in get_args(several[0]))
    if get_origin(several[0]) is dict:
        return "section of names" if is_section(get_args(several[0])[1]) else "section"
    return "section" if is_section(several[0]) else re.sub(r"^an? ", "", expected(kind))


def page() -> str:
    """The whole page."""
    lines = [INTRODUCTION]
    for place, keys in sorted(asked().items(), key=lambda item: order(item[0])):
        lines += ["", f"## {f'`{place}`' if place else 'The file'}", ""]
        if place in TYPES:
            lines += [plain(inspect.getdoc(TYPES[place]) or ""), ""]
        lines += ["| key | value | must be there |", "|---|---|---|"]
        lines += [
            f"| `{key}` | {value(field.type)} | {when(place, key) if field.required else ''} |"
            for key, field in sorted(keys.items(), key=lambda item: not item[1].required)
        ]
    return "\n".join(lines) + "\n"


def when(place: str, key: str) -> str:
    """Of which files a key must be there."""
    is_of_all = place or key in RobotKeys.__struct_fields__
    return "yes" if is_of_all else "of several arms"


def order(place: str) -> tuple[int, str]:
    """The order of the page: as TYPES names places, others beside those that they are part of."""
    known = list(TYPES)
    while place not in known and "." in place:
        place = place.rpartition(".")[0]
    first = place.partition(".")[0]
    tops = [name.partition(".")[0] for name in known]
    return (tops.index(first) if first in tops else 0, place)


def plain(text: str) -> str:
    """A docstring as a paragraph of Markdown."""
    return re.sub(r"(?<!\n)\n(?!\n)", " ", text)


if __name__ == "__main__":
    sys.stdout.write(page())
