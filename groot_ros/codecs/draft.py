"""A codec file for somebody else's keys: what their names, sizes and ranges say, and what not."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import yaml

from groot_ros.codecs.codec import FPS, HORIZON, VideoPart
from groot_ros.codecs.file import CodecFile
from groot_ros.codecs.keys import FILL_IN
from groot_ros.codecs.parts import NOW
from groot_ros.codecs.pose_frame import PoseFrame, pose_link
from groot_ros.codecs.representations.base import representation_class
from groot_ros.robot.config import RobotConfig
from groot_ros.robot.observations import Observations
from groot_ros.signals.kinds import CLOSURE, JOINTS, POSE
from groot_ros.signals.signals import EE_POSE, GRIP, JOINT_POSITION, SignalSpec

# Joints turn by less than this; what goes further is no rad.
MOST_RAD = 2.2 * math.pi
# What LeRobot's grippers stray from 0 to 100.
PERCENT_MARGIN = 10.0
POSE_SIZES = {7: "xyz_quat", 9: "xyz_rot6d", 6: "xyz_rpy"}
POSE_WORDS = ("eef", "ee_pose", "ee_", "pose", "tcp", "cartesian", "end_effector")
GRIP_WORDS = ("grip", "finger", "hand_close")
JOINT_WORDS = ("joint", "arm", "qpos")
SPREAD = ("x", "y", "z", "roll", "pitch", "yaw")


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A key as others tell it: how many numbers it has, and between which values they lie.

    `size` is 0 and `low`, `high` are empty where nobody says; `form` is a representation that
    they name.
    """

    key: str
    size: int = 0
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    form: str = ""

    @property
    def largest(self) -> float:
        """Largest magnitude, 0 where nobody says."""
        return max((abs(number) for number in (*self.low, *self.high)), default=0.0)


@dataclass(frozen=True, kw_only=True)
class Foreign:
    """What a checkpoint or a dataset of others reads and answers, keys in their order.

    `video` is by key, sizes (width, height) in pixels or None. What is known of an embodiment
    beside its files: the `frame` of its poses, above which answer its gripper closes
    (`grip_threshold`), which of two motions its makers follow, how many steps they execute.
    """

    name: str
    state: Sequence[Seen]
    action: Sequence[Seen]
    video: Mapping[str, tuple[int, int] | None]
    language: str
    fps: int | None = None
    horizon: int | None = None
    state_history: tuple[int, ...] = NOW
    video_history: tuple[int, ...] = NOW
    embodiment_tag: str = ""
    relative: tuple[str, ...] = ()
    frame: PoseFrame | None = None
    grip_threshold: float | None = None
    followed: str = ""
    execute: int = 0


# Column of xyz + wxyz that the sign `reference` keeps from being below 0 (see `xyz_quat`).
QX, QX_MARGIN = 4, 0.01


