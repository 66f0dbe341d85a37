"""What a robot file may say: its keys, of a single arm and of several."""

from __future__ import annotations

from typing import Annotated

from groot_ros.files.typed import FileSection, Misfit, text
from groot_ros.robot.camera_stream import CameraKeys
from groot_ros.robot.commands import CommandKeys
from groot_ros.robot.labels import LabelKeys
from groot_ros.robot.lag import LagKeys
from groot_ros.robot.limits import DistanceKeys, LimitKeys
from groot_ros.robot.observations import ObservationKeys
from groot_ros.robot.operator import OperatorKeys
from groot_ros.robot.output import ArmOutputKeys, HomeKeys, OutputKeys, Rate, SpanningKeys
from groot_ros.robot.pose_stream import FixedPose, UrdfPath
from groot_ros.robot.streams import VectorKeys

Name = Annotated[str, text("the robot's name")]
Frame = Annotated[str, text("a frame name such as fr3_link0")]


class ArmKeys(FileSection, frozen=True, kw_only=True):
    """An arm, of which the same can be said whether it is the only one or not."""

    base_frame: Frame | None = None
    observations: ObservationKeys
    commands: CommandKeys | None = None
    output: ArmOutputKeys = ArmOutputKeys()
    labels: LabelKeys = LabelKeys()
    limits: LimitKeys = LimitKeys()
    lag: LagKeys | None = None
    urdf: UrdfPath | None = None
    operator: OperatorKeys | None = None
    home: HomeKeys | None = None

    def __post_init__(self) -> None:
        observed = self.observations.joint_position
        joints = tuple(observed.joints) if observed else ()
        if self.labels.joint_position and not observed:
            problem = "needs observations.joint_position, whose joints it is for"
            raise Misfit(problem, "labels.joint_position")
        for section, keys in (("labels", self.labels), ("operator", self.operator)):
            if keys and keys.joint_position and observed:
                keys.joint_position.check_joints(joints, f"{section}.joint_position")
        self.limits.check_joints(len(joints))
        if self.home:
            self.home.check(len(joints), self.limits)


class OneOfArmsKeys(ArmKeys, frozen=True, kw_only=True):
    """One of several arms; `placed` is its base frame in that of the robot."""

    placed: FixedPose | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.observations.cameras:
            problem = "stands in an arm, expected `cameras` beside `arms`"
            raise Misfit(problem, "observations.cameras")


class RobotKeys(ArmKeys, frozen=True, kw_only=True):
    """The file of a single arm."""

    robot: Name
    base_frame: Frame
    output: OutputKeys
    signals: dict[str, VectorKeys] = {}
    untested: bool = False
    providers: dict[str, tuple[str, ...]] = {}


class LimitsOfArmsKeys(FileSection, frozen=True, kw_only=True):
    """The section `limits` beside several arms."""

    distances: dict[str, DistanceKeys] = {}


class ArmsKeys(FileSection, frozen=True, kw_only=True):
    """The file of several arms."""

    robot: Name
    base_frame: Frame
    command_rate: Rate
    output: SpanningKeys | None = None
    urdf: UrdfPath | None = None
    arms: dict[str, OneOfArmsKeys]
    cameras: dict[str, CameraKeys] = {}
    signals: dict[str, VectorKeys] = {}
    limits: LimitsOfArmsKeys = LimitsOfArmsKeys()
    untested: bool = False
    providers: dict[str, tuple[str, ...]] = {}
