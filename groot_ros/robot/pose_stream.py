"""Where the pose of the hand comes from: a topic, transforms, or the joints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from groot_ros.robot.section import TOPIC, Section
from groot_ros.robot.stream_time import STATE_MAX_AGE_S, StreamTime, read_max_age_s, read_time
from groot_ros.signals.kinds import POSE, Kind

TF, TF_STATIC = "/tf", "/tf_static"


@dataclass(frozen=True)
class PoseStream:
    """Pose of the hand in the base frame: a PoseStamped, TransformStamped or Odometry topic.

    `link` is whose pose it is, empty where the file does not say; `tool` (7,) moves it, in that
    link, None where nothing does.
    """

    kind: ClassVar[Kind] = POSE
    names: ClassVar[tuple[str, ...]] = ()
    topic: str
    max_age_s: float = STATE_MAX_AGE_S
    time: StreamTime = StreamTime()
    link: str = ""
    tool: tuple[float, ...] | None = None


@dataclass(frozen=True)
class TransformStream(PoseStream):
    """The pose of `link` out of the transforms of /tf and /tf_static."""

    topic: str = TF


@dataclass(frozen=True)
class ComputedPose(PoseStream):
    """The pose of `link` by the joints, whose topic it is, and the description `urdf`, or the one
    that the file names at its top where that is empty."""

    urdf: str = ""


def read_pose(section: Section, joint_topic: str) -> PoseStream:
    """Of a section with `topic`, `tf` or `fk`; `joint_topic` is that of the joints, if any."""
    ways = [key for key in ("topic", "tf", "fk") if key in section]
    if not ways:
        raise section.error("topic", f"is missing, expected {TOPIC}, or one of tf and fk")
    if len(ways) > 1:
        raise section.error(ways[1], f"is there beside {ways[0]}, expected one of topic, tf, fk")
    rest: dict[str, Any] = {
        "max_age_s": read_max_age_s(section, STATE_MAX_AGE_S),
        "time": read_time(section),
        "tool": _tool(section.section("tool")) if "tool" in section else None,
    }
    stream: PoseStream
    if ways == ["tf"]:
        stream = TransformStream(link=section.text("tf", "the frame of the hand"), **rest)
    elif ways == ["fk"]:
        if not joint_topic:
            raise section.error("fk", "needs observations.joint_position, by which it is found")
        urdf = section.text("urdf", "the path of a URDF file") if "urdf" in section else ""
        link = section.text("fk", "the link of the hand")
        stream = ComputedPose(joint_topic, link=link, urdf=urdf, **rest)
    else:
        link = section.text("link", "the link whose pose it is") if "link" in section else ""
        stream = PoseStream(section.topic("topic"), link=link, **rest)
    section.finish()
    return stream


def _tool(section: Section) -> tuple[float, ...]:
    tool = section.pose()
    section.finish()
    return tool
