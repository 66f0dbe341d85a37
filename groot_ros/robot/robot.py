"""What a robot file says, of a single arm or of one of several."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from groot_ros.files.typed import KeyPath
from groot_ros.robot.arm_keys import ArmKeys
from groot_ros.robot.commands import ARRAY, Commands, GripCommand
from groot_ros.robot.labels import Labels
from groot_ros.robot.lag import Lag
from groot_ros.robot.limits import Following, Limits, PointDistance
from groot_ros.robot.observations import Observations
from groot_ros.robot.operator import Operator
from groot_ros.robot.output import OUTPUT_PROFILES, ArmOutputKeys, Home, Output
from groot_ros.signals.signals import JOINT_POSITION, SEPARATOR, of_arm

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
    home: Home | None = None
    """Where it waits between two tasks; None where the file does not say."""
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
    file: str = field(default="", compare=False, repr=False)
    """Path that it was read from; empty where it was read from no file."""

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
        return "" if self.spanning_topic else self.command_topic

    @property
    def command_topic(self) -> str:
        """On which the commands of the output's profile are sent, also where it spans arms."""
        return self.commands.topics.get(OUTPUT_PROFILES[self.output.profile].command, "")

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
        del arm["providers"], arm["operator"], arm["home"], arm["file"]
    if not robot.arms:
        for key in OF_SEVERAL:
            del values[key]
        del values["observations"]["arms"]
    return values


@dataclass(frozen=True, kw_only=True)
class Common:
    """What is said once for a robot; `profile` and `topic` are of an output that spans several
    arms, empty where each has its own."""

    name: str
    base_frame: str
    rate_hz: float
    profile: str = ""
    topic: str = ""


def arm_config(
    keys: ArmKeys, observations: Observations, common: Common, place: KeyPath
) -> RobotConfig:
    """A single arm, or one of several that have something in `common`, by its keys at a place in
    the file."""
    arm = f"{place.path}." if place.path else ""
    profile = common.profile or keys.output.profile or ""
    kinematics = keys.output.kinematics.kinematics if keys.output.kinematics else None
    commands = keys.commands.commands(f"{arm}commands") if keys.commands else Commands()
    lag = keys.lag.lag if keys.lag else None
    output = Output(profile, common.rate_hz, kinematics)
    robot = RobotConfig(
        name=common.name,
        spanning_topic=common.topic,
        base_frame=keys.base_frame or common.base_frame,
        observations=observations,
        commands=_commanded(keys.output, commands, common, place / "output"),
        output=output,
        labels=keys.labels.labels(commands, observations, arm),
        limits=keys.limits.limits(lag.total_s if lag else Following.lag_s),
        lag=lag,
        urdf=keys.urdf or (kinematics.urdf if kinematics else ""),
        home=keys.home.home(output) if keys.home else None,
        operator=keys.operator.operator(observations, output, arm) if keys.operator else None,
    )
    _check_output(robot, keys, place)
    return robot


def _commanded(
    keys: ArmOutputKeys, commands: Commands, common: Common, place: KeyPath
) -> Commands:
    """The topics of `commands`, and what the output itself says of them."""
    name = OUTPUT_PROFILES[common.profile or keys.profile or ""].command
    if topic := common.topic or keys.topic:
        if (other := commands.topics.get(name, topic)) != topic:
            raise place.error(
                f"is {topic}, but commands.{name} is {other}: say it in one place", "topic"
            )
        named: dict[str, Any] = {name: topic}
        commands = replace(commands, **named)
    if keys.grip:
        if commands.grip:
            raise place.error("is there and commands.grip too: say it in one place", "grip")
        commands = replace(commands, grip=keys.grip.command((place / "grip").path))
    return commands


def _check_output(robot: RobotConfig, keys: ArmKeys, place: KeyPath) -> None:
    profile = robot.output.profile
    needed = OUTPUT_PROFILES[profile].command
    if needed not in robot.commands.topics:
        raise place.error(
            f"is missing, expected a topic because output.profile is {profile}",
            f"commands.{needed}" if keys.commands else "output.topic",
        )
    grip = robot.commands.grip
    if grip and grip.is_of_arm:
        _check_grip_of_arm(robot, grip, KeyPath(place.source, grip.key))
    name = robot.output.commanded.name
    if name not in robot.observations.signals:
        raise place.error(
            f"is missing, expected a topic because output.profile is {profile}: a motion begins "
            "where the robot is",
            f"observations.{name}",
        )


def _check_grip_of_arm(robot: RobotConfig, grip: GripCommand, place: KeyPath) -> None:
    """A gripper without a topic of its own is in messages of a profile with room for it."""
    has_room = robot.output.commanded == JOINT_POSITION
    if not has_room or robot.output.interpolated == (grip.type == ARRAY):
        raise place.error(
            f"is {grip.type} without a topic of its own, expected float64 or gripper_command "
            f"because output.profile is {robot.output.profile}",
            "type",
        )
    count = len(robot.joints)
    if grip.type == ARRAY and grip.index not in (0, count):
        raise place.error(
            f"is {grip.index}, expected 0, before the arm's joints, or {count}, behind them",
            "index",
        )