@dataclass
class Draft:
    """A codec file under construction: its lines, and what to say of them."""

    lines: list[str] = field(default_factory=list)
    guessed: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The file."""
        return "\n".join(self.lines) + "\n"

    def add(self, key: str, value: object, comment: str = "", indent: str = "  ") -> None:
        """A key with its value in one line."""
        flow = yaml.safe_dump({key: value}, default_flow_style=True, sort_keys=False, width=1000)
        line = indent + flow.strip().removeprefix("{").removesuffix("}")
        self.lines.append(line + (f"  # {comment}" if comment else ""))


def copied(codec: CodecFile, source: str) -> Draft:
    """A draft that repeats a codec file that is known completely."""
    values = yaml.safe_dump(dict(codec.values), sort_keys=False, default_flow_style=None)
    return Draft([f"# As {source} has it.", "", *values.splitlines()])


def draft(foreign: Foreign, robot: RobotConfig | None) -> Draft:
    """A commented codec file; without a robot what depends on it is left to fill in."""
    made = Draft()
    made.lines += [f"# Drafted for {foreign.name}: look at every line with a comment.", ""]
    made.add("codec", _plain(foreign.name), indent="")
    made.lines.append("state:")
    for seen in _joined(foreign.state):
        values, comment = _entry(made, "state", seen=seen, robot=robot, foreign=foreign)
        if foreign.state_history != NOW:
            values |= {"history": list(foreign.state_history)}
        made.add(seen.key, values, comment)
    made.lines.append("action:")
    followed = _followed(foreign.action, robot)
    for seen in _joined(foreign.action):
        _add_action(made, seen, robot=robot, foreign=foreign, followed=followed)
    _say_followed(made, foreign, robot, followed)
    made.lines.append("video:")
    taken: set[str] = set()
    for key, size in foreign.video.items():
        _add_video(made, key, size=size, history=foreign.video_history, robot=robot, taken=taken)
    made.add("language", foreign.language, indent="")
    _add_times(made, foreign)
    if foreign.embodiment_tag:
        made.add("embodiment_tag", foreign.embodiment_tag, indent="")
    if foreign.relative:
        made.add("relative", list(foreign.relative), indent="")
    return made


def _plain(name: str) -> str:
    return "".join(c if c.isalnum() or c in "_-" else "_" for c in name) or "mine"


def _add_times(made: Draft, foreign: Foreign) -> None:
    if foreign.fps is None:
        made.unknown.append(f"fps: steps per second of the training data, {FPS} is taken")
    made.add("fps", foreign.fps or FPS, "" if foreign.fps else "not known", indent="")
    if foreign.horizon is None:
        made.guessed.append(f"horizon: {HORIZON}, as of the shipped codecs")
    made.add("horizon", foreign.horizon or HORIZON, indent="")
    if foreign.execute:
        made.add("execute", foreign.execute, indent="")


def _joined(group: Sequence[Seen]) -> Iterator[Seen]:
    """The keys, x to yaw as one that has them as `keys`."""
    keys = [seen.key for seen in group]
    start = next((i for i in range(len(keys)) if tuple(keys[i : i + 6]) == SPREAD), None)
    for index, seen in enumerate(group):
        if start is None or not start <= index < start + 6:
            yield seen
        elif index == start:
            yield Seen(key="pose", size=6, form="xyz_rpy_keys")


def _is(seen: Seen, words: Sequence[str]) -> bool:
    return any(word in seen.key.lower() for word in words)


def _signal(seen: Seen, robot: RobotConfig | None) -> SignalSpec | None:
    """The signal that a key most likely is, None where nothing tells.

    The robot's own of that name, else what the words in a name of others mean, else the robot's
    first one of so many numbers.
    """
    streams = robot.observations if robot else Observations(cameras={})
    own = {name: streams.spec(name) for name in streams.signals}
    may_be_pose = bool(seen.form) or seen.size in (0, *POSE_SIZES)
    named = next((spec for spec in own.values() if seen.key in (spec.name, spec.key)), None)
    if named and (may_be_pose or named.kind != POSE):
        return named
    told = None
    if seen.form or (may_be_pose and _is(seen, POSE_WORDS)):
        told = EE_POSE
    elif seen.size in (0, 1) and _is(seen, GRIP_WORDS):
        told = GRIP
    elif _is(seen, JOINT_WORDS) and not _is(seen, GRIP_WORDS):
        told = JOINT_POSITION
    if told:
        return own.get(told.name, told)
    return next((spec for spec in own.values() if len(spec.columns) == seen.size > 1), None)


def _entry(
    made: Draft, group: str, seen: Seen, robot: RobotConfig | None, foreign: Foreign
) -> tuple[dict[str, object], str]:
    """The values of an entry, and a comment where they are doubtful."""
    where, signal = f"{group}.{seen.key}", _signal(seen, robot)
    if signal is None:
        made.unknown.append(f"{where}: which signal its {seen.size} numbers are")
        return {"signal": FILL_IN}, f"{seen.size} numbers: name a signal of the robot file"
    if signal.kind == POSE:
        return _pose(made, where, seen=seen, signal=signal, robot=robot, frame=foreign.frame)
    values: dict[str, object] = {"signal": signal.name}
    if signal.kind == CLOSURE and foreign.grip_threshold is not None:
        return values | ({"binary": foreign.grip_threshold} if group == "action" else {}), ""
    if signal.kind == CLOSURE:
        return _grip(made, where, seen, values)
    comment, own = "", len(signal.columns)
    if robot and own and seen.size not in (0, own):
        comment = f"{seen.size} numbers, {robot.name} has {own}"
        made.unknown.append(f"{where}: {comment}")
    if signal.kind == JOINTS and seen.largest > MOST_RAD:
        values["unit"] = "deg"
        comment = f"guessed: it goes to {seen.largest:.0f}, too far for rad"
        made.guessed.append(f"{where} is in degrees, because it goes to {seen.largest:.0f}")
    return values, comment


def _pose(
    made: Draft,
    where: str,
    seen: Seen,
    signal: SignalSpec,
    robot: RobotConfig | None,
    frame: PoseFrame | None,
) -> tuple[dict[str, object], str]:
    name = signal.name
    if seen.form == "xyz_rpy_keys":
        made.guessed.append(f"{where}: x to yaw are roll, pitch, yaw about fixed axes in rad")
        return {"signal": name, "as": "xyz_rpy", "keys": list(SPREAD)}, "or xyz_rotvec"
    if seen.form:
        values: dict[str, object] = {"signal": name, "as": seen.form}
        if frame is None:
            made.unknown.append(f"{where}: of which link its poses are; see `tool`")
            return values, "of which link? see `tool`"
        return _framed(made, where, values=values, signal=name, robot=robot, frame=frame)
    form = POSE_SIZES.get(seen.size, "xyz_rot6d")
    doubt = {"xyz_quat": "wxyz, or order: xyzw", "xyz_rpy": "or xyz_rotvec"}.get(form, "")
    made.guessed.append(f"{where} is {form}" + (f" ({doubt})" if doubt else ""))
    values = {"signal": name, "as": form}
    if form == "xyz_quat" and len(seen.low) > QX and seen.low[QX] < -QX_MARGIN:
        values["sign"] = "driver"
        made.guessed.append(
            f"{where} has the quaternions' signs as they came: qx goes to {seen.low[QX]:.2f}"
        )
    return values, f"guessed{': ' if doubt else ''}{doubt}"


def _framed(
    made: Draft,
    where: str,
    values: dict[str, object],
    signal: str,
    robot: RobotConfig | None,
    frame: PoseFrame,
) -> tuple[dict[str, object], str]:
    """The values with the tool of a known frame."""
    link = frame.link_of(robot)
    tool = {"of": link, "quat_wxyz": list(frame.quat_wxyz)}
    if link == FILL_IN:
        assert robot
        made.unknown.append(f"{where}: which link of {robot.name} is {frame.words}")
        return values | {"tool": tool}, f"name the link that is {frame.words}"
    if robot and not pose_link(robot, signal):
        made.unknown.append(
            f"{where}: of which link {signal} of {robot.name} is the pose, of which {link} "
            "is taken: add `link` to it in the robot file"
        )
    return values | {"tool": tool}, frame.words


def _say_followed(
    made: Draft, foreign: Foreign, robot: RobotConfig | None, followed: SignalSpec | None
) -> None:
    """Where the robot follows another motion than the checkpoint's makers do, how to have that."""
    if robot and followed and foreign.followed and followed.name != foreign.followed:
        made.guessed.append(
            f"the makers of {foreign.embodiment_tag} follow {foreign.followed}: draft for a copy "
            "of the robot file with an output of joints, without `kinematics`, to do so, too"
        )


