"""A codec file: what it says, and the codec that it makes for a robot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from groot_ros.codecs.codec import FPS, HORIZON, Codec, Timing, Video, VideoPart
from groot_ros.codecs.keys import (
    EACH_CAMERA,
    ActionKeys,
    CodecKeys,
    EntryKeys,
    IgnoredKeys,
    StateKeys,
)
from groot_ros.codecs.parts import (
    COMMANDED,
    NOW,
    ActionPart,
    Affine,
    Ignored,
    ObservationPart,
    Part,
    Tool,
)
from groot_ros.codecs.pose_frame import pose_link
from groot_ros.codecs.representations.base import (
    Representation,
    default_name,
    representation_class,
    representation_names,
)
from groot_ros.errors import UserError, did_you_mean
from groot_ros.files.config_file import shown
from groot_ros.files.typed import KeyPath, typed
from groot_ros.geometry import matrix_to_pose, pose_to_matrix
from groot_ros.observation.types import LANGUAGE
from groot_ros.robot.config import RobotConfig
from groot_ros.robot.urdf import load_urdf
from groot_ros.signals.kinds import JOINTS
from groot_ros.signals.signals import SignalSpec, arm_signal

Keys = TypeVar("Keys", bound=EntryKeys)
IDENTITY = (0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A key of state or action: a signal in a representation; see `Part`."""

    key: str
    signal: str
    form: Representation | None
    """None: the one that the signal's kind has where nothing else is said."""
    keys: tuple[str, ...] = ()
    unit: str = ""
    affine: Affine | None = None
    tool: Tool | None = None
    label: str = COMMANDED
    history: tuple[int, ...] = NOW


