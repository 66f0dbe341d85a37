"""What a topic or a joint is for, told by its name and its type."""

from __future__ import annotations

from collections.abc import Iterable

from groot_ros.observation.label_messages import TRAJECTORY
from groot_ros.observation.routes import STRING
from groot_ros.observation.signal_messages import (
    BOOL,
    FLOAT,
    FLOAT32,
    FLOATS,
    JOINT_STATE,
    ODOMETRY,
    POSE,
    TRANSFORM,
    TRANSFORMS,
    TWIST_STAMPED,
)
from groot_ros.robot.drafting.seen import SeenTopic

LEADER = ("leader", "master", "teleop", "gello", "operator")
COMMAND = ("command", "cmd", "target", "goal", "desired", "setpoint", "reference", "servo")
GRIP_TOPIC = ("grip", "finger", "jaw", "hand_")
GRIP_JOINT = ("grip", "finger", "jaw", "knuckle", "robotiq", "drive_joint", "hand_joint")
# Joints that are at 0 when the gripper is open: the linkages of Robotiq and xArm.
CLOSING = ("knuckle", "robotiq", "drive_joint", "closure", "closed")
HAND_LINKS = ("tcp", "tool0", "tool", "ee_link", "end_effector", "gripper_frame", "grasp", "hand")
WRIST_CAMERA = ("wrist", "hand", "gripper", "eef", "tool")
# What this package publishes itself is nothing of the robot.
OWN = ("/executor/", "/policy/", "/recorder/")

POSES = (POSE, TRANSFORM, ODOMETRY)
GRIPPER_FEEDBACK = "control_msgs/action/GripperCommand_FeedbackMessage"
ACTION_FEEDBACK = "/_action/feedback"
GRIP_COMMANDS = {FLOAT: "float64", FLOAT32: "float32", BOOL: "bool", FLOATS: "array"}
NUMBERS = tuple(GRIP_COMMANDS)
LOOKED_AT = (JOINT_STATE, TRAJECTORY, TWIST_STAMPED, *POSES, TRANSFORMS, STRING, *NUMBERS)
"""Types whose messages are looked at, besides pictures."""


def has(name: str, words: Iterable[str]) -> bool:
    """Whether a name has one of some words in it."""
    return any(word in name.lower() for word in words)


def is_own(topic: SeenTopic) -> bool:
    """Whether a node of this package publishes it."""
    return any(part in topic.name for part in OWN)


def is_of_leader(topic: SeenTopic) -> bool:
    """Whether it tells what a demonstrator does."""
    return has(topic.name, LEADER)


def is_command(topic: SeenTopic) -> bool:
    """Whether the robot listens to it: by what it is called, and by who is at its ends."""
    if topic.type_name in (TRAJECTORY, TWIST_STAMPED):
        return not is_of_leader(topic)
    is_awaited = bool(topic.subscribers) and not topic.publishers
    return not is_of_leader(topic) and (has(topic.name, COMMAND) or is_awaited)


def is_state(topic: SeenTopic) -> bool:
    """Whether it tells what the robot does."""
    return topic.count > 0 and not is_of_leader(topic) and not is_command(topic)


def is_grip_joint(joint: str) -> bool:
    """Whether the name of a joint is that of a gripper."""
    return has(joint, GRIP_JOINT)
