"""Topics on which a robot is commanded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from groot_ros.files.typed import FileSection, Misfit, positive, text, whole
from groot_ros.robot.opening import Opening, OpeningKeys
from groot_ros.robot.stream_time import ARRIVAL, StreamTime, TimeKeys
from groot_ros.robot.topic import TOPIC, Topic

FLOAT64, FLOAT32, BOOL, ARRAY = "float64", "float32", "bool", "array"
GRIPPER_COMMAND, TRAJECTORY = "gripper_command", "trajectory"
MOST_JOINTS = 100
GripType = Literal["float64", "float32", "bool", "array", "gripper_command", "trajectory"]
JointName = Annotated[str, text("the gripper's joint name")]


@dataclass(frozen=True)
class GripCommand(Opening):
    """Gripper command; `open` and `closed` are the values for closure 0 and 1.

    type float64, float32, bool and array (of one number) are topics of that type, gripper_command
    an action of control_msgs with `max_effort` in N, trajectory the channel `joint` of a joint
    trajectory. Without a topic it is a joint of the arm's trajectory, or the number at `index` of
    the arm's array, before or behind its joints.
    """

    topic: str
    open: float
    closed: float
    type: str = FLOAT64
    joint: str = ""
    max_effort: float = 0.0
    time: StreamTime = StreamTime(ARRIVAL)
    key: str = "commands.grip"
    """Its place in the robot file."""
    index: int = 0

    @property
    def is_of_arm(self) -> bool:
        """Whether the arm's own messages hold it."""
        return not self.topic


@dataclass(frozen=True)
class Commands:
    """Topics that move the robot: what the executor sends, and what a demonstrator asked for where
    the file has no labels beside them."""

    ee_pose: str | None = None
    joint_position: str | None = None
    grip: GripCommand | None = None
    twist: str | None = None
    ee_pose_time: StreamTime = StreamTime()
    """Of the commanded poses of a bag."""

    @property
    def topics(self) -> dict[str, str]:
        """The arm's command topics by their keys, without the gripper's."""
        of_arm = {
            "ee_pose": self.ee_pose,
            "joint_position": self.joint_position,
            "twist": self.twist,
        }
        return {key: topic for key, topic in of_arm.items() if topic}


class TopicKeys(FileSection, frozen=True, kw_only=True):
    """A topic of commands."""

    topic: Topic


class PoseCommandKeys(TimeKeys, frozen=True, kw_only=True):
    """A topic of poses that the arm goes to."""

    topic: Topic


class GripCommandKeys(OpeningKeys, frozen=True, kw_only=True):
    """How a gripper is commanded; see GripCommand."""

    topic: Topic | None = None
    type: GripType = "float64"
    joint: JointName | None = None
    """Of a trajectory."""
    max_effort: Annotated[float, positive("N")] | None = None
    index: Annotated[int, whole(0, MOST_JOINTS)] | None = None
    """Of an array of the arm."""

    @property
    def is_stamped(self) -> bool:
        return self.type == TRAJECTORY

    def __post_init__(self) -> None:
        super().__post_init__()
        in_trajectory, in_array = self.type == TRAJECTORY, self.index is not None
        if in_trajectory and not self.joint:
            raise Misfit("is missing, expected the gripper's joint name", "joint")
        if self.joint and not in_trajectory:
            raise Misfit(f"is not a key of type {self.type}, expected it of a trajectory", "joint")
        if in_array and self.type != ARRAY:
            raise Misfit(f"is not a key of type {self.type}, expected it of an array", "index")
        if in_array and self.topic:
            raise Misfit(
                "is there beside topic, expected one of them: an array on a topic of its own "
                "holds one number, and that of the arm's joints has no topic here; which number "
                "of a longer one a demonstrator's is, say with labels.grip.index",
                "index",
            )
        if not (self.topic or in_trajectory or in_array):
            raise Misfit(f"is missing, expected {TOPIC}", "topic")

    def command(self, key: str) -> GripCommand:
        """The command; `key` is its place in the file."""
        return GripCommand(
            topic=self.topic or "",
            open=self.open,
            closed=self.closed,
            type=self.type,
            joint=self.joint or "",
            max_effort=self.max_effort or 0.0,
            time=self.time,
            key=key,
            index=self.index or 0,
        )


class CommandKeys(FileSection, frozen=True, kw_only=True):
    """The section `commands` of an arm; see Commands."""

    ee_pose: PoseCommandKeys | None = None
    joint_position: TopicKeys | None = None
    grip: GripCommandKeys | None = None
    twist: TopicKeys | None = None

    def commands(self, key: str) -> Commands:
        """The topics; `key` is the section's place in the file."""
        return Commands(
            ee_pose=self.ee_pose.topic if self.ee_pose else None,
            ee_pose_time=self.ee_pose.time if self.ee_pose else StreamTime(),
            joint_position=self.joint_position.topic if self.joint_position else None,
            grip=self.grip.command(f"{key}.grip") if self.grip else None,
            twist=self.twist.topic if self.twist else None,
        )
