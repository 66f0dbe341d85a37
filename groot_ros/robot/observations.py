"""What a robot file says of the streams that the robot offers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from groot_ros.robot.camera_stream import CameraStream, read_camera
from groot_ros.robot.pose_stream import PoseStream, read_pose
from groot_ros.robot.section import Section
from groot_ros.robot.streams import (
    GripStream,
    JointStream,
    VectorStream,
    read_grip,
    read_joints,
    read_vector,
)
from groot_ros.signals.signals import ARM, EE_POSE, GRIP, JOINT_POSITION, SignalSpec, of_arm

SignalStream = JointStream | PoseStream | GripStream | VectorStream
"""Where a signal comes from, besides cameras."""


@dataclass(frozen=True)
class Observations:
    """Streams that the robot offers; None or absent where it has no such stream."""

    cameras: Mapping[str, CameraStream]
    joint_position: JointStream | None = None
    ee_pose: PoseStream | None = None
    grip: GripStream | None = None
    vectors: Mapping[str, VectorStream] = field(default_factory=dict)
    """Other signals by name, the file's `signals`."""
    arms: Mapping[str, Observations] = field(default_factory=dict)
    """Of a robot of several arms, whose own streams are all None, by the arm's name."""

    @property
    def signals(self) -> dict[str, SignalStream]:
        """The streams besides cameras by the name of their signal."""
        return {**self.arm, **self.vectors}

    @property
    def arm(self) -> dict[str, SignalStream]:
        """Those of the arm and its gripper, or of all arms, with their names."""
        if self.arms:
            return {
                of_arm(name, signal): stream
                for name, observed in self.arms.items()
                for signal, stream in observed.arm.items()
            }
        arm: dict[SignalSpec, SignalStream | None] = {
            JOINT_POSITION: self.joint_position,
            EE_POSE: self.ee_pose,
            GRIP: self.grip,
        }
        return {spec.name: stream for spec, stream in arm.items() if stream}

    def spec(self, name: str) -> SignalSpec:
        """What a signal is that the robot has."""
        stream = self.signals[name]
        link = stream.link if isinstance(stream, PoseStream) else ""
        return SignalSpec(name, stream.kind, stream.names, link=link)

    def changed(
        self, camera: Callable[[CameraStream], CameraStream], signal: Callable[[Any], Any]
    ) -> Observations:
        """The same with each of the streams changed."""
        cameras = {name: camera(stream) for name, stream in self.cameras.items()}
        arms = {name: arm.changed(camera, signal) for name, arm in self.arms.items()}
        own = {} if arms else {name: signal(stream) for name, stream in self.arm.items()}
        vectors = {name: signal(stream) for name, stream in self.vectors.items()}
        return replace(self, cameras=cameras, vectors=vectors, arms=arms, **own)


def read_observations(section: Section) -> Observations:
    """Of the only arm of a robot."""
    observations = replace(_read_arm(section), cameras=read_cameras(section))
    section.finish()
    return observations


def read_cameras(parent: Section) -> dict[str, CameraStream]:
    return {name: read_camera(name, s) for name, s in parent.part("cameras").sections()}


def read_arm_observations(section: Section) -> Observations:
    """Of one of several arms, beside which the cameras stand."""
    if "cameras" in section:
        raise section.error("cameras", "stands in an arm, expected `cameras` beside `arms`")
    observations = _read_arm(section)
    section.finish()
    return observations


def _read_arm(section: Section) -> Observations:
    joints = read_joints(section) if "joint_position" in section else None
    joint_topic = joints.topic if joints else ""
    pose = read_pose(section.section("ee_pose"), joint_topic) if "ee_pose" in section else None
    return Observations(
        cameras={},
        joint_position=joints,
        ee_pose=pose,
        grip=read_grip(section.section("grip")) if "grip" in section else None,
    )


def read_vectors(section: Section, observations: Observations) -> dict[str, VectorStream]:
    vectors = {name: read_vector(part) for name, part in section.sections()}
    taken = {*(spec.name for spec in ARM), *observations.cameras, *observations.arms}
    for name in vectors:
        if name in taken or name in observations.signals:
            raise section.error(name, "is the name of another stream, expected one of its own")
    section.finish()
    return vectors
