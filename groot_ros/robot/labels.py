"""What a demonstrator commanded: the topics of a bag that datasets take their actions from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from groot_ros.files.typed import FileSection, Finite, Misfit, Names, numbers, text
from groot_ros.robot.commands import FLOAT32, FLOAT64, Commands, JointName
from groot_ros.robot.observations import Observations
from groot_ros.robot.opening import Opening, OpeningKeys
from groot_ros.robot.stream_time import StreamTime, TimeKeys
from groot_ros.robot.streams import Index
from groot_ros.robot.topic import TOPIC, Topic
from groot_ros.signals.signals import EE_POSE, GRIP, JOINT_POSITION, SignalSpec

# How messages tell them; where a label does not say, the type of its topic does.
JOINT_STATE, TRAJECTORY, ARRAY = "joint_state", "trajectory", "array"
POSE, TRANSFORM, ODOMETRY, TWIST = "pose", "transform", "odometry", "twist"
FLOAT, BOOL, GRIPPER_COMMAND, REACHED = "float", "bool", "gripper_command", "reached"
JointType = Literal["joint_state", "trajectory", "array"]
PoseType = Literal["pose", "transform", "odometry", "twist"]
GripType = Literal[
    "float", "bool", "array", "joint_state", "trajectory", "gripper_command", "reached"
]
OF_A_JOINT = (JOINT_STATE, TRAJECTORY)
# The section of the device with which a person moves the robot.
OPERATOR = "operator"


@dataclass(frozen=True, kw_only=True)
class _Label:
    """A topic with commands; `key` is its place in the robot file, `place` the one for all that
    can be said of it, `type` empty where the type of the topic tells. Messages without a stamp
    count by their arrival."""

    signal: ClassVar[SignalSpec]

    topic: str
    key: str
    type: str = ""
    time: StreamTime = StreamTime()

    @property
    def is_command(self) -> bool:
        """Whether it is what moves the robot, not a source beside that."""
        return self.key.split(".")[-2] == "commands"

    @property
    def place(self) -> str:
        *arm, section, _ = self.key.split(".")
        whose = OPERATOR if section == OPERATOR else "labels"
        return ".".join([*arm, whose, self.signal.name])


@dataclass(frozen=True, kw_only=True)
class JointLabel(_Label):
    """Joints by the names that they have in its messages, in the order of the arm's; of an array
    `index` is the place of the first one, None where it holds nothing else."""

    signal: ClassVar[SignalSpec] = JOINT_POSITION

    joints: tuple[str, ...]
    index: int | None = None


@dataclass(frozen=True, kw_only=True)
class PoseLabel(_Label):
    """Poses in the base frame, or twists that lead from pose to pose: in m/s and rad/s after
    `scale` of the linear and the angular ones, in the base frame or that of `link`."""

    signal: ClassVar[SignalSpec] = EE_POSE

    scale: tuple[float, float] = (1.0, 1.0)
    link: str = ""


@dataclass(frozen=True, kw_only=True)
class GripLabel(_Label, Opening):
    """A gripper: `joint` of joint states and trajectories, `index` of an array, None of one
    that holds nothing else.

    Of an action the topic is its name; bags that hold nothing of it give the closure that was
    reached, as type reached does, which has no topic.
    """

    signal: ClassVar[SignalSpec] = GRIP

    open: float
    closed: float
    joint: str = ""
    index: int | None = None


Label = JointLabel | PoseLabel | GripLabel
Labels = Mapping[str, Label]
"""By the name of the signal."""


def commanded_labels(
    commands: Commands, observations: Observations, arm: str = ""
) -> dict[str, Label]:
    """What moves the robot, as labels by the name of the signal; keys of the robot file begin with
    `arm`."""
    labels: dict[str, Label] = {}
    joints, grip = observations.joint_position, commands.grip
    if commands.ee_pose:
        labels[EE_POSE.name] = PoseLabel(
            topic=commands.ee_pose,
            key=f"{arm}commands.ee_pose",
            type=POSE,
            time=commands.ee_pose_time,
        )
    elif commands.twist:
        labels[EE_POSE.name] = PoseLabel(
            topic=commands.twist, key=f"{arm}commands.twist", type=TWIST
        )
    shared = grip if grip and grip.is_of_arm and grip.type == ARRAY else None
    if commands.joint_position and joints:
        labels[JOINT_POSITION.name] = JointLabel(
            topic=commands.joint_position,
            key=f"{arm}commands.joint_position",
            joints=joints.joints,
            index=int(shared.index == 0) if shared else None,
        )
    if grip and (grip.topic or commands.joint_position):
        labels[GRIP.name] = GripLabel(
            topic=grip.topic or commands.joint_position or "",
            key=f"{arm}commands.grip",
            type="" if grip.type in (FLOAT64, FLOAT32) else grip.type,
            time=grip.time,
            open=grip.open,
            closed=grip.closed,
            joint=grip.joint,
            index=shared.index if shared else None,
        )
    return labels


class JointLabelKeys(TimeKeys, frozen=True, kw_only=True):
    """Commands of an arm's joints; see JointLabel."""

    topic: Topic
    type: JointType | None = None
    joints: Names | None = None
    index: Index | None = None

    def check_joints(self, joints: tuple[str, ...], key: str) -> None:
        """Misfit where the number of names is not that of an arm's joints; `key` is the
        label's."""
        if self.joints and len(self.joints) != len(joints):
            raise Misfit(
                f"has {len(self.joints)} names, expected {len(joints)}, one for each of "
                f"{', '.join(joints)}",
                f"{key}.joints",
            )

    def label(self, key: str, joints: tuple[str, ...]) -> JointLabel:
        """The label at a place in the file, of an arm's `joints`."""
        return JointLabel(
            topic=self.topic,
            key=key,
            type=self.type or "",
            time=self.time,
            joints=tuple(self.joints or joints),
            index=self.index,
        )


