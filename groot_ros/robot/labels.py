"""What a demonstrator commanded: the topics of a bag that datasets take their actions from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from groot_ros.robot.commands import FLOAT32, FLOAT64, Commands
from groot_ros.robot.observations import Observations
from groot_ros.robot.opening import Opening, read_open_closed
from groot_ros.robot.section import Section
from groot_ros.robot.stream_time import StreamTime, read_time
from groot_ros.robot.streams import read_index
from groot_ros.signals.signals import EE_POSE, GRIP, JOINT_POSITION, SignalSpec

# How messages tell them; where a label does not say, the type of its topic does.
JOINT_STATE, TRAJECTORY, ARRAY = "joint_state", "trajectory", "array"
POSE, TRANSFORM, ODOMETRY, TWIST = "pose", "transform", "odometry", "twist"
FLOAT, BOOL, GRIPPER_COMMAND, REACHED = "float", "bool", "gripper_command", "reached"
JOINT_TYPES = (JOINT_STATE, TRAJECTORY, ARRAY)
POSE_TYPES = (POSE, TRANSFORM, ODOMETRY, TWIST)
GRIP_TYPES = (FLOAT, BOOL, ARRAY, JOINT_STATE, TRAJECTORY, GRIPPER_COMMAND, REACHED)
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


def read_labels(section: Section, commands: Commands, observations: Observations) -> Labels:
    """Those of a robot file; what it leaves out is what moves the robot, its `commands`."""
    arm = section.place("").removesuffix("labels")
    labels: dict[str, Label] = dict(commanded_labels(commands, observations, arm))
    joints = observations.joint_position
    if "joint_position" in section:
        part = section.section("joint_position")
        if joints is None:
            raise section.error(
                "joint_position", "needs observations.joint_position, whose joints it is for"
            )
        labels[JOINT_POSITION.name] = read_joint_label(part, joints.joints)
    if "ee_pose" in section:
        labels[EE_POSE.name] = read_pose_label(section.section("ee_pose"))
    if "grip" in section:
        labels[GRIP.name] = read_grip_label(section.section("grip"))
    section.finish()
    return labels


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


def _kind(section: Section, kinds: tuple[str, ...]) -> str:
    return section.choice("type", kinds) if "type" in section else ""


def read_joint_label(section: Section, joints: tuple[str, ...]) -> JointLabel:
    """Commands of an arm's `joints`."""
    names = section.names("joints") if "joints" in section else joints
    if len(names) != len(joints):
        raise section.error(
            "joints",
            f"has {len(names)} names, expected {len(joints)}, one for each of {', '.join(joints)}",
        )
    label = JointLabel(
        topic=section.topic("topic"),
        key=section.place(""),
        type=_kind(section, JOINT_TYPES),
        time=read_time(section),
        joints=names,
        index=read_index(section),
    )
    section.finish()
    return label


def read_pose_label(section: Section) -> PoseLabel:
    """Commands of a hand."""
    linear, angular = section.numbers("scale", "1", 2) if "scale" in section else (1.0, 1.0)
    label = PoseLabel(
        topic=section.topic("topic"),
        key=section.place(""),
        type=_kind(section, POSE_TYPES),
        time=read_time(section),
        scale=(linear, angular),
        link=section.text("link", "the link whose pose it is") if "link" in section else "",
    )
    section.finish()
    return label


def read_grip_label(section: Section) -> GripLabel:
    """Commands of a gripper."""
    opened, closed = read_open_closed(section)
    kind = _kind(section, GRIP_TYPES)
    joint = section.text("joint", "the gripper's joint name") if "joint" in section else ""
    if kind in OF_A_JOINT and not joint:
        raise section.error("joint", f"is missing, expected a joint's name because type is {kind}")
    label = GripLabel(
        topic="" if kind == REACHED else section.topic("topic"),
        key=section.place(""),
        type=kind,
        time=read_time(section),
        open=opened,
        closed=closed,
        joint=joint,
        index=read_index(section),
    )
    section.finish()
    return label
