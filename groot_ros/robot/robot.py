"""What a robot file says, of a single arm or of one of several."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from groot_ros.robot.commands import ARRAY, Commands, GripCommand, read_commands
from groot_ros.robot.labels import OPERATOR, Labels, read_labels
from groot_ros.robot.lag import Lag, read_lag
from groot_ros.robot.limits import Following, Limits, PointDistance, read_limits
from groot_ros.robot.observations import Observations
from groot_ros.robot.operator import Operator, read_operator
from groot_ros.robot.output import OUTPUT_PROFILES, Output, read_output
from groot_ros.robot.section import Section
from groot_ros.signals.signals import SEPARATOR, of_arm

NAME, FRAME = "the robot's name", "a frame name such as fr3_link0"
OF_SEVERAL = ("arms", "spanning_topic", "distances", "placed")
"""Fields that only robots of several arms have."""


@dataclass(frozen=True)
class RobotConfig:
    """A robot as its file describes it.

    Of several `arms`, observations and labels are those of all of them, the joints of one arm
    stand behind those of the other, and so do the limits of these joints.
    """

    name: str
    base_frame: str
    observations: Observations
    commands: Commands
    output: Output
    labels: Labels = field(default_factory=dict)
    """What a demonstrator commanded, by signal."""
    operator: Operator | None = None
    """With what a person takes over from the policy; None where the file does not say."""
    limits: Limits = field(default_factory=Limits)
    lag: Lag | None = None
    """How it follows; None where the file does not say."""
    untested: bool = False
    """The file was written from the driver's documentation and never ran on the hardware."""
    urdf: str = ""
    """Path of the arm's description; empty for the topic robot_description."""
    arms: Mapping[str, RobotConfig] = field(default_factory=dict)
    """Each of several arms by itself, by its name; empty for a single one."""
    spanning_topic: str = ""
    """Of an output that spans several arms."""
    distances: tuple[PointDistance, ...] = ()
    """How near points of two arms may come."""
    placed: tuple[float, ...] | None = None
    """Pose (7,) of the arm's base frame in that of the robot; None where the file does not say."""
    providers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Topics and actions by the driver, with its version, at whose end they are; empty where the
    file does not say."""

    @property
    def named_arms(self) -> Mapping[str, RobotConfig]:
        """The arms by name; of a single one the robot itself, by an empty name."""
        return self.arms or {"": self}

    @property
    def each_arm(self) -> tuple[RobotConfig, ...]:
        """The arms; of a single one the robot itself."""
        return tuple(self.named_arms.values())

    def arm_of(self, signal: str) -> RobotConfig:
        """The arm that a signal is of; the robot itself where that is not one of several."""
        return self.arms.get(signal.rpartition(SEPARATOR)[0], self)

    @property
    def moved(self) -> tuple[str, ...]:
        """Names of the signals that the executor commands, in the order of the arms."""
        return self._of_each(lambda arm: arm.output.commanded.name)

    @property
    def followed(self) -> tuple[str, ...]:
        """Names of the signals that chunks must hold, in the order of the arms."""
        return self._of_each(lambda arm: arm.output.signal.name)

    def _of_each(self, signal: Callable[[RobotConfig], str]) -> tuple[str, ...]:
        if not self.arms:
            return (signal(self),)
        return tuple(of_arm(name, signal(arm)) for name, arm in self.arms.items())

    @property
    def output_topic(self) -> str:
        """On which the executor commands the arm; empty where an output spans several."""
        if self.spanning_topic:
            return ""
        return getattr(self.commands, OUTPUT_PROFILES[self.output.profile]) or ""

    @property
    def joints(self) -> tuple[str, ...]:
        """Names of the observed joints, with the arm's name where there are several."""
        if self.arms:
            named = self.arms.items()
            return tuple(of_arm(name, joint) for name, arm in named for joint in arm.joints)
        stream = self.observations.joint_position
        return stream.joints if stream else ()


def with_max_ages(robot: RobotConfig, state_s: float, camera_s: float) -> RobotConfig:
    """The robot with other limits on the age of its streams in s; 0 leaves the file's."""
    streams = robot.observations

    def aged(stream: Any, max_age_s: float) -> Any:
        return replace(stream, max_age_s=max_age_s) if max_age_s > 0 else stream

    observations = streams.changed(
        lambda camera: aged(camera, camera_s), lambda stream: aged(stream, state_s)
    )
    return replace(robot, observations=observations)


def described(robot: RobotConfig) -> dict[str, Any]:
    """The values of a robot file for a dataset, of a single arm without what only several have."""
    values = asdict(robot)
    for arm in (values, *values["arms"].values()):
        del arm["providers"], arm["operator"]
    if not robot.arms:
        for key in OF_SEVERAL:
            del values[key]
        del values["observations"]["arms"]
    return values


@dataclass(frozen=True, kw_only=True)
class Common:
    """What is said once for several arms; `profile` and `topic` are of an output that spans them,
    empty where each has its own."""

    name: str
    base_frame: str
    rate_hz: float
    profile: str = ""
    topic: str = ""


def read_arm(
    section: Section, observations: Observations, common: Common | None = None
) -> RobotConfig:
    """A single arm, or one of several that have something in `common`."""
    joints = observations.joint_position
    commands = read_commands(section.part("commands"))
    output, commanded = _output(section, commands, common)
    lag = read_lag(section.section("lag")) if "lag" in section else None
    lag_s = lag.total_s if lag else Following.lag_s
    frame = common.base_frame if common and "base_frame" not in section else None
    robot = RobotConfig(
        name=common.name if common else section.text("robot", NAME),
        spanning_topic=common.topic if common else "",
        base_frame=frame or section.text("base_frame", FRAME),
        observations=observations,
        commands=commanded,
        output=output,
        labels=read_labels(section.part("labels"), commands, observations),
        limits=read_limits(section.part("limits"), len(joints.joints) if joints else 0, lag_s),
        lag=lag,
    )
    if "urdf" in section:
        robot = replace(robot, urdf=section.text("urdf", "the path of a URDF file"))
    elif robot.output.kinematics:
        robot = replace(robot, urdf=robot.output.kinematics.urdf)
    _check_output(robot, section)
    if OPERATOR in section:
        operator = read_operator(section.section(OPERATOR), observations, robot.output)
        robot = replace(robot, operator=operator)
    return robot


def _output(
    section: Section, commands: Commands, common: Common | None
) -> tuple[Output, Commands]:
    if common is None:
        return read_output(section.section("output"), commands)
    if not common.profile:
        return read_output(section.section("output"), commands, common.rate_hz)
    return read_output(
        section.part("output"), commands, common.rate_hz, (common.profile, common.topic)
    )


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
    key = grip.key.removeprefix(root.place("")).lstrip(".")
    fitting = ("joint_stream",) if grip.type == ARRAY else ("joint_trajectory", "jtc_upsampling")
    if robot.output.profile not in fitting:
        raise root.error(
            f"{key}.type",
            f"is {grip.type} without a topic of its own, expected float64 or gripper_command "
            f"because output.profile is {robot.output.profile}",
        )
    count = len(robot.joints)
    if grip.type == ARRAY and grip.index not in (0, count):
        raise root.error(
            f"{key}.index",
            f"is {grip.index}, expected 0, before the arm's joints, or {count}, behind them",
        )