class PoseLabelKeys(TimeKeys, frozen=True, kw_only=True):
    """Commands of a hand; see PoseLabel."""

    topic: Topic
    type: PoseType | None = None
    scale: Annotated[tuple[Finite, ...], numbers("1", 2)] = (1.0, 1.0)
    link: Annotated[str, text("the link whose pose it is")] | None = None

    def label(self, key: str) -> PoseLabel:
        """The label at a place in the file."""
        return PoseLabel(
            topic=self.topic,
            key=key,
            type=self.type or "",
            time=self.time,
            scale=(self.scale[0], self.scale[1]),
            link=self.link or "",
        )


class GripLabelKeys(OpeningKeys, frozen=True, kw_only=True):
    """Commands of a gripper; see GripLabel."""

    topic: Topic | None = None
    type: GripType | None = None
    joint: JointName | None = None
    index: Index | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.type in OF_A_JOINT and not self.joint:
            problem = f"is missing, expected a joint's name because type is {self.type}"
            raise Misfit(problem, "joint")
        if self.type == REACHED and self.topic:
            raise Misfit(f"is there, but what is {REACHED} has no topic", "topic")
        if self.type != REACHED and not self.topic:
            raise Misfit(f"is missing, expected {TOPIC}", "topic")

    def label(self, key: str) -> GripLabel:
        """The label at a place in the file."""
        return GripLabel(
            topic=self.topic or "",
            key=key,
            type=self.type or "",
            time=self.time,
            open=self.open,
            closed=self.closed,
            joint=self.joint or "",
            index=self.index,
        )


class LabelKeys(FileSection, frozen=True, kw_only=True):
    """The section `labels` of an arm."""

    joint_position: JointLabelKeys | None = None
    ee_pose: PoseLabelKeys | None = None
    grip: GripLabelKeys | None = None

    def labels(self, commands: Commands, observations: Observations, arm: str) -> Labels:
        """The labels of an arm; where the file names none, its `commands`.

        Keys of the robot file begin with `arm`.
        """
        labels = commanded_labels(commands, observations, arm)
        place = f"{arm}labels."
        joints = observations.joint_position
        if self.joint_position and joints:
            key = f"{place}{JOINT_POSITION.name}"
            labels[JOINT_POSITION.name] = self.joint_position.label(key, joints.joints)
        if self.ee_pose:
            labels[EE_POSE.name] = self.ee_pose.label(f"{place}{EE_POSE.name}")
        if self.grip:
            labels[GRIP.name] = self.grip.label(f"{place}{GRIP.name}")
        return labels
