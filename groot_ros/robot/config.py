"""The one YAML file that describes a robot, read by every node and by the converter."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from groot_ros.errors import UserError
from groot_ros.files.config_file import read_yaml
from groot_ros.robot.commands import Commands
from groot_ros.robot.limits import joined_limits, read_distances
from groot_ros.robot.observations import (
    Observations,
    read_arm_observations,
    read_cameras,
    read_observations,
    read_vectors,
)
from groot_ros.robot.output import Output, read_profile, read_rate_hz
from groot_ros.robot.pose_stream import ComputedPose
from groot_ros.robot.robot import FRAME, NAME, Common, read_arm
from groot_ros.robot.robot import RobotConfig as RobotConfig
from groot_ros.robot.robot import with_max_ages as with_max_ages
from groot_ros.robot.section import Section
from groot_ros.share import share_file, user_path
from groot_ros.signals.kinds import JOINTS
from groot_ros.signals.signals import of_arm

# As ROS takes it in a topic, and a dataset in a column.
ARM_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)
MOST_ARMS = 4


def robot_names() -> list[str]:
    """Names of the robot files that ship with the package."""
    return sorted(path.stem for path in share_file("config/robots").glob("*.yaml"))


def load_robot(name_or_path: str | Path) -> RobotConfig:
    """A robot by the name of a shipped file or by path; UserError names key, value and remedy."""
    path = robot_path(str(name_or_path))
    return _with_files(parse_robot(read_yaml(path), source=path.name), path)


def _with_files(robot: RobotConfig, path: Path) -> RobotConfig:
    """The robot with the descriptions found that its file at a path names."""
    observed, pose = robot.observations, robot.observations.ee_pose
    if isinstance(pose, ComputedPose):
        observed = replace(observed, ee_pose=replace(pose, urdf=_beside(path, pose.urdf)))
    arms = {name: _with_files(arm, path) for name, arm in robot.arms.items()}
    observed = replace(observed, arms={name: arm.observations for name, arm in arms.items()})
    return replace(robot, urdf=_beside(path, robot.urdf), observations=observed, arms=arms)


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
    robot = _read_arms(root) if "arms" in root else _read_only_arm(root)
    robot = replace(
        robot,
        untested=root.boolean("untested") if "untested" in root else False,
        providers=_read_providers(root.part("providers")),
    )
    root.finish()
    return robot


def _read_providers(section: Section) -> dict[str, tuple[str, ...]]:
    return {str(driver): section.texts(str(driver)) for driver in section.values}


def _read_only_arm(root: Section) -> RobotConfig:
    observations = read_observations(root.section("observations"))
    vectors = read_vectors(root.part("signals"), observations)
    return read_arm(root, replace(observations, vectors=vectors))


def _read_arms(root: Section) -> RobotConfig:
    for key in ("observations", "labels", "commands", "operator"):
        if key in root:
            raise root.error(key, f"is there beside arms, expected at each of them: arms.*.{key}")
    common = Common(
        name=root.text("robot", NAME),
        base_frame=root.text("base_frame", FRAME),
        rate_hz=read_rate_hz(root, "command_rate"),
    )
    if "output" in root:
        output = root.section("output")
        common = replace(common, profile=read_profile(output), topic=output.topic("topic"))
        output.finish()
    urdf = root.text("urdf", "the path of a URDF file") if "urdf" in root else ""
    arms: dict[str, RobotConfig] = {}
    for name, section in root.section("arms").sections():
        if not ARM_NAME.fullmatch(name):
            raise root.error("arms", f"has {name[:40]!r}, expected a name of letters and digits")
        arm = _read_one_of_arms(section, replace(common, name=f"{common.name}/{name}"))
        arms[name] = replace(arm, urdf=arm.urdf or urdf)
        _check_alike(arms, name, section)
    if not 2 <= len(arms) <= MOST_ARMS:
        raise root.error(
            "arms",
            f"has {len(arms)}, expected 2 to {MOST_ARMS}: of a single arm the keys stand at the "
            "top of the file",
        )
    observations = Observations(
        cameras=read_cameras(root), arms={name: arm.observations for name, arm in arms.items()}
    )
    vectors = read_vectors(root.part("signals"), observations)
    limits = root.part("limits")
    distances = read_distances(limits.part("distances"), {n: a.limits for n, a in arms.items()})
    limits.finish()
    robot = RobotConfig(
        name=common.name,
        base_frame=common.base_frame,
        observations=replace(observations, vectors=vectors),
        commands=Commands(),
        output=Output(next(iter(arms.values())).output.profile, common.rate_hz),
        labels={
            of_arm(name, signal): label
            for name, arm in arms.items()
            for signal, label in arm.labels.items()
        },
        limits=joined_limits([(arm.limits, len(arm.joints)) for arm in arms.values()]),
        urdf=urdf,
        arms=arms,
        spanning_topic=common.topic,
        distances=distances,
    )
    _check_spanning(robot, root)
    return robot


def _read_one_of_arms(section: Section, common: Common) -> RobotConfig:
    observations = read_arm_observations(section.section("observations"))
    arm = read_arm(section, observations, common)
    if "placed" in section:
        placed = section.section("placed")
        arm = replace(arm, placed=placed.pose())
        placed.finish()
    section.finish()
    return arm


def _check_alike(arms: Mapping[str, RobotConfig], name: str, section: Section) -> None:
    """Arms move together only in the same way, and each by topics of its own."""
    first, arm = next(iter(arms)), arms[name]
    profile, expected = arm.output.profile, arms[first].output.profile
    if profile != expected:
        raise section.error(
            "output.profile", f"is {profile}, expected {expected} like that of arm {first}"
        )
    for other, theirs in arms.items():
        if other == name:
            continue
        for topic in _written(arm) & _written(theirs):
            raise section.error(
                "output",
                f"writes {topic} like arm {other}, expected a topic of its own, or one output "
                "for all arms beside arms",
            )


def _written(arm: RobotConfig) -> set[str]:
    grip = arm.commands.grip
    return {topic for topic in (arm.output_topic, grip and grip.topic) if topic}


def _check_spanning(robot: RobotConfig, root: Section) -> None:
    if not robot.spanning_topic:
        return
    profile = robot.output.profile
    if robot.output.commanded.kind != JOINTS:
        raise root.error(
            "output.profile",
            f"is {profile}, expected one of joints for an output that spans arms",
        )
    for arm in robot.arms.values():
        if (grip := arm.commands.grip) and grip.is_of_arm:
            raise root.error(
                grip.key,
                "has no topic, expected one of its own where an output spans several arms",
            )
    names = [joint for arm in robot.arms.values() for joint in arm.joints]
    twice = next((joint for joint in names if names.count(joint) > 1), None)
    if twice and profile != "joint_stream":
        raise root.error(
            "output.topic",
            f"is one trajectory for all arms, which have a joint {twice} each: expected names "
            "that differ, or an output for each arm",
        )
