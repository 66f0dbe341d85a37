"""The one YAML file that describes a robot, read by every node and by the converter."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from groot_ros.errors import UserError
from groot_ros.files.config_file import read_yaml
from groot_ros.robot.lag import Lag, read_lag
from groot_ros.robot.limits import Following, Limits, read_limits
from groot_ros.robot.section import Section
from groot_ros.share import share_file, user_path
from groot_ros.signals.kinds import CLOSURE, JOINTS, POSE, VECTOR, Kind
from groot_ros.signals.signals import ARM, EE_POSE, GRIP, JOINT_POSITION, SignalSpec

STATE_MAX_AGE_S = 0.2
CAMERA_MAX_AGE_S = 0.3
# Commands per second at least.
MIN_RATE_HZ = 1.0
# What the executor sends -> the command whose topic it needs.
OUTPUT_PROFILES = {
    "pose": "ee_pose",
    "twist": "twist",
    "joint_trajectory": "joint_position",
    "jtc_upsampling": "joint_position",
    "joint_stream": "joint_position",
}
# What vectors are told by, and the names of their numbers; empty where the file names them.
WRENCH, TWIST, EFFORT, VELOCITY, ARRAY = "wrench", "twist", "effort", "velocity", "array"
VECTOR_NAMES: Mapping[str, tuple[str, ...]] = {
    WRENCH: tuple(f"{part}_{axis}" for part in ("force", "torque") for axis in "xyz"),
    TWIST: tuple(f"{part}_{axis}" for part in ("linear", "angular") for axis in "xyz"),
    EFFORT: (),
    VELOCITY: (),
    ARRAY: (),
}
OF_JOINTS = (EFFORT, VELOCITY)
# By which time a stream counts.
HEADER, ARRIVAL = "header", "arrival"
CLOCKS = (HEADER, ARRIVAL)
GRIP_TYPES = ("float64", "gripper_command", "trajectory")


@dataclass(frozen=True)
class StreamTime:
    """When what a message says was so: `latency_s` before the time of its `clock`, the stamp of
    its header or its arrival."""

    clock: str = HEADER
    latency_s: float = 0.0

    def of(self, header_ns: int, arrival_ns: int) -> int:
        """The time in ns; 0 where the header, which counts, has none."""
        time_ns = arrival_ns if self.clock == ARRIVAL else header_ns
        return time_ns - round(self.latency_s * 1e9) if time_ns else 0


@dataclass(frozen=True)
class JointStream:
    """Arm joints out of a JointState topic, in the order that the codec uses."""

    kind: ClassVar[Kind] = JOINTS
    topic: str
    joints: tuple[str, ...]
    max_age_s: float = STATE_MAX_AGE_S
    time: StreamTime = StreamTime()

    @property
    def names(self) -> tuple[str, ...]:
        return self.joints


@dataclass(frozen=True)
class PoseStream:
    """End-effector pose in the base frame, a PoseStamped topic."""

    kind: ClassVar[Kind] = POSE
    names: ClassVar[tuple[str, ...]] = ()
    topic: str
    max_age_s: float = STATE_MAX_AGE_S
    time: StreamTime = StreamTime()


class _Opening:
    """What a gripper's numbers mean: `open` is closure 0, `closed` closure 1."""

    open: float
    closed: float

    def closure(self, raw: float) -> float:
        """Closure in [0, 1] of a raw value; NaN stays NaN."""
        # In this order of arguments min and max hand NaN on.
        return min(max((raw - self.open) / (self.closed - self.open), 0.0), 1.0)

    def raw(self, closure: float) -> float:
        """Raw value of a closure in [0, 1]."""
        return self.open + closure * (self.closed - self.open)


@dataclass(frozen=True)
class GripStream(_Opening):
    """Gripper position, a joint of a JointState topic or a Float64 topic when `joint` is None.

    `open` and `closed` are the raw values that mean closure 0 and 1.
    """

    kind: ClassVar[Kind] = CLOSURE
    names: ClassVar[tuple[str, ...]] = ()
    topic: str
    joint: str | None
    open: float
    closed: float
    max_age_s: float = STATE_MAX_AGE_S
    time: StreamTime = StreamTime()


# What 8UC3 can mean.
COLOURS = ("rgb8", "bgr8")


