"""What there is to see of a robot, by topic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from groot_ros.cameras.catalog import expected_type
from groot_ros.robot.camera_stream import CameraStream
from groot_ros.robot.robot import RobotConfig
from groot_ros.robot.topic import absolute
from groot_ros.signals.kinds import POSE
from groot_ros.signals.signals import of_arm

POLICY, EXECUTOR = "policy", "executor"
"""Names of the nodes."""


@dataclass(frozen=True, kw_only=True)
class ShownCamera:
    """A camera's topic, the message type that it is taken for, and what of it the policy sees."""

    topic: str
    type_name: str
    stream: CameraStream


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Topics of one robot, as its nodes name them; with `namespace` of the launch before them.

    `chunk_poses` are by the arm's name, empty for a single arm. `setpoint` is empty where joints
    are commanded, whose setpoints are no poses.
    """

    fixed_frame: str
    chunk_poses: Mapping[str, str]
    markers: str
    setpoint: str
    state: str
    report: str
    cameras: Mapping[str, ShownCamera]
    description: str


def shown(robot: RobotConfig, namespace: str = "") -> Shown:
    """What a robot's nodes publish to be looked at."""

    def named(topic: str) -> str:
        return absolute(topic, namespace) if namespace else topic

    is_pose = robot.output.commanded.kind == POSE
    return Shown(
        fixed_frame=robot.base_frame,
        chunk_poses={
            name: named(f"{POLICY}/{of_arm(name, 'chunk_poses')}") for name in robot.named_arms
        },
        markers=named(f"{EXECUTOR}/markers"),
        setpoint=named(f"{EXECUTOR}/setpoint") if is_pose and not robot.arms else "",
        state=named(f"{EXECUTOR}/state"),
        report=named(f"{POLICY}/chunk_report"),
        cameras={
            name: ShownCamera(
                topic=named(camera.topic), type_name=expected_type(camera), stream=camera
            )
            for name, camera in robot.observations.cameras.items()
        },
        description=named("robot_description"),
    )
