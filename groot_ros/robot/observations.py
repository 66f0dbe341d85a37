"""What a robot file says of the streams that the robot offers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from groot_ros.files.typed import FileSection, KeyPath, Misfit
from groot_ros.robot.camera_stream import CameraKeys, CameraStream
from groot_ros.robot.pose_stream import PoseKeys, PoseStream
from groot_ros.robot.streams import (
    GripKeys,
    GripStream,
    JointKeys,
    JointStream,
    VectorKeys,
    VectorStream,
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
        """The streams of the arm and its gripper, or of all arms, by name."""
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
        """The signal of a name."""
        stream = self.signals[name]
        link = stream.link if isinstance(stream, PoseStream) else ""
        return SignalSpec(name, stream.kind, stream.names, link=link)

    def changed(
        self, camera: Callable[[CameraStream], CameraStream], signal: Callable[[Any], Any]
    ) -> Observations:
        """A copy with a function applied to each stream.

        Args:
            camera: Applied to cameras.
            signal: Applied to all other streams.
        """
        cameras = {name: camera(stream) for name, stream in self.cameras.items()}
        arms = {name: arm.changed(camera, signal) for name, arm in self.arms.items()}
        own = {} if arms else {name: signal(stream) for name, stream in self.arm.items()}
        vectors = {name: signal(stream) for name, stream in self.vectors.items()}
        return replace(self, cameras=cameras, vectors=vectors, arms=arms, **own)


class ObservationKeys(FileSection, frozen=True, kw_only=True):
    """The section `observations` of an arm; of several arms cameras stand beside them."""

    cameras: dict[str, CameraKeys] = {}
    joint_position: JointKeys | None = None
    ee_pose: PoseKeys | None = None
    grip: GripKeys | None = None

    def __post_init__(self) -> None:
        if self.ee_pose and self.ee_pose.fk and not self.joint_position:
            problem = "needs observations.joint_position, by which it is found"
            raise Misfit(problem, "ee_pose.fk")

    @property
    def observations(self) -> Observations:
        joints = self.joint_position.stream if self.joint_position else None
        return Observations(
            cameras=camera_streams(self.cameras),
            joint_position=joints,
            ee_pose=self.ee_pose.stream(joints.topic if joints else "") if self.ee_pose else None,
            grip=self.grip.stream if self.grip else None,
        )


def camera_streams(cameras: Mapping[str, CameraKeys]) -> dict[str, CameraStream]:
    """Cameras by name."""
    return {name: keys.stream(name) for name, keys in cameras.items()}


def with_signals(
    observations: Observations, signals: Mapping[str, VectorKeys], place: KeyPath
) -> Observations:
    """Observations with further signals; `place` is their place in the file."""
    taken = {*(spec.name for spec in ARM), *observations.cameras, *observations.arms}
    for name in signals:
        if name in taken or name in observations.signals:
            raise place.error("is the name of another stream, expected one of its own", name)
    vectors = {name: keys.stream for name, keys in signals.items()}
    return replace(observations, vectors=vectors)
