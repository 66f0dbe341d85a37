"""Bags in which an arm is led: by a leader arm, by trajectories, by arrays, by twists."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from arm_bags import ArmBag, Message

from groot_ros.codecs.catalog import find_codec
from groot_ros.codecs.codec import Codec
from groot_ros.codecs.file import parse_codec
from groot_ros.data.bags.reader import open_bag
from groot_ros.data.bags.serialized import MessageMaker
from groot_ros.data.conversion.extract import EpisodeResult, ExtractOptions, extract
from groot_ros.data.datasets.parts import Rows, load_rows
from groot_ros.data.playback.episode_choice import EpisodeChoice
from groot_ros.data.playback.episodes import find_episodes
from groot_ros.data.playback.replay import BagSource
from groot_ros.observation.fields import NS
from groot_ros.robot.config import RobotConfig, parse_robot
from groot_ros.share import share_file

LEADER = "/leader/joint_states"
LEADER_JOINTS = tuple(f"leader_{number}" for number in range(1, 8))


def robot_values(
    labels: Mapping[str, Any], grip: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The simulated arm's file with labels in place of commands."""
    values: dict[str, Any] = yaml.safe_load(share_file("config/robots/sim.yaml").read_text())
    values["urdf"] = str(share_file("urdf/sim_arm.urdf"))
    del values["commands"]
    values["labels"] = dict(labels)
    values["output"] = {
        "profile": "joint_trajectory",
        "rate": 100,
        "topic": "/jtc/joint_trajectory",
    }
    values["output"]["grip"] = {"topic": "/gripper/command"}
    if grip:
        values["observations"]["grip"] = dict(grip)
    return values


def robot_with(labels: Mapping[str, Any], grip: Mapping[str, Any] | None = None) -> RobotConfig:
    return parse_robot(robot_values(labels, grip), "mine.yaml")


def codec_for(robot: RobotConfig, name: str = "joints", **entry: Any) -> Codec:
    """A shipped codec of small pictures; `entry` changes its action joint_position."""
    values = copy.deepcopy(dict(find_codec(name).values))
    values["video"]["each_camera"]["size"] = {"width": 32, "height": 32}
    if entry:
        values["action"]["joint_position"] |= entry
    return parse_codec(values, "mine", "mine.yaml").codec(robot)


def extracted(
    path: Path, robot: RobotConfig, codec: Codec, folder: Path
) -> tuple[Rows, EpisodeResult]:
    """The rows of the only part of a bag's only episode."""
    with open_bag(path) as bag:
        source = BagSource(bag, robot, codec)
        [episode] = find_episodes(bag, EpisodeChoice(instruction="push"))
        result = extract(source, episode, ExtractOptions(fps=15), folder, lambda _: None)
    [part] = result.parts
    return load_rows(folder / part.folder), result


def array(maker: MessageMaker, numbers: Sequence[float], bits: int = 64) -> bytes:
    layout = maker.new("std_msgs/msg/MultiArrayLayout", dim=[], data_offset=0)
    kind = np.float64 if bits == 64 else np.float32
    return maker.make(
        f"std_msgs/msg/Float{bits}MultiArray", layout=layout, data=np.array(numbers, kind)
    )


def trajectory(
    maker: MessageMaker,
    stamp_ns: int,
    names: Sequence[str],
    points: Sequence[tuple[float, Sequence[float]]],
) -> bytes:
    """A JointTrajectory of times from its start in s and positions."""
    found = [
        maker.new(
            "trajectory_msgs/msg/JointTrajectoryPoint",
            positions=np.array(positions, dtype=np.float64),
            velocities=np.zeros(0),
            accelerations=np.zeros(0),
            effort=np.zeros(0),
            time_from_start=maker.new(
                "builtin_interfaces/msg/Duration",
                sec=int(time_s),
                nanosec=round((time_s - int(time_s)) * NS),
            ),
        )
        for time_s, positions in points
    ]
    return maker.make(
        "trajectory_msgs/msg/JointTrajectory",
        header=maker.header(stamp_ns, ""),
        joint_names=list(names),
        points=found,
    )


def observed(arm: ArmBag) -> list[Message]:
    return [*arm.states(), *arm.images()]
