"""The one YAML file that describes a robot, read by every node and by the converter."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from groot_ros.errors import UserError
from groot_ros.files.config_file import read_yaml
from groot_ros.files.typed import KeyPath, typed
from groot_ros.robot.arm_keys import ArmsKeys, OneOfArmsKeys, RobotKeys
from groot_ros.robot.commands import Commands
from groot_ros.robot.limits import joined_limits, point_distances
from groot_ros.robot.observations import Observations, camera_streams, with_signals
from groot_ros.robot.output import OUTPUT_PROFILES, Output
from groot_ros.robot.pose_stream import ComputedPose
from groot_ros.robot.robot import Common, arm_config
from groot_ros.robot.robot import RobotConfig as RobotConfig
from groot_ros.robot.robot import with_max_ages as with_max_ages
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
    robot = parse_robot(read_yaml(path), source=path.name)
    return replace(_with_files(robot, path), file=str(path))


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
    """Path of a robot file, given the name of a shipped one or the path itself; UserError where
    there is none."""
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
    place = KeyPath(source)
    if isinstance(values, Mapping) and values.get("arms") is not None:
        for key in ("observations", "labels", "commands", "operator", "home"):
            if values.get(key) is not None:
                raise place.error(f"is there beside arms, expected at each: arms.*.{key}", key)
        of_arms = typed(values, ArmsKeys, place)
        return _with_rest(_several_arms(of_arms, place), of_arms)
    keys = typed(values, RobotKeys, place)
    return _with_rest(_only_arm(keys, place), keys)


def _with_rest(robot: RobotConfig, keys: RobotKeys | ArmsKeys) -> RobotConfig:
    return replace(robot, untested=keys.untested, providers=keys.providers)


def _only_arm(keys: RobotKeys, place: KeyPath) -> RobotConfig:
    observations = with_signals(keys.observations.observations, keys.signals, place / "signals")
    common = Common(name=keys.robot, base_frame=keys.base_frame, rate_hz=keys.output.rate)
    return arm_config(keys, observations, common, place)


def _several_arms(keys: ArmsKeys, place: KeyPath) -> RobotConfig:
    spanning, urdf = keys.output, keys.urdf or ""
    common = Common(
        name=keys.robot,
        base_frame=keys.base_frame,
        rate_hz=keys.command_rate,
        profile=spanning.profile if spanning else "",
        topic=spanning.topic if spanning else "",
    )
    arms: dict[str, RobotConfig] = {}
    for name, of_arm_keys in keys.arms.items():
        if not ARM_NAME.fullmatch(name):
            raise place.error(f"has {name[:40]!r}, expected a name of letters and digits", "arms")
        own = replace(common, name=f"{common.name}/{name}")
        arms[name] = _one_of_arms(of_arm_keys, own, urdf, place / "arms" / name)
        _check_alike(arms, name, place / "arms" / name)
    if not 2 <= len(arms) <= MOST_ARMS:
        raise place.error(
            f"has {len(arms)}, expected 2 to {MOST_ARMS}: of a single arm the keys stand at the "
            "top of the file",
            "arms",
        )
    observations = Observations(
        cameras=camera_streams(keys.cameras),
        arms={name: arm.observations for name, arm in arms.items()},
    )
    limits = {name: arm.limits for name, arm in arms.items()}
    robot = RobotConfig(
        name=common.name,
        base_frame=common.base_frame,
        observations=with_signals(observations, keys.signals, place / "signals"),
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
        distances=point_distances(keys.limits.distances, limits, place / "limits" / "distances"),
    )
    _check_spanning(robot, place)
    return robot


def _one_of_arms(keys: OneOfArmsKeys, common: Common, urdf: str, place: KeyPath) -> RobotConfig:
    for key, is_said in (("profile", common.profile), ("topic", common.topic)):
        is_there = getattr(keys.output, key) is not None
        if is_there and is_said:
            problem = "is not a known key of an arm where an output beside arms spans them"
            raise place.error(problem, f"output.{key}")
    if not (common.profile or keys.output.profile):
        profiles = ", ".join(OUTPUT_PROFILES)
        raise place.error(f"is missing, expected one of {profiles}", "output.profile")
    arm = arm_config(keys, keys.observations.observations, common, place)
    placed = keys.placed.pose if keys.placed else None
    return replace(arm, urdf=arm.urdf or urdf, placed=placed)


def _check_alike(arms: Mapping[str, RobotConfig], name: str, place: KeyPath) -> None:
    """Arms move together only in the same way, and each by topics of its own."""
    first, arm = next(iter(arms)), arms[name]
    profile, expected = arm.output.profile, arms[first].output.profile
    if profile != expected:
        raise place.error(
            f"is {profile}, expected {expected} like that of arm {first}", "output.profile"
        )
    for other, theirs in arms.items():
        if other == name:
            continue
        for topic in _written(arm) & _written(theirs):
            raise place.error(
                f"writes {topic} like arm {other}, expected a topic of its own, or one output "
                "for all arms beside arms",
                "output",
            )


def _written(arm: RobotConfig) -> set[str]:
    grip = arm.commands.grip
    return {topic for topic in (arm.output_topic, grip and grip.topic) if topic}


def _check_spanning(robot: RobotConfig, place: KeyPath) -> None:
    if not robot.spanning_topic:
        return
    profile = robot.output.profile
    if robot.output.commanded.kind != JOINTS:
        raise place.error(
            f"is {profile}, expected one of joints for an output that spans arms",
            "output.profile",
        )
    for arm in robot.arms.values():
        if (grip := arm.commands.grip) and grip.is_of_arm:
            raise place.error(
                "has no topic, expected one of its own where an output spans several arms",
                grip.key,
            )
    names = [joint for arm in robot.arms.values() for joint in arm.joints]
    twice = next((joint for joint in names if names.count(joint) > 1), None)
    if twice and robot.output.interpolated:
        raise place.error(
            f"is one trajectory for all arms, which have a joint {twice} each: expected names "
            "that differ, or an output for each arm",
            "output.topic",
        )