@dataclass(frozen=True)
class CameraStream:
    """A camera; the picture was taken `latency_s` before the time of its `clock` (see StreamTime).
    `key` is its dataset key.

    What it sends is told by its topic's type. `compressed` is what it is taken for before anybody
    has sent: CompressedImage. `encoding` (rgb8 or bgr8, may be empty) says what pictures of
    encoding 8UC3 are, `depth_range_m` which depth from near to far becomes grey.
    """

    topic: str
    key: str
    compressed: bool
    encoding: str = ""
    latency_s: float = 0.0
    max_age_s: float = CAMERA_MAX_AGE_S
    clock: str = HEADER
    depth_range_m: tuple[float, float] | None = None


@dataclass(frozen=True)
class VectorStream:
    """Numbers that are observed only, by `names`: a wrench, a twist, efforts or velocities of
    joints, an array; `type`, a key of VECTOR_NAMES, says which."""

    kind: ClassVar[Kind] = VECTOR
    topic: str
    type: str
    names: tuple[str, ...]
    max_age_s: float = STATE_MAX_AGE_S
    time: StreamTime = StreamTime()


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

    @property
    def signals(self) -> dict[str, SignalStream]:
        """The streams besides cameras by the name of their signal."""
        return {**self.arm, **self.vectors}

    @property
    def arm(self) -> dict[str, SignalStream]:
        """Those of the arm and its gripper."""
        arm: dict[SignalSpec, SignalStream | None] = {
            JOINT_POSITION: self.joint_position,
            EE_POSE: self.ee_pose,
            GRIP: self.grip,
        }
        return {spec.name: stream for spec, stream in arm.items() if stream}

    def spec(self, name: str) -> SignalSpec:
        """What a signal is that the robot has."""
        stream = self.signals[name]
        return SignalSpec(name, stream.kind, stream.names)

    def changed(
        self, camera: Callable[[CameraStream], CameraStream], signal: Callable[[Any], Any]
    ) -> Observations:
        """The same with each of the streams changed."""
        cameras = {name: camera(stream) for name, stream in self.cameras.items()}
        arm = {name: signal(stream) for name, stream in self.arm.items()}
        vectors = {name: signal(stream) for name, stream in self.vectors.items()}
        return replace(self, cameras=cameras, vectors=vectors, **arm)


@dataclass(frozen=True)
class GripCommand(_Opening):
    """Gripper command; `open` and `closed` are the values for closure 0 and 1.

    type float64 is a Float64 topic, gripper_command an action of control_msgs with `max_effort`
    in N, trajectory the channel `joint` of the arm's joint trajectory (then without a topic).
    """

    topic: str
    open: float
    closed: float
    type: str = "float64"
    joint: str = ""
    max_effort: float = 0.0
    time: StreamTime = StreamTime(ARRIVAL)


@dataclass(frozen=True)
class Commands:
    """Topics that move the robot: what a demonstrator asked for and what the executor sends."""

    ee_pose: str | None = None
    joint_position: str | None = None
    grip: GripCommand | None = None
    twist: str | None = None
    ee_pose_time: StreamTime = StreamTime()
    """Of the commanded poses of a bag."""


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


@dataclass(frozen=True)
class RobotConfig:
    """A robot as its file describes it."""

    name: str
    base_frame: str
    observations: Observations
    commands: Commands
    output: Output
    limits: Limits = field(default_factory=Limits)
    lag: Lag | None = None
    """How it follows; None where the file does not say."""
    untested: bool = False
    """The file was written from the driver's documentation and never ran on the hardware."""
    urdf: str = ""
    """Path of the arm's description; empty for the topic robot_description."""


def with_max_ages(robot: RobotConfig, state_s: float, camera_s: float) -> RobotConfig:
    """The robot with other limits on the age of its streams in s; 0 leaves the file's."""
    streams = robot.observations

    def aged(stream: Any, max_age_s: float) -> Any:
        return replace(stream, max_age_s=max_age_s) if max_age_s > 0 else stream

    observations = streams.changed(
        lambda camera: aged(camera, camera_s), lambda stream: aged(stream, state_s)
    )
    return replace(robot, observations=observations)


def robot_names() -> list[str]:
    """Names of the robot files that ship with the package."""
    return sorted(path.stem for path in share_file("config/robots").glob("*.yaml"))