def _grip(
    made: Draft, where: str, seen: Seen, values: dict[str, object]
) -> tuple[dict[str, object], str]:
    low, high = (*seen.low, 0.0)[0], (*seen.high, 1.0)[0]
    scale = round(high - low, 4)
    # A range of nothing, of a gripper that never moved, tells nothing.
    if scale == 0.0 or (low >= -0.1 and high <= 1.1):
        made.guessed.append(f"{where} is 0 open, 1 closed")
        return values, "guessed: 0 open, 1 closed"
    values["affine"] = {"scale": scale, "offset": round(low, 4)}
    if low >= -PERCENT_MARGIN and 100.0 / 2 < high <= 100.0 + PERCENT_MARGIN:
        values["affine"] = {"scale": 100.0, "offset": 0.0}
        made.guessed.append(f"{where} is 0 open, 100 closed; the other way round scale is -100")
        return values, "guessed: 0 open, 100 closed, or {scale: -100, offset: 100}"
    made.guessed.append(f"{where} is {low:g} open, {high:g} closed")
    return values, f"guessed: {low:g} open, {high:g} closed"


def _followed(group: Sequence[Seen], robot: RobotConfig | None) -> SignalSpec | None:
    """The signal of a motion that the robot follows where the actions hold two."""
    signals = (_signal(seen, robot) for seen in _joined(group))
    if len({signal.kind for signal in signals if signal and signal.kind.is_motion}) < 2:
        return None
    return robot.output.signal if robot else JOINT_POSITION


