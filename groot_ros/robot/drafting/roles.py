"""What a topic or a joint is for, told by its name and its type."""

from __future__ import annotations

from collections.abc import Iterable

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

STATES = "sensor_msgs/msg/JointState"
TRAJECTORY = "trajectory_msgs/msg/JointTrajectory"
TWIST = "geometry_msgs/msg/TwistStamped"
POSE = "geometry_msgs/msg/PoseStamped"
POSES = (POSE, "geometry_msgs/msg/TransformStamped", "nav_msgs/msg/Odometry")
TRANSFORMS = "tf2_msgs/msg/TFMessage"
STRING = "std_msgs/msg/String"
ARRAYS = ("std_msgs/msg/Float64MultiArray",)
GRIPPER_FEEDBACK = "control_msgs/action/GripperCommand_FeedbackMessage"
ACTION_FEEDBACK = "/_action/feedback"
GRIP_COMMANDS = {
    "std_msgs/msg/Float64": "float64",
    "std_msgs/msg/Float32": "float32",
    "std_msgs/msg/Bool": "bool",
    "std_msgs/msg/Float64MultiArray": "array",
}
NUMBERS = tuple(GRIP_COMMANDS)
LOOKED_AT = (STATES, TRAJECTORY, TWIST, *POSES, TRANSFORMS, STRING, *NUMBERS)
"""Types whose messages are looked at, besides pictures."""


def has(name: str, words: Iterable[str]) -> bool:
    """Whether a name has one of some words in it."""
    return any(word in name.lower() for word in words)


def is_own(topic: SeenTopic) -> bool:
    return any(part in topic.name for part in OWN)


def is_of_leader(topic: SeenTopic) -> bool:
    """Whether it tells what a demonstrator does."""
    return has(topic.name, LEADER)


def is_command(topic: SeenTopic) -> bool:
    """Whether the robot listens to it: by what it is called, and by who is at its ends."""
    if topic.type_name in (TRAJECTORY, TWIST):
        return not is_of_leader(topic)
    is_awaited = bool(topic.subscribers) and not topic.publishers
    return not is_of_leader(topic) and (has(topic.name, COMMAND) or is_awaited)


def is_state(topic: SeenTopic) -> bool:
    """Whether it tells what the robot does."""
    return topic.count > 0 and not is_of_leader(topic) and not is_command(topic)


def is_grip_joint(joint: str) -> bool:
    return has(joint, GRIP_JOINT)