def load_robot(name_or_path: str | Path) -> RobotConfig:
    """A robot by the name of a shipped file or by path; UserError names key, value and remedy."""
    path = robot_path(str(name_or_path))
    robot = parse_robot(read_yaml(path), source=path.name)
    beside = path.parent / robot.urdf
    return replace(robot, urdf=str(beside)) if os.path.isfile(beside) else robot


def robot_path(name: str) -> Path:
    """Path of a robot file, given the name of a shipped one or the path itself."""
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
    root = Section(values, source)
    observations = _observations(root.section("observations"))
    observations = replace(observations, vectors=_vectors(root.part("signals"), observations))
    joints = observations.joint_position
    lag = read_lag(root.section("lag")) if "lag" in root else None
    lag_s = lag.total_s if lag else Following.lag_s
    robot = RobotConfig(
        name=root.text("robot", "the robot's name"),
        base_frame=root.text("base_frame", "a frame name such as fr3_link0"),
        observations=observations,
        commands=_commands(root.section("commands")),
        output=_output(root.section("output")),
        limits=read_limits(root.part("limits"), len(joints.joints) if joints else 0, lag_s),
        lag=lag,
        untested=root.boolean("untested") if "untested" in root else False,
    )
    if "urdf" in root:
        robot = replace(robot, urdf=root.text("urdf", "the path of a URDF file"))
    elif robot.output.kinematics:
        robot = replace(robot, urdf=robot.output.kinematics.urdf)
    root.finish()
    _check_output(robot, root)
    return robot


def _observations(section: Section) -> Observations:
    cameras = {name: _camera(name, s) for name, s in section.part("cameras").sections()}
    observations = Observations(
        cameras=cameras,
        joint_position=_joints(section) if "joint_position" in section else None,
        ee_pose=_pose(section.section("ee_pose")) if "ee_pose" in section else None,
        grip=_grip(section.section("grip")) if "grip" in section else None,
    )
    section.finish()
    return observations


def _max_age_s(section: Section, default: float) -> float:
    return section.positive("max_age", "s") if "max_age" in section else default


def _time(section: Section, is_stamped: bool = True) -> StreamTime:
    default = HEADER if is_stamped else ARRIVAL
    clock = section.choice("clock", CLOCKS) if "clock" in section else default
    if clock == HEADER and not is_stamped:
        raise section.error("clock", "is header, expected arrival: its messages carry no time")
    return StreamTime(clock, _latency_s(section))


def _latency_s(section: Section) -> float:
    return section.number("latency", "s", 0.0, 10.0) if "latency" in section else 0.0


def _joints(parent: Section) -> JointStream:
    section = parent.section("joint_position")
    stream = JointStream(
        topic=section.topic("topic"),
        joints=section.names("joints"),
        max_age_s=_max_age_s(section, STATE_MAX_AGE_S),
        time=_time(section),
    )
    section.finish()
    return stream


def _pose(section: Section) -> PoseStream:
    max_age_s = _max_age_s(section, STATE_MAX_AGE_S)
    stream = PoseStream(section.topic("topic"), max_age_s, _time(section))
    section.finish()
    return stream


def _vectors(section: Section, observations: Observations) -> dict[str, VectorStream]:
    vectors = {name: _vector(part) for name, part in section.sections()}
    for name in vectors:
        if name in (spec.name for spec in ARM) or name in observations.cameras:
            raise section.error(name, "is the name of another stream, expected one of its own")
    section.finish()
    return vectors


def _vector(section: Section) -> VectorStream:
    kind = section.choice("type", tuple(VECTOR_NAMES)) if "type" in section else WRENCH
    stream = VectorStream(
        topic=section.topic("topic"),
        type=kind,
        names=VECTOR_NAMES[kind] or section.names("joints" if kind in OF_JOINTS else "names"),
        max_age_s=_max_age_s(section, STATE_MAX_AGE_S),
        time=_time(section, is_stamped=kind != ARRAY),
    )
    section.finish()
    return stream


def _open_closed(section: Section) -> tuple[float, float]:
    opened = section.number("open", "the raw value's unit") if "open" in section else 0.0
    closed = section.number("closed", "the raw value's unit") if "closed" in section else 1.0
    if opened == closed:
        raise section.error("closed", f"is {closed:g} like open, expected two different values")
    return opened, closed


