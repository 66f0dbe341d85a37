"""Where the pose of the hand comes from: a topic, transforms, or the joints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from groot_ros.files.typed import FileSection, Finite, Misfit, numbers, text
from groot_ros.robot.stream_time import STATE_MAX_AGE_S, StateStreamKeys, StreamTime
from groot_ros.robot.topic import TOPIC, Topic
from groot_ros.signals.kinds import POSE, Kind

TF, TF_STATIC = "/tf", "/tf_static"
UrdfPath = Annotated[str, text("the path of a URDF file")]


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


class FixedPose(FileSection, frozen=True, kw_only=True):
    """A pose by `xyz` in m and a unit quaternion; none moves or turns."""

    xyz: Annotated[tuple[Finite, ...], numbers("m", 3)] = (0.0, 0.0, 0.0)
    quat_wxyz: Annotated[tuple[Finite, ...], numbers("1", 4)] = (1.0, 0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        if abs(sum(number * number for number in self.quat_wxyz) - 1.0) > 1e-3:
            raise Misfit("has another length than 1", "quat_wxyz")

    @property
    def pose(self) -> tuple[float, ...]:
        """The pose (7,)."""
        return (*self.xyz, *self.quat_wxyz)


class PoseKeys(StateStreamKeys, frozen=True, kw_only=True):
    """The pose of the hand by `topic`, `tf` or `fk`; see PoseStream."""

    topic: Topic | None = None
    tf: Annotated[str, text("the frame of the hand")] | None = None
    fk: Annotated[str, text("the link of the hand")] | None = None
    link: Annotated[str, text("the link whose pose it is")] | None = None
    """Of a topic."""
    urdf: UrdfPath | None = None
    """Of fk."""
    tool: FixedPose | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        ways = [key for key in ("topic", "tf", "fk") if getattr(self, key)]
        if not ways:
            raise Misfit(f"is missing, expected {TOPIC}, or one of tf and fk", "topic")
        if len(ways) > 1:
            raise Misfit(f"is there beside {ways[0]}, expected one of topic, tf, fk", ways[1])
        for key, way in (("link", "topic"), ("urdf", "fk")):
            if getattr(self, key) and ways != [way]:
                raise Misfit(f"is there beside {ways[0]}, expected it beside {way} alone", key)

    def stream(self, joint_topic: str) -> PoseStream:
        """The stream; `joint_topic` is that of the joints, by which `fk` finds it."""
        rest: dict[str, Any] = {
            "max_age_s": self.max_age,
            "time": self.time,
            "tool": self.tool.pose if self.tool else None,
        }
        if self.tf:
            return TransformStream(link=self.tf, **rest)
        if self.fk:
            return ComputedPose(joint_topic, link=self.fk, urdf=self.urdf or "", **rest)
        return PoseStream(self.topic or "", link=self.link or "", **rest)
