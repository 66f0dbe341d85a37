"""Topics on which a robot is commanded."""

from __future__ import annotations

from dataclasses import dataclass

from groot_ros.robot.opening import Opening, read_open_closed
from groot_ros.robot.section import Section
from groot_ros.robot.stream_time import ARRIVAL, StreamTime, read_time

FLOAT64, FLOAT32, BOOL, ARRAY = "float64", "float32", "bool", "array"
GRIPPER_COMMAND, TRAJECTORY = "gripper_command", "trajectory"
MOST_JOINTS = 100
GRIP_TYPES = (FLOAT64, FLOAT32, BOOL, ARRAY, GRIPPER_COMMAND, TRAJECTORY)


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


def read_commands(section: Section) -> Commands:
    pose = section.section("ee_pose") if "ee_pose" in section else None
    commands = Commands(
        ee_pose=pose.topic("topic") if pose else None,
        ee_pose_time=read_time(pose) if pose else StreamTime(),
        joint_position=_command_topic(section, "joint_position"),
        grip=read_grip_command(section.section("grip")) if "grip" in section else None,
        twist=_command_topic(section, "twist"),
    )
    if pose:
        pose.finish()
    section.finish()
    return commands


def _command_topic(section: Section, key: str) -> str | None:
    if key not in section:
        return None
    command = section.section(key)
    topic = command.topic("topic")
    command.finish()
    return topic


def read_grip_command(section: Section) -> GripCommand:
    opened, closed = read_open_closed(section)
    kind = section.choice("type", GRIP_TYPES) if "type" in section else GRIP_TYPES[0]
    in_trajectory, in_array = kind == TRAJECTORY, kind == ARRAY and "index" in section
    is_of_arm = (in_trajectory or in_array) and "topic" not in section
    if in_array and not is_of_arm:
        raise section.error(
            "index",
            "is there beside topic, expected one of them: an array on a topic of its own holds "
            "one number, and that of the arm's joints has no topic here; which number of a longer "
            "one a demonstrator's is, say with labels.grip.index",
        )
    command = GripCommand(
        "" if is_of_arm else section.topic("topic"),
        opened,
        closed,
        kind,
        section.text("joint", "the gripper's joint name") if in_trajectory else "",
        section.positive("max_effort", "N") if "max_effort" in section else 0.0,
        read_time(section, is_stamped=in_trajectory),
        section.place(""),
        section.integer("index", 0, MOST_JOINTS) if in_array else 0,
    )
    section.finish()
    return command