def _grip(section: Section) -> GripStream:
    opened, closed = _open_closed(section)
    stream = GripStream(
        topic=section.topic("topic"),
        joint=section.text("joint", "a joint name") if "joint" in section else None,
        open=opened,
        closed=closed,
        max_age_s=_max_age_s(section, STATE_MAX_AGE_S),
        time=_time(section, is_stamped="joint" in section),
    )
    section.finish()
    return stream


def _camera(name: str, section: Section) -> CameraStream:
    topic = section.topic("topic")
    stream = CameraStream(
        topic=topic,
        key=section.text("key", "a video key") if "key" in section else _video_key(name),
        compressed=_is_compressed(topic, section),
        encoding=section.choice("encoding", COLOURS) if "encoding" in section else "",
        latency_s=_latency_s(section),
        max_age_s=_max_age_s(section, CAMERA_MAX_AGE_S),
        clock=section.choice("clock", CLOCKS) if "clock" in section else HEADER,
        depth_range_m=_depth_range_m(section) if "depth_range" in section else None,
    )
    section.finish()
    return stream


def _depth_range_m(section: Section) -> tuple[float, float]:
    near_m, far_m = section.numbers("depth_range", "m", 2)
    if not 0 <= near_m < far_m:
        raise section.error(
            "depth_range", f"is [{near_m:g}, {far_m:g}], expected [NEAR, FAR] in m, 0 or more each"
        )
    return near_m, far_m


def _is_compressed(topic: str, section: Section) -> bool:
    if "compressed" in section:
        return section.boolean("compressed")
    return topic.rsplit("/", 1)[-1] == "compressed"


def _video_key(camera: str) -> str:
    return {"exterior": "exterior_image_1"}.get(camera, f"{camera}_image")


def _commands(section: Section) -> Commands:
    pose = section.section("ee_pose") if "ee_pose" in section else None
    commands = Commands(
        ee_pose=pose.topic("topic") if pose else None,
        ee_pose_time=_time(pose) if pose else StreamTime(),
        joint_position=_command_topic(section, "joint_position"),
        grip=_grip_command(section.section("grip")) if "grip" in section else None,
        twist=_command_topic(section, "twist"),
    )
    if pose:
        pose.finish()
    section.finish()
    return commands


def _command_topic(section: Section, key: str) -> str | None:
    if key not in section:
        return None
    command = section.section(key)
    topic = command.topic("topic")
    command.finish()
    return topic


def _grip_command(section: Section) -> GripCommand:
    opened, closed = _open_closed(section)
    kind = section.choice("type", GRIP_TYPES) if "type" in section else GRIP_TYPES[0]
    in_trajectory = kind == "trajectory"
    command = GripCommand(
        "" if in_trajectory else section.topic("topic"),
        opened,
        closed,
        kind,
        section.text("joint", "the gripper's joint name") if in_trajectory else "",
        section.positive("max_effort", "N") if "max_effort" in section else 0.0,
        _time(section, is_stamped=False),
    )
    section.finish()
    return command


def _output(section: Section) -> Output:
    kinematics = None
    if "kinematics" in section:
        part = section.section("kinematics")
        urdf = part.text("urdf", "the path of a URDF file") if "urdf" in part else ""
        kinematics = ToolKinematics(part.text("tool", "the link at the tool"), urdf)
        part.finish()
    output = Output(
        profile=section.choice("profile", tuple(OUTPUT_PROFILES)),
        rate_hz=section.number("rate", "Hz", MIN_RATE_HZ, 1000.0),
        kinematics=kinematics,
    )
    section.finish()
    return output


def _check_output(robot: RobotConfig, root: Section) -> None:
    profile = robot.output.profile
    needed = OUTPUT_PROFILES[profile]
    if getattr(robot.commands, needed) is None:
        raise root.error(
            f"commands.{needed}",
            f"is missing, expected a topic because output.profile is {profile}",
        )
    grip = robot.commands.grip
    if grip and grip.type == "trajectory" and robot.output.commanded != JOINT_POSITION:
        raise root.error(
            "commands.grip.type",
            f"is trajectory, expected float64 or gripper_command because output.profile is "
            f"{profile}",
        )
    name = robot.output.commanded.name
    if name not in robot.observations.signals:
        raise root.error(
            f"observations.{name}",
            f"is missing, expected a topic because output.profile is {profile}: a motion begins "
            "where the robot is",
        )
