"""Where a robot's signals come from, besides pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from groot_ros.files.typed import Misfit, Names, text, whole
from groot_ros.robot.opening import Opening, OpeningKeys
from groot_ros.robot.stream_time import STATE_MAX_AGE_S, MaxAge, StateStreamKeys, StreamTime
from groot_ros.robot.topic import Topic
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
Index = Annotated[int, whole(0, MOST_NUMBERS)]
VectorType = Literal["wrench", "twist", "effort", "velocity", "array"]


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


class JointKeys(StateStreamKeys, frozen=True, kw_only=True):
    """The joints of an arm; see JointStream."""

    topic: Topic
    joints: Names

    @property
    def stream(self) -> JointStream:
        return JointStream(self.topic, tuple(self.joints), self.max_age, self.time)


class GripKeys(OpeningKeys, frozen=True, kw_only=True):
    """How far a gripper is closed; see GripStream."""

    topic: Topic
    joint: Annotated[str, text("a joint name")] | None = None
    index: Index | None = None
    max_age: MaxAge = STATE_MAX_AGE_S

    @property
    def is_stamped(self) -> bool:
        return self.joint is not None

    @property
    def stream(self) -> GripStream:
        return GripStream(
            topic=self.topic,
            joint=self.joint,
            open=self.open,
            closed=self.closed,
            max_age_s=self.max_age,
            time=self.time,
            index=self.index,
        )


class VectorKeys(StateStreamKeys, frozen=True, kw_only=True):
    """Another signal; see VectorStream. Arrays have `names`, efforts and velocities `joints`."""

    topic: Topic
    type: VectorType = "wrench"
    names: Names | None = None
    joints: Names | None = None

    @property
    def is_stamped(self) -> bool:
        return self.type != ARRAY

    def __post_init__(self) -> None:
        super().__post_init__()
        for key, is_asked in (("names", self.type == ARRAY), ("joints", self.type in OF_JOINTS)):
            is_there = getattr(self, key) is not None
            if is_there and not is_asked:
                raise Misfit(f"is not a key of a signal of type {self.type}", key)
            if is_asked and not is_there:
                raise Misfit("is missing, expected a list of names", key)

    @property
    def stream(self) -> VectorStream:
        names = VECTOR_NAMES[self.type] or tuple(self.names or self.joints or ())
        return VectorStream(
            topic=self.topic, type=self.type, names=names, max_age_s=self.max_age, time=self.time
        )