def _add_action(
    made: Draft,
    seen: Seen,
    robot: RobotConfig | None,
    foreign: Foreign,
    followed: SignalSpec | None,
) -> None:
    signal = _signal(seen, robot)
    if signal is None:
        why = "no signal of that name"
    elif followed and signal.kind.is_motion and signal.kind != followed.kind:
        why = f"the robot follows {followed.name}"
    else:
        made.add(seen.key, *_entry(made, "action", seen=seen, robot=robot, foreign=foreign))
        return
    made.guessed.append(f"action.{seen.key} is ignored: {why}")
    size = _size(seen, signal)
    made.add(seen.key, {"ignored": True, "size": size}, f"guessed: {why}")


def _size(seen: Seen, signal: SignalSpec | None) -> int:
    """How many numbers a key has; where nobody says, those of its form, else rot6d, or of the
    robot's signal."""
    if seen.size:
        return seen.size
    if signal and signal.kind == POSE:
        return len(representation_class(seen.form or "xyz_rot6d")().names(signal))
    return len(signal.columns) if signal and signal.columns else 7


def _add_video(
    made: Draft,
    key: str,
    size: tuple[int, int] | None,
    history: tuple[int, ...],
    robot: RobotConfig | None,
    taken: set[str],
) -> None:
    camera = _camera(key, robot, taken)
    comment = "guessed" if camera != FILL_IN else "name a camera of the robot file"
    if camera == FILL_IN:
        made.unknown.append(f"video.{key}: which camera it is")
    else:
        taken.add(camera)
        made.guessed.append(f"video.{key} is camera {camera}")
    values: dict[str, object] = {"camera": camera}
    if size:
        values["size"] = {"width": size[0], "height": size[1]}
    else:
        taken_size = f"{VideoPart.width} x {VideoPart.height}"
        made.unknown.append(f"video.{key}: its size in the training data, {taken_size} is taken")
    values["fit"] = VideoPart.fit
    if history != NOW:
        values["history"] = list(history)
    made.add(key, values, comment)


def _camera(key: str, robot: RobotConfig | None, taken: set[str]) -> str:
    if robot is None:
        return FILL_IN
    free = {name: s.key for name, s in robot.observations.cameras.items() if name not in taken}
    for name, known in free.items():
        if known == key or name.lower() in key.lower():
            return name
    near = difflib.get_close_matches(key, list(free.values()), n=1, cutoff=0.75)
    return next((name for name, known in free.items() if known in near), FILL_IN)
