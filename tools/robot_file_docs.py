"""Prints docs/robot_file.md: what the readers of a robot file ask for, and what their types say.

The readers read a few files that have every key; a Section that notes what is asked of it gives
keys, kinds, units and ranges, so that the page cannot say anything else than the code.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

import yaml

from groot_ros.robot import config
from groot_ros.robot.camera_stream import CameraStream
from groot_ros.robot.commands import Commands, GripCommand
from groot_ros.robot.labels import GripLabel, JointLabel, PoseLabel
from groot_ros.robot.lag import Lag
from groot_ros.robot.limits import Following, Limits, OrientationLimit, PointDistance, WatchedPoint
from groot_ros.robot.operator import Button, Operator
from groot_ros.robot.output import Output, ToolKinematics
from groot_ros.robot.pose_stream import PoseStream
from groot_ros.robot.robot import RobotConfig
from groot_ros.robot.section import Section
from groot_ros.robot.streams import GripStream, JointStream, VectorStream
from groot_ros.share import share_file

EXAMPLES = Path(__file__).with_name("robot_file_examples.yaml")
# Sections whose keys a user names, as they are shown.
NAMED = {
    "cameras": "NAME",
    "signals": "NAME",
    "points": "NAME",
    "arms": "ARM",
    "distances": "NAME",
    "providers": "DRIVER",
}
# Places with the same keys: of a file with arms cameras stand at its top.
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
    "output.kinematics": ToolKinematics,
    "limits": Limits,
    "limits.points.NAME": WatchedPoint,
    "limits.orientation": OrientationLimit,
    "limits.following": Following,
    "limits.distances.NAME": PointDistance,
    "lag": Lag,
}
KINDS = {
    "topic": "topic",
    "boolean": "true or false",
    "names": "list of names",
    "texts": "list of texts",
    "text": "text",
    "section": "section",
    "part": "section",
    "items": "list of sections",
}
INTRODUCTION = """# The robot file

One YAML file describes a robot to every node and to the converter. Files that ship are in
[config/robots](../config/robots); [your robot](your_robot.md) says how to have one drafted and
checked. This page is made from the types and their readers. SI units, radians; a key that is
not listed is refused. Of two arms and more everything of an arm stands below `arms.ARM`, with
the same sections as here, and `cameras`, `signals` and `limits.distances` stand at the top.
`output.grip` has the keys of `commands.grip`, the topics of `operator` those of `labels`. A file
of a single arm needs `robot`, `base_frame`, `observations` and `output`."""


@dataclass
class Key:
    """What a key takes, and whether it may be missing."""

    kinds: list[str] = field(default_factory=list)
    is_optional: bool = False


Asked = dict[str, dict[str, Key]]
"""By place and key."""


class NotingSection(Section):
    """A section that notes what is asked of it, by its place."""

    asked: ClassVar[Asked]
    is_inside: ClassVar[bool] = False
    """Whether a reader is at work: what it asks itself is no news."""

    def __contains__(self, key: str) -> bool:
        if not NotingSection.is_inside:
            self._key(key).is_optional = True
        return super().__contains__(key)

    def _key(self, key: str) -> Key:
        return self.asked.setdefault(shown_place(self._path), {}).setdefault(key, Key())

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in READERS or NotingSection.is_inside:
            return found

        def asked(key: str, *args: Any, **given: Any) -> Any:
            bound = inspect.signature(found).bind(key, *args, **given)
            bound.apply_defaults()
            noted = self._key(key)
            noted.is_optional |= name == "part"
            if (kind := kind_of(name, bound.arguments)) not in noted.kinds:
                noted.kinds.append(kind)
            NotingSection.is_inside = True
            try:
                return found(key, *args, **given)
            finally:
                NotingSection.is_inside = False

        return asked


READERS = (
    *KINDS,
    "choice",
    "number",
    "integer",
    "integers",
    "positive",
    "numbers",
    "number_or_numbers",
)


def kind_of(reader: str, given: Mapping[str, Any]) -> str:
    """What a reader takes, in words."""
    if reader == "choice":
        return "one of " + ", ".join(f"`{name}`" for name in given["allowed"])
    if reader in ("integer", "integers"):
        many = "list of whole numbers" if reader == "integers" else "whole number"
        return f"{many}, {given['low']} to {given['high']}"
    if reader == "positive":
        return f"number above 0 in {given['unit']}"
    if reader == "number":
        low, high = given["low"], given["high"]
        borders = f", {low:g} to {high:g}" if abs(low) < 1e12 and abs(high) < 1e12 else ""
        return f"number in {given['unit']}{borders}"
    if reader == "numbers":
        return f"list of numbers in {given['unit']}"
    if reader == "number_or_numbers":
        return f"number in {given['unit']}, or a list of some"
    if reader == "text" and given.get("expected", "a text") != "a text":
        return str(given["expected"])
    return KINDS[reader]


def shown_place(path: str) -> str:
    """A place with what a user names in capitals, arms as if the file had one."""
    parts = path.split(".") if path else []
    for index, part in enumerate(parts[:-1]):
        if part in NAMED:
            parts[index + 1] = NAMED[part]
    place = ".".join(parts)
    place = "" if place == "arms.ARM" else place.removeprefix("arms.ARM.")
    return SAME.get(place, place)


def noted() -> Asked:
    """What the readers ask for, by place and key."""
    NotingSection.asked = {}
    with mock.patch.object(config, "Section", NotingSection):
        for values in examples():
            config.parse_robot(values, "example.yaml")
    return NotingSection.asked


def examples() -> Iterator[Any]:
    """Files that together have every key."""
    for changes in yaml.safe_load_all(EXAMPLES.read_text()):
        robot = share_file(f"config/robots/{changes.pop('of')}.yaml")
        yield merged(yaml.safe_load(robot.read_text()), changes)


def merged(values: Any, changes: Any) -> Any:
    """Mappings with the changes in them; null takes a key away."""
    for key, value in changes.items():
        if value is None:
            values.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(values.get(key), dict):
            merged(values[key], value)
        else:
            values[key] = value
    return values


def page() -> str:
    """The whole page."""
    lines = [INTRODUCTION]
    for place, keys in sorted(noted().items(), key=lambda item: order(item[0])):
        shown = {k: key for k, key in keys.items() if place.rpartition(".")[2] not in NAMED}
        if not shown:
            continue
        lines += ["", f"## {f'`{place}`' if place else 'The file'}", ""]
        if place in TYPES:
            lines += [plain(inspect.getdoc(TYPES[place]) or ""), ""]
        lines += ["| key | value | must be there |", "|---|---|---|"]
        lines += [
            f"| `{name}` | {' or '.join(key.kinds)} | {'' if key.is_optional else 'yes'} |"
            for name, key in shown.items()
        ]
    return "\n".join(lines) + "\n"


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
