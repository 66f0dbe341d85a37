"""Texts of message types as ROS packages install them, .srv and .action files included."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from groot_ros.share import share_file

SECTION_LINE = "---"
# A field whose type is of the same package, which means that package's folder msg/.
OWN_TYPE = re.compile(r"^([A-Z]\w*)(?=[\[\s])", re.MULTILINE)
# What rosidl makes out of a .srv file beside request and response, and out of an .action file
# beside goal, result and feedback. `{}` is the service's or action's whole name.
SERVICE_EVENT = """\
service_msgs/ServiceEventInfo info
{0}_Request[<=1] request
{0}_Response[<=1] response
"""
GOAL_ID = "unique_identifier_msgs/UUID goal_id\n"
ACTION_PARTS = {
    "FeedbackMessage": GOAL_ID + "{0}_Feedback feedback\n",
    "SendGoal_Request": GOAL_ID + "{0}_Goal goal\n",
    "SendGoal_Response": "bool accepted\nbuiltin_interfaces/Time stamp\n",
    "SendGoal_Event": SERVICE_EVENT.replace("{0}", "{0}_SendGoal"),
    "GetResult_Request": GOAL_ID,
    "GetResult_Response": "int8 status\n{0}_Result result\n",
    "GetResult_Event": SERVICE_EVENT.replace("{0}", "{0}_GetResult"),
}
SECTIONS = {"srv": ("Request", "Response"), "action": ("Goal", "Result", "Feedback")}


@dataclass(frozen=True, kw_only=True)
class InterfaceText:
    """The fields of a message type, and the file that its package installs them in."""

    text: str
    file: Path


def find_text(message_type: str) -> InterfaceText | None:
    """Text of a type such as `sensor_msgs/msg/Image`, `std_srvs/srv/SetBool_Event` or
    `control_msgs/action/GripperCommand_FeedbackMessage`; None where its package is not installed.

    Read from the `share` folders in AMENT_PREFIX_PATH; this project's own are there without ROS.
    """
    package, kind, name = message_type.split("/")
    if kind == "msg":
        file = _find_file(package, kind, f"{name}.msg")
        return InterfaceText(text=file.read_text(), file=file) if file else None
    interface, _, part = name.partition("_")
    file = _find_file(package, kind, f"{interface}.{kind}")
    if file is None:
        return None
    if part in (sections := SECTIONS[kind]):
        text = OWN_TYPE.sub(rf"{package}/\1", _section(file.read_text(), sections.index(part)))
    elif pattern := SERVICE_EVENT if kind == "srv" else ACTION_PARTS.get(part):
        text = pattern.format(f"{package}/{kind}/{interface}")
    else:
        return None
    return InterfaceText(text=text, file=file)


def _find_file(package: str, kind: str, name: str) -> Path | None:
    for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep):
        if prefix and (path := Path(prefix, "share", package, kind, name)).is_file():
            return path
    with suppress(FileNotFoundError):
        return share_file(f"{package}/{kind}/{name}")
    return None


def _section(text: str, index: int) -> str:
    sections: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.strip() == SECTION_LINE:
            sections.append([])
        else:
            sections[-1].append(line)
    return "\n".join([*sections[index], ""])
