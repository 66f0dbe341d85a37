"""The topics between a robot and everybody else, out of its robot file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from groot_ros.cameras.compressed_image import COMPRESSED_IMAGE
from groot_ros.cameras.image import IMAGE
from groot_ros.observation.routes import TRANSFORMS
from groot_ros.observation.signal_messages import BOOL, FLOAT, FLOAT32, JOINT_STATE, POSE
from groot_ros.robot.config import RobotConfig
from groot_ros.robot.output import OUTPUT_PROFILES
from groot_ros.robot.pose_stream import ComputedPose, TransformStream

TWIST = "geometry_msgs/msg/TwistStamped"
TRAJECTORY = "trajectory_msgs/msg/JointTrajectory"
JOINTS = "std_msgs/msg/Float64MultiArray"
GRIPPER_ACTION = "control_msgs/action/GripperCommand"

GRIPS = {
    "float64": FLOAT,
    "float32": FLOAT32,
    "bool": BOOL,
    "array": JOINTS,
    "trajectory": TRAJECTORY,
    "gripper_command": GRIPPER_ACTION,
}


@dataclass(frozen=True)
class Link:
    """A topic of a robot, its message type, and the keys of the robot file that name it.

    The robot listens to a command and publishes everything else. `is_sent` tells the commands that
    the executor sends from those that only demonstrators may send.
    """

    topic: str
    kind: str
    keys: str
    is_command: bool = False
    is_sent: bool = False

    @property
    def is_action(self) -> bool:
        return "/action/" in self.kind


def robot_links(robot: RobotConfig) -> tuple[Link, ...]:
    """All topics of a robot, each once."""
    merged: dict[tuple[str, str], Link] = {}
    for link in _links(robot):
        key = link.topic, link.kind
        if other := merged.get(key):
            keys = f"{other.keys} and {link.keys}"
            merged[key] = Link(*key, keys, link.is_command, link.is_sent or other.is_sent)
        else:
            merged[key] = link
    return tuple(merged.values())


def _links(robot: RobotConfig) -> Iterator[Link]:
    if not robot.arms:
        yield from (*_observations(robot), *_cameras(robot), *_commands(robot))
        return
    for name, arm in robot.arms.items():
        for link in (*_observations(arm), *_commands(arm)):
            key = f"arms.{name}.{link.keys.removeprefix(f'arms.{name}.')}"
            yield replace(link, keys=key)
    yield from _cameras(robot)


def _cameras(robot: RobotConfig) -> list[Link]:
    return [
        Link(
            camera.topic,
            COMPRESSED_IMAGE if camera.compressed else IMAGE,
            f"observations.cameras.{name}",
        )
        for name, camera in robot.observations.cameras.items()
    ]


def _observations(robot: RobotConfig) -> list[Link]:
    streams = robot.observations
    links = []
    if streams.joint_position:
        stream = streams.joint_position
        links.append(Link(stream.topic, JOINT_STATE, "observations.joint_position"))
    if isinstance(streams.ee_pose, TransformStream):
        links.append(Link(streams.ee_pose.topic, TRANSFORMS, "observations.ee_pose"))
    elif streams.ee_pose and not isinstance(streams.ee_pose, ComputedPose):
        links.append(Link(streams.ee_pose.topic, POSE, "observations.ee_pose"))
    if streams.grip:
        kind = JOINT_STATE if streams.grip.joint else FLOAT
        links.append(Link(streams.grip.topic, kind, "observations.grip"))
    return links


def _commands(robot: RobotConfig) -> list[Link]:
    commands, profile = robot.commands, robot.output.profile
    sent = OUTPUT_PROFILES[profile].command
    links = []
    kinds = {
        "ee_pose": POSE,
        "joint_position": JOINTS if profile == "joint_stream" else TRAJECTORY,
        "twist": TWIST,
    }
    for name, topic in commands.topics.items():
        links.append(
            Link(
                topic=topic,
                kind=kinds[name],
                keys=f"commands.{name}",
                is_command=True,
                is_sent=name == sent,
            )
        )
    if (grip := commands.grip) and not grip.is_of_arm:
        links.append(
            Link(
                topic=grip.topic,
                kind=GRIPS[grip.type],
                keys=grip.key,
                is_command=True,
                is_sent=True,
            )
        )
    return links
