"""Where a robot's signals come from, besides pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from groot_ros.robot.opening import Opening, read_open_closed
from groot_ros.robot.section import Section
from groot_ros.robot.stream_time import STATE_MAX_AGE_S, StreamTime, read_max_age_s, read_time
from groot_ros.signals.kinds import CLOSURE, JOINTS, VECTOR, Kind

# What vectors are told by, and the names of their numbers; empty where the file names them.
WRENCH, TWIST, EFFORT, VELOCITY, ARRAY = "wrench", "twist", "effort", "velocity", "array"
VECTOR_NAMES: Mapping[str, tuple[str, ...]] = {
    WRENCH: tuple(f"{part}_{axis}" for part in ("force", "torque") for axis in "xyz"),
    TWIST: tuple(f"{part}_{axis}" for part in ("linear", "angular") for axis in "xyz"),
    EFFORT: (),
    VELOCITY: (),
    ARRAY: (),
}
OF_JOINTS = (EFFORT, VELOCITY)
# Of an array.
MOST_NUMBERS = 1024


@dataclass(frozen=True)
class JointStream:
    """Arm joints out of a JointState topic, in the order that the codec uses."""

    kind: ClassVar[Kind] = JOINTS
    topic: str
    joints: tuple[str, ...]
    max_age_s: float = STATE_MAX_AGE_S
    time: StreamTime = StreamTime()

    @property
    def names(self) -> tuple[str, ...]:
        return self.joints


@dataclass(frozen=True)
class GripStream(Opening):
    """Gripper position: a joint of a JointState topic, or where `joint` is None a number, a Bool
    or the number at `index` of an array, None of one that holds nothing else.

    `open` and `closed` are the raw values that mean closure 0 and 1.
    """

    kind: ClassVar[Kind] = CLOSURE
    names: ClassVar[tuple[str, ...]] = ()
    topic: str
    joint: str | None
    open: float
    closed: float
    max_age_s: float = STATE_MAX_AGE_S
    time: StreamTime = StreamTime()
    index: int | None = None


@dataclass(frozen=True)
class VectorStream:
    """Numbers that are observed only, by `names`: a wrench, a twist, efforts or velocities of
    joints, an array; `type`, a key of VECTOR_NAMES, says which."""

    kind: ClassVar[Kind] = VECTOR
    topic: str
    type: str
    names: tuple[str, ...]
    max_age_s: float = STATE_MAX_AGE_S
    time: StreamTime = StreamTime()


def read_joints(parent: Section) -> JointStream:
    section = parent.section("joint_position")
    stream = JointStream(
        topic=section.topic("topic"),
        joints=section.names("joints"),
        max_age_s=read_max_age_s(section, STATE_MAX_AGE_S),
        time=read_time(section),
    )
    section.finish()
    return stream


def read_index(section: Section) -> int | None:
    """Which number of an array it is; None of one that holds nothing else."""
    return section.integer("index", 0, MOST_NUMBERS) if "index" in section else None


def read_grip(section: Section) -> GripStream:
    opened, closed = read_open_closed(section)
    stream = GripStream(
        topic=section.topic("topic"),
        joint=section.text("joint", "a joint name") if "joint" in section else None,
        open=opened,
        closed=closed,
        max_age_s=read_max_age_s(section, STATE_MAX_AGE_S),
        time=read_time(section, is_stamped="joint" in section),
        index=read_index(section),
    )
    section.finish()
    return stream


def read_vector(section: Section) -> VectorStream:
    kind = section.choice("type", tuple(VECTOR_NAMES)) if "type" in section else WRENCH
    stream = VectorStream(
        topic=section.topic("topic"),
        type=kind,
        names=VECTOR_NAMES[kind] or section.names("joints" if kind in OF_JOINTS else "names"),
        max_age_s=read_max_age_s(section, STATE_MAX_AGE_S),
        time=read_time(section, is_stamped=kind != ARRAY),
    )
    section.finish()
    return stream
