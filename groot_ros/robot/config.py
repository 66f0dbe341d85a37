"""The one YAML file that describes a robot, read by every node and by the converter."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from groot_ros.errors import UserError
from groot_ros.files.config_file import read_yaml
from groot_ros.robot.commands import ARRAY, Commands, GripCommand, read_commands
from groot_ros.robot.labels import Labels, read_labels
from groot_ros.robot.lag import Lag, read_lag
from groot_ros.robot.limits import Following, Limits, read_limits
from groot_ros.robot.observations import Observations, read_observations, read_vectors
from groot_ros.robot.output import OUTPUT_PROFILES, Output, read_output
from groot_ros.robot.pose_stream import ComputedPose
from groot_ros.robot.section import Section
from groot_ros.share import share_file, user_path


@dataclass(frozen=True)
class RobotConfig:
    """A robot as its file describes it."""

    name: str
    base_frame: str
    observations: Observations
    commands: Commands
    output: Output
    labels: Labels = field(default_factory=dict)
    """What a demonstrator commanded, by signal."""
    limits: Limits = field(default_factory=Limits)
    lag: Lag | None = None
    """How it follows; None where the file does not say."""
    untested: bool = False
    """The file was written from the driver's documentation and never ran on the hardware."""
    urdf: str = ""
    """Path of the arm's description; empty for the topic robot_description."""


def with_max_ages(robot: RobotConfig, state_s: float, camera_s: float) -> RobotConfig:
    """The robot with other limits on the age of its streams in s; 0 leaves the file's."""
    streams = robot.observations

    def aged(stream: Any, max_age_s: float) -> Any:
        return replace(stream, max_age_s=max_age_s) if max_age_s > 0 else stream

    observations = streams.changed(
        lambda camera: aged(camera, camera_s), lambda stream: aged(stream, state_s)
    )
    return replace(robot, observations=observations)


def robot_names() -> list[str]:
    """Names of the robot files that ship with the package."""
    return sorted(path.stem for path in share_file("config/robots").glob("*.yaml"))


def load_robot(name_or_path: str | Path) -> RobotConfig:
    """A robot by the name of a shipped file or by path; UserError names key, value and remedy."""
    path = robot_path(str(name_or_path))
    robot = parse_robot(read_yaml(path), source=path.name)
    pose = robot.observations.ee_pose
    if isinstance(pose, ComputedPose):
        pose = replace(pose, urdf=_beside(path, pose.urdf))
        robot = replace(robot, observations=replace(robot.observations, ee_pose=pose))
    return replace(robot, urdf=_beside(path, robot.urdf))


def _beside(path: Path, urdf: str) -> str:
    """The path of a description, of one beside the robot file where there is one."""
    beside = path.parent / urdf
    return str(beside) if os.path.isfile(beside) else urdf


def robot_path(name: str) -> Path:
    """Path of a robot file, given the name of a shipped one or the path itself."""
    if name in robot_names():
        return share_file(f"config/robots/{name}.yaml")
    if os.path.isfile(path := user_path(name)):
        return path
    raise UserError(
        f"robot {name!r} is neither a file nor one of {', '.join(robot_names())}: give the name "
        "of a shipped robot or the path of your own robot file"
    )


def parse_robot(values: object, source: str) -> RobotConfig:
    """A robot from the parsed YAML; `source` names the file in errors."""
    root = Section(values, source)
    observations = read_observations(root.section("observations"))
    observations = replace(observations, vectors=read_vectors(root.part("signals"), observations))
    joints = observations.joint_position
    commands = read_commands(root.part("commands"))
    output, commanded = read_output(root.section("output"), commands)
    lag = read_lag(root.section("lag")) if "lag" in root else None
    lag_s = lag.total_s if lag else Following.lag_s
    robot = RobotConfig(
        name=root.text("robot", "the robot's name"),
        base_frame=root.text("base_frame", "a frame name such as fr3_link0"),
        observations=observations,
        commands=commanded,
        output=output,
        labels=read_labels(root.part("labels"), commands, observations),
        limits=read_limits(root.part("limits"), len(joints.joints) if joints else 0, lag_s),
        lag=lag,
        untested=root.boolean("untested") if "untested" in root else False,
    )
    if "urdf" in root:
        robot = replace(robot, urdf=root.text("urdf", "the path of a URDF file"))
    elif robot.output.kinematics:
        robot = replace(robot, urdf=robot.output.kinematics.urdf)
    root.finish()
    _check_output(robot, root)
    return robot


def _check_output(robot: RobotConfig, root: Section) -> None:
    profile = robot.output.profile
    needed = OUTPUT_PROFILES[profile]
    if getattr(robot.commands, needed) is None:
        raise root.error(
            f"commands.{needed}" if "commands" in root else "output.topic",
            f"is missing, expected a topic because output.profile is {profile}",
        )
    grip = robot.commands.grip
    if grip and grip.is_of_arm:
        _check_grip_of_arm(robot, grip, root)
    name = robot.output.commanded.name
    if name not in robot.observations.signals:
        raise root.error(
            f"observations.{name}",
            f"is missing, expected a topic because output.profile is {profile}: a motion begins "
            "where the robot is",
        )


def _check_grip_of_arm(robot: RobotConfig, grip: GripCommand, root: Section) -> None:
    """A gripper without a topic of its own is in messages of a profile with room for it."""
    fitting = ("joint_stream",) if grip.type == ARRAY else ("joint_trajectory", "jtc_upsampling")
    if robot.output.profile not in fitting:
        raise root.error(
            f"{grip.key}.type",
            f"is {grip.type} without a topic of its own, expected float64 or gripper_command "
            f"because output.profile is {robot.output.profile}",
        )
    joints = robot.observations.joint_position
    count = len(joints.joints) if joints else 0
    if grip.type == ARRAY and grip.index not in (0, count):
        raise root.error(
            f"{grip.key}.index",
            f"is {grip.index}, expected 0, before the arm's joints, or {count}, behind them",
        )
