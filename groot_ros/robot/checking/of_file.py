"""A robot file by itself."""

from __future__ import annotations

from collections.abc import Iterator

from groot_ros.errors import UserError
from groot_ros.observation.named_topics import named_topics
from groot_ros.robot.checking.activation import check_activation, unwatched
from groot_ros.robot.checking.description import description_findings
from groot_ros.robot.checking.finding import Finding
from groot_ros.robot.checking.units import unit_findings
from groot_ros.robot.config import RobotConfig
from groot_ros.robot.labels import GripLabel
from groot_ros.robot.pose_stream import TF, TF_STATIC
from groot_ros.robot.urdf import load_urdf
from groot_ros.signals.signals import GRIP


def file_findings(robot: RobotConfig) -> list[Finding]:
    """All that is wrong or doubtful without a running robot."""
    return [finding for arm in robot.each_arm for finding in _of_arm(arm)] + list(
        _providers(robot)
    )


def _of_arm(robot: RobotConfig) -> Iterator[Finding]:
    try:
        check_activation(robot)
    except UserError as error:
        yield Finding("limits", str(error))
    if sentence := unwatched(robot):
        yield Finding("limits.points", sentence, is_doubt=True)
    yield from unit_findings(robot)
    yield from _reversed(robot)
    if not robot.urdf:
        yield Finding(
            "urdf",
            "is missing: nothing here can be compared with the arm's description; name a file",
            is_doubt=True,
        )
        return
    try:
        urdf = load_urdf(robot.urdf)
    except UserError as error:
        yield Finding("urdf", str(error))
        return
    yield from description_findings(robot, urdf)


def _reversed(robot: RobotConfig) -> Iterator[Finding]:
    """A gripper that is measured and commanded by the same joint, the other way round."""
    grip, label = robot.observations.grip, robot.labels.get(GRIP.name)
    if grip is None or not isinstance(label, GripLabel) or not label.joint:
        return
    if label.joint == grip.joint and (label.open < label.closed) != (grip.open < grip.closed):
        yield Finding(
            f"{label.key}.open",
            f"is {label.open:g} and closed {label.closed:g}, the other way round than "
            f"observations.grip with {grip.open:g} and {grip.closed:g} for the same joint: swap "
            "one of them",
        )


def topics_of(robot: RobotConfig) -> dict[str, str]:
    """The topics and actions that a robot file names, with the key of one place each."""
    found: dict[str, str] = {}
    for named in named_topics(robot):
        found.setdefault(named.topic, f"{named.key}.topic")
    return found


def _providers(robot: RobotConfig) -> Iterator[Finding]:
    """Topics at whose other end nobody is known to be, where the file names its drivers."""
    known = {topic for topics in robot.providers.values() for topic in topics}
    known |= {TF, TF_STATIC}
    topics = topics_of(robot)
    for topic, key in topics.items() if robot.providers else ():
        if topic not in known:
            yield Finding(
                key,
                f"is {topic}, which nobody below `providers` offers: add it to the driver that "
                "does, or name one that a driver has",
            )
    for driver, offered in robot.providers.items():
        if unused := [topic for topic in offered if topic not in topics]:
            yield Finding(
                f"providers.{driver}",
                f"names {', '.join(unused)}, which the file does not use: remove it",
                is_doubt=True,
            )
