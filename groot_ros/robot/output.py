"""How the executor commands a robot, and where it takes it between two tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from groot_ros.files.typed import FileSection, Finite, Misfit, in_unit, number, positive, text
from groot_ros.robot.commands import GripCommandKeys
from groot_ros.robot.limits import LimitKeys
from groot_ros.robot.pose_stream import FixedPose, UrdfPath
from groot_ros.robot.topic import Topic
from groot_ros.signals.signals import EE_POSE, JOINT_POSITION, SignalSpec

# Commands per second at least.
MIN_RATE_HZ = 1.0
Profile = Literal["pose", "twist", "joint_trajectory", "jtc_upsampling", "joint_stream"]


@dataclass(frozen=True)
class OutputProfile:
    """A way to command a robot: what moves it, the key of `commands` with its topic, and the type
    of its messages.

    Where it is interpolated, whole motions are sent, between whose points the controller
    interpolates; without velocities it must make a spline of positions alone.
    """

    moves: SignalSpec
    command: str
    message: str
    is_interpolated: bool = False
    has_velocities: bool = True


_TRAJECTORIES = OutputProfile(
    JOINT_POSITION,
    "joint_position",
    "trajectory_msgs/msg/JointTrajectory",
    is_interpolated=True,
)
# Of several with the same command the first is the usual one.
OUTPUT_PROFILES: Mapping[str, OutputProfile] = {
    "pose": OutputProfile(EE_POSE, "ee_pose", "geometry_msgs/msg/PoseStamped"),
    "twist": OutputProfile(EE_POSE, "twist", "geometry_msgs/msg/TwistStamped"),
    "joint_trajectory": _TRAJECTORIES,
    "jtc_upsampling": replace(_TRAJECTORIES, has_velocities=False),
    "joint_stream": OutputProfile(
        JOINT_POSITION, "joint_position", "std_msgs/msg/Float64MultiArray"
    ),
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
        return OUTPUT_PROFILES[self.profile].moves

    @property
    def interpolated(self) -> bool:
        """Whether whole motions are sent, between whose points the controller interpolates."""
        return OUTPUT_PROFILES[self.profile].is_interpolated

    @property
    def has_velocities(self) -> bool:
        """Whether the points of motions have velocities."""
        return OUTPUT_PROFILES[self.profile].has_velocities

    @property
    def signal(self) -> SignalSpec:
        """What chunks must hold."""
        return EE_POSE if self.kinematics else self.commanded


@dataclass(frozen=True, kw_only=True)
class Home:
    """Where the arm waits between two tasks: its `joints` (rad or m), or the `pose` of its hand in
    the base frame.

    Of both that one counts which chunks hold, as output asks for; with output.kinematics joints
    stand for the pose of the hand where no pose is said. `grip` is the closure of the gripper
    there, `speed` the largest on the way, in m/s and rad/s of the hand or rad/s of each joint.
    """

    joints: tuple[float, ...] | None = None
    pose: tuple[float, ...] | None = None
    grip: float | None = None
    speed: float = 0.3


Rate = Annotated[float, number("Hz", MIN_RATE_HZ, 1000.0)]


class KinematicsKeys(FileSection, frozen=True, kw_only=True):
    """Where joints for a pose come from; see ToolKinematics."""

    tool: Annotated[str, text("the link at the tool")]
    urdf: UrdfPath | None = None

    @property
    def kinematics(self) -> ToolKinematics:
        return ToolKinematics(self.tool, self.urdf or "")


class HomeKeys(FileSection, frozen=True, kw_only=True):
    """The section `home` of an arm; see Home."""

    joints: Annotated[tuple[Finite, ...], in_unit("rad or m")] | None = None
    pose: FixedPose | None = None
    grip: Annotated[float, number("closures", 0.0, 1.0)] | None = None
    speed: Annotated[float, positive("m/s or rad/s")] = Home.speed

    def check(self, joints: int, limits: LimitKeys) -> None:
        """Misfit where an arm of `joints` joints cannot be at this home."""
        if self.joints is None and self.pose is None:
            raise Misfit("has neither joints nor pose, expected one of them or both", "home")
        if self.joints is not None and len(self.joints) != joints:
            problem = f"has {len(self.joints)} numbers, expected one for each of {joints} joints"
            raise Misfit(problem, "home.joints")
        _check_inside("home.joints", self.joints, limits.joint_lower, limits.joint_upper)
        if self.pose and (box := limits.workspace):
            _check_inside("home.pose.xyz", self.pose.xyz, box.min, box.max)

    def home(self, output: Output) -> Home | None:
        """The home of an arm; None where it says nothing that the output asks for."""
        home = Home(grip=self.grip, speed=self.speed)
        if output.signal == EE_POSE and self.pose:
            return replace(home, pose=self.pose.pose)
        if self.joints and (output.signal == JOINT_POSITION or output.kinematics):
            return replace(home, joints=self.joints)
        return None


def _check_inside(
    key: str,
    values: tuple[float, ...] | None,
    lower: tuple[float, ...] | None,
    upper: tuple[float, ...] | None,
) -> None:
    for value, low, high in zip(values or (), lower or (), upper or (), strict=False):
        if not low <= value <= high:
            raise Misfit(f"has {value:g}, the limits allow {low:g} to {high:g}", key)


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