@dataclass(frozen=True, kw_only=True)
class CodecFile:
    """What a codec file says, keys in its order; a robot makes a codec of it.

    Args:
        name: that by which it was asked for: of the file, without its ending.
        codec_name: that of what it makes, in datasets.
        modality_config: how training calls it.
        state: entries.
        action: entries, and sizes of what is ignored.
        video: by key; `EACH_CAMERA` among them.
        execute: steps that are executed before the next inference; 0 where it does not say.
        embodiment_tag: of checkpoints; empty where it does not say.
        fps: steps per second of datasets.
        horizon: steps of a chunk.
        relative_keys: action keys that the model's processor makes relative to the observed state.
        values: all of it, as it was read.
        file: where a user's own lies; None of others.
    """

    name: str
    codec_name: str
    modality_config: str
    state: tuple[Entry, ...]
    action: tuple[Entry | Ignored, ...]
    video: Mapping[str, VideoPart]
    language: str = LANGUAGE
    fps: int = FPS
    horizon: int = HORIZON
    execute: int = 0
    embodiment_tag: str = ""
    relative_keys: tuple[str, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    file: Path | None = field(default=None, compare=False)

    @property
    def relative(self) -> bool:
        """Whether any action is relative."""
        return bool(self.relative_keys)

    @property
    def state_history(self) -> tuple[int, ...]:
        """The steps at which all of the state is read, the last one 0."""
        return self.state[0].history

    @property
    def video_history(self) -> tuple[int, ...]:
        """The steps at which all pictures are read, the last one 0."""
        return next(iter(self.video.values())).history

    @property
    def timing(self) -> Timing:
        return Timing(self.horizon, 1_000_000_000 // self.fps)

    def codec(self, robot: RobotConfig, timing: Timing | None = None) -> Codec:
        """The codec for a robot; UserError when the robot file lacks something that it needs."""
        action = [
            entry if isinstance(entry, Ignored) else build_part(self, entry, robot, "action")
            for entry in self.action
        ]
        state = tuple(build_part(self, entry, robot, "state") for entry in self.state)
        return Codec(
            name=self.codec_name,
            state=ObservationPart(state),
            action=ActionPart(tuple(action)),
            video=Video(build_cameras(self, robot)),
            timing=timing or self.timing,
            language=self.language,
        )


def build_part(file: CodecFile, entry: Entry, robot: RobotConfig, group: str) -> Part:
    """The part of a codec that an entry of state or action is for a robot; UserError where the
    robot has no such signal or no representation fits it."""
    signal = _spec(file, entry, robot, group)
    form = entry.form
    if form is None:
        if (name := default_name(signal.kind)) is None:
            forms = [n for n in representation_names() if _takes(n, signal)]
            raise UserError(
                f"codec {file.name}: {group}.{entry.key}.as is missing, expected one of "
                f"{', '.join(forms)} for a signal of kind {signal.kind.name}"
            )
        form = representation_class(name)()
    if entry.unit and entry.unit not in form.units:
        allowed = ", ".join(form.units) or "none"
        raise UserError(
            f"codec {file.name}: {group}.{entry.key}.unit is {entry.unit}, which "
            f"{type(form).__name__} does not have, allowed here: {allowed}"
        )
    return Part(
        signal,
        form,
        key=entry.key,
        keys=entry.keys,
        unit=entry.unit,
        affine=entry.affine,
        tool=_placed_tool(file, entry, signal=signal, robot=robot, group=group),
        label=entry.label,
        history=entry.history,
    )


def _takes(name: str, signal: SignalSpec) -> bool:
    return signal.kind in representation_class(name).kinds


def _spec(file: CodecFile, entry: Entry, robot: RobotConfig, group: str) -> SignalSpec:
    has = robot.observations.signals
    if entry.signal in has:
        return robot.observations.spec(entry.signal)
    # What is only commanded need not be observed; the names of joints are in what is observed.
    spec = arm_signal(entry.signal) if group == "action" else None
    if spec and spec.kind != JOINTS and spec.arm in (robot.arms or ("",)):
        return spec
    hint = did_you_mean(entry.signal, has) or "add it to the robot file"
    raise UserError(
        f"robot {robot.name} has no observations.{entry.signal}, which variant {file.name} "
        f"reads: {hint} or choose another variant"
    )


def _placed_tool(
    file: CodecFile, entry: Entry, signal: SignalSpec, robot: RobotConfig, group: str
) -> Tool | None:
    """The tool in the link whose pose the robot tells, placed by its URDF where in another."""
    tool, arm, link = entry.tool, robot.arm_of(signal.name), pose_link(robot, signal.name)
    if tool is None or not link or tool.of == link:
        return tool
    what = f"codec {file.name}: {group}.{entry.key}.tool"
    told = f"{signal.name} of robot {robot.name} is the pose of {link}"
    if not arm.urdf:
        raise UserError(
            f"{what} is in link {tool.of}, but {told} and the robot file names no urdf, which "
            f"would tell where the one is in the other: name it, or give the tool's pose in {link}"
        )
    try:
        offset = load_urdf(arm.urdf).fixed(link, tool.of)
    except UserError as error:
        raise UserError(f"{what}: {error}; {told}, in which it can also be given") from None
    if offset is None:
        raise UserError(
            f"{what} is in link {tool.of}, but {told}, and a joint moves between the two: give "
            f"the tool's pose in {link}"
        )
    # The robot file may move the pose in its link.
    stream = robot.observations.signals.get(signal.name)
    moved = getattr(stream, "tool", None) or IDENTITY
    placed = np.linalg.inv(pose_to_matrix(np.array(moved))) @ offset @ tool.matrix
    return Tool(link, tuple(matrix_to_pose(placed).tolist()))


def build_cameras(file: CodecFile, robot: RobotConfig) -> dict[str, VideoPart]:
    """The pictures of a codec for a robot, by key; UserError where it has no such camera."""
    cameras = robot.observations.cameras
    if not cameras:
        raise UserError(f"robot {robot.name} has no observations.cameras, expected at least one")
    found: dict[str, VideoPart] = {}
    for key, part in file.video.items():
        if key == EACH_CAMERA:
            found |= {
                stream.key: VideoPart(
                    camera=name,
                    width=part.width,
                    height=part.height,
                    fit=part.fit,
                    history=part.history,
                )
                for name, stream in cameras.items()
            }
        elif part.camera in cameras:
            found[key] = part
        else:
            raise UserError(
                f"robot {robot.name} has no observations.cameras.{part.camera}, which variant "
                f"{file.name} shows as {key}, only {', '.join(cameras)}: "
                + (did_you_mean(part.camera, cameras) or "add it to the robot file")
            )
    return found


def parse_codec(values: object, name: str, source: str) -> CodecFile:
    """What a codec file says; `name` is the file's, `source` names it in errors."""
    place = KeyPath(source)
    keys = typed(values, CodecKeys, place)
    file = CodecFile(
        name=name,
        codec_name=keys.codec,
        modality_config=keys.modality_config or name,
        state=tuple(_state(k, v, place / "state" / k) for k, v in _entries(values, "state")),
        action=tuple(_action(k, v, place / "action" / k) for k, v in _entries(values, "action")),
        video={key: video.part for key, video in keys.video.items()},
        language=keys.language,
        fps=keys.fps,
        horizon=keys.horizon,
        execute=keys.execute or 0,
        embodiment_tag=keys.embodiment_tag or "",
        relative_keys=tuple(keys.relative or ()),
        values=dict(values) if isinstance(values, Mapping) else {},
    )
    _check(file, place)
    return file


def _entries(values: object, group: str) -> list[tuple[str, Mapping[str, Any]]]:
    """As they were read, since their own types take them again."""
    assert isinstance(values, Mapping)
    return [(str(key), entry) for key, entry in values[group].items()]


def _check(file: CodecFile, place: KeyPath) -> None:
    for name, group in (("state", file.state), ("action", file.action)):
        keys = [key for entry in group for key in entry_keys(entry)]
        if not keys:
            raise place.error("is empty, expected a key for each of the model's", name)
        if twice := next((key for key in keys if keys.count(key) > 1), None):
            raise (place / name).error("is there twice, expected every key once", twice)
    if not file.video:
        raise place.error(f"is empty, expected keys of pictures, or {EACH_CAMERA}", "video")
    if not any(isinstance(entry, Entry) for entry in file.action):
        raise place.error("is ignored as a whole, expected a signal for the robot", "action")
    known = [key for entry in file.action for key in entry_keys(entry)]
    for key in file.relative_keys:
        if key not in known:
            raise place.error(f"holds {key}, expected some of {', '.join(known)}", "relative")
    for what, histories in (
        ("state", {entry.history for entry in file.state}),
        ("video", {part.history for part in file.video.values()}),
    ):
        if len(histories) > 1:
            raise place.error("has different histories, expected one for all its keys", what)


def entry_keys(entry: Entry | Ignored) -> tuple[str, ...]:
    """The keys of columns that an entry makes."""
    return (isinstance(entry, Entry) and entry.keys) or (entry.key,)


def _state(key: str, values: Mapping[str, Any], place: KeyPath) -> Entry:
    form, keys = _entry(values, StateKeys, place)
    return replace(_made(key, form, keys), history=keys.history)


def _action(key: str, values: Mapping[str, Any], place: KeyPath) -> Entry | Ignored:
    if values.get("ignored", False) is not False:
        return Ignored(key, typed(values, IgnoredKeys, place).size)
    form, keys = _entry(values, ActionKeys, place)
    return replace(_made(key, form, keys), label=keys.label)


def _made(key: str, form: Representation | None, keys: EntryKeys) -> Entry:
    return Entry(
        key=key,
        signal=keys.signal,
        form=form,
        keys=tuple(keys.keys or ()),
        unit=keys.unit or "",
        affine=keys.affine.affine if keys.affine else None,
        tool=keys.tool.tool if keys.tool else None,
    )


def _entry(
    values: Mapping[str, Any], kind: type[Keys], place: KeyPath
) -> tuple[Representation | None, Keys]:
    """The representation that `as` names, with its options, and the other keys of an entry."""
    # Without a name the only options there are must do: those of a closure.
    name = values.get("as")
    if name is None and values.get("binary") is not None:
        name = "closure"
    if name is not None and name not in representation_names():
        near = did_you_mean(str(name), representation_names())
        allowed = ", ".join(representation_names()) + (f"; {near}" if near else "")
        raise place.error(f"is {shown(name)}, expected one of {allowed}", "as")
    form = None if name is None else representation_class(name)
    options = [option.name for option in fields(form)] if form else []
    rest = {key: value for key, value in values.items() if key not in ("as", *options)}
    keys = typed(rest, kind, place, others=("as", *options))
    own = {key: value for key, value in values.items() if key in options}
    return (typed(own, form, place) if form else None), keys
