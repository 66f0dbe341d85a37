"""How the executor commands a robot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from groot_ros.files.typed import FileSection, number, text
from groot_ros.robot.commands import GripCommandKeys
from groot_ros.robot.pose_stream import UrdfPath
from groot_ros.robot.topic import Topic
from groot_ros.signals.signals import EE_POSE, JOINT_POSITION, SignalSpec

# Commands per second at least.
MIN_RATE_HZ = 1.0
# What the executor sends -> the command whose topic it needs.
Profile = Literal["pose", "twist", "joint_trajectory", "jtc_upsampling", "joint_stream"]
OUTPUT_PROFILES: Mapping[str, str] = {
    "pose": "ee_pose",
    "twist": "twist",
    "joint_trajectory": "joint_position",
    "jtc_upsampling": "joint_position",
    "joint_stream": "joint_position",
}


@dataclass(frozen=True)
class ToolKinematics:
    """Where joints for a pose come from: the link at the tool center point; `urdf` is read where
    the file names none at its top."""

    tool: str
    urdf: str = ""


@dataclass(frozen=True)
class Output:
    """How the executor commands the robot: message profile and rate in Hz.

    With kinematics a profile of joints follows chunks of poses.
    """

    profile: str
    rate_hz: float
    kinematics: ToolKinematics | None = None

    @property
    def commanded(self) -> SignalSpec:
        """What moves the robot."""
        return EE_POSE if self.profile in ("pose", "twist") else JOINT_POSITION

    @property
    def signal(self) -> SignalSpec:
        """What chunks must hold."""
        return EE_POSE if self.kinematics else self.commanded


Rate = Annotated[float, number("Hz", MIN_RATE_HZ, 1000.0)]


class KinematicsKeys(FileSection, frozen=True, kw_only=True):
    """Where joints for a pose come from; see ToolKinematics."""

    tool: Annotated[str, text("the link at the tool")]
    urdf: UrdfPath | None = None

    @property
    def kinematics(self) -> ToolKinematics:
        return ToolKinematics(self.tool, self.urdf or "")


class ArmOutputKeys(FileSection, frozen=True, kw_only=True):
    """The section `output` of one of several arms, whose rate is said beside them."""

    profile: Profile | None = None
    topic: Topic | None = None
    grip: GripCommandKeys | None = None
    kinematics: KinematicsKeys | None = None


class OutputKeys(ArmOutputKeys, frozen=True, kw_only=True):
    """The section `output` of a single arm; see Output."""

    profile: Profile
    rate: Rate


class SpanningKeys(FileSection, frozen=True, kw_only=True):
    """The section `output` beside several arms, of one that spans them."""

    profile: Profile
    topic: Topic
