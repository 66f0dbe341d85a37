"""A codec file: what it says, and the codec that it makes for a robot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from groot_ros.codecs.codec import FPS, HORIZON, Codec, Timing, Video, VideoPart
from groot_ros.codecs.parts import (
    COMMANDED,
    LABELS,
    NOW,
    ActionPart,
    Affine,
    Ignored,
    ObservationPart,
    Part,
    Tool,
)
from groot_ros.codecs.pictures import FITS
from groot_ros.codecs.representations.base import (
    Representation,
    default_name,
    representation_class,
    representation_names,
)
from groot_ros.errors import UserError, did_you_mean
from groot_ros.files.section import Section
from groot_ros.observation.types import LANGUAGE
from groot_ros.robot.config import RobotConfig
from groot_ros.signals.kinds import JOINTS
from groot_ros.signals.signals import SignalSpec, arm_signal

EACH_CAMERA = "each_camera"
"""Stands for every camera of the robot file, under its key there."""
FASTEST_FPS = 240
# Far more than any model reads or answers.
MOST_NUMBERS, MOST_STEPS, MOST_PIXELS = 1024, 4096, 8192


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

    @property
    def relative(self) -> bool:
        """Whether any action is relative."""
        return bool(self.relative_keys)

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
            self.codec_name,
            ObservationPart(state),
            ActionPart(tuple(action)),
            Video(build_cameras(self, robot)),
            timing or self.timing,
            self.language,
        )


def build_part(file: CodecFile, entry: Entry, robot: RobotConfig, group: str) -> Part:
    """The part of a codec that an entry of state or action is for a robot."""
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
        tool=_checked_tool(file, entry, signal, robot, group),
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


def _checked_tool(
    file: CodecFile, entry: Entry, signal: SignalSpec, robot: RobotConfig, group: str
) -> Tool | None:
    tool, kinematics = entry.tool, robot.arm_of(signal.name).output.kinematics
    link = signal.link or (kinematics.tool if kinematics else "")
    if tool and link and tool.of != link:
        raise UserError(
            f"codec {file.name}: {group}.{entry.key}.tool is in link {tool.of}, but {signal.name} "
            f"of robot {robot.name} is the pose of {link}: give the tool's pose in {link}"
        )
    return tool


def build_cameras(file: CodecFile, robot: RobotConfig) -> dict[str, VideoPart]:
    """The pictures of a codec for a robot, by key."""
    cameras = robot.observations.cameras
    if not cameras:
        raise UserError(f"robot {robot.name} has no observations.cameras, expected at least one")
    found: dict[str, VideoPart] = {}
    for key, part in file.video.items():
        if key == EACH_CAMERA:
            found |= {
                stream.key: VideoPart(name, part.width, part.height, part.fit, part.history)
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
    root = Section(values, source)
    codec_name = root.text("codec", "the codec's name")
    state, action = root.section("state"), root.section("action")
    file = CodecFile(
        name=name,
        codec_name=codec_name,
        modality_config=root.text("modality_config") if "modality_config" in root else name,
        state=tuple(_entry(key, section, "state") for key, section in state.sections()),
        action=tuple(_action(key, section) for key, section in action.sections()),
        video={key: _video(key, s) for key, s in root.section("video").sections()},
        language=root.text("language", "an annotation's key") if "language" in root else LANGUAGE,
        fps=root.integer("fps", 1, FASTEST_FPS) if "fps" in root else FPS,
        horizon=root.integer("horizon", 1, MOST_STEPS) if "horizon" in root else HORIZON,
        execute=root.integer("execute", 1, MOST_STEPS) if "execute" in root else 0,
        embodiment_tag=root.text("embodiment_tag") if "embodiment_tag" in root else "",
        relative_keys=root.names("relative") if "relative" in root else (),
        values=root.values,
    )
    root.finish()
    _check(file, root)
    return file


def _check(file: CodecFile, root: Section) -> None:
    for name, group in (("state", file.state), ("action", file.action)):
        keys = [key for entry in group for key in entry_keys(entry)]
        if not keys:
            raise root.error(name, "is empty, expected a key for each of the model's")
        if twice := next((key for key in keys if keys.count(key) > 1), None):
            raise root.error(f"{name}.{twice}", "is there twice, expected every key once")
    if not file.video:
        raise root.error("video", f"is empty, expected keys of pictures, or {EACH_CAMERA}")
    if not any(isinstance(entry, Entry) for entry in file.action):
        raise root.error("action", "is ignored as a whole, expected a signal for the robot")
    known = [key for entry in file.action for key in entry_keys(entry)]
    for key in file.relative_keys:
        if key not in known:
            raise root.error("relative", f"holds {key}, expected some of {', '.join(known)}")
    for what, histories in (
        ("state", {entry.history for entry in file.state}),
        ("video", {part.history for part in file.video.values()}),
    ):
        if len(histories) > 1:
            raise root.error(what, "has different histories, expected one for all its keys")


def entry_keys(entry: Entry | Ignored) -> tuple[str, ...]:
    """The keys of columns that an entry makes."""
    return (isinstance(entry, Entry) and entry.keys) or (entry.key,)


def _action(key: str, section: Section) -> Entry | Ignored:
    if "ignored" not in section or not section.boolean("ignored"):
        return _entry(key, section, "action")
    ignored = Ignored(key, section.integer("size", 1, MOST_NUMBERS))
    section.finish()
    return ignored


def _entry(key: str, section: Section, group: str) -> Entry:
    name = section.choice("as", representation_names()) if "as" in section else ""
    # Without a name the only options there are must do: those of a closure.
    name = name or ("closure" if "binary" in section else "")
    affine = section.section("affine") if "affine" in section else None
    tool = section.section("tool") if "tool" in section else None
    entry = Entry(
        key=key,
        signal=section.text("signal", "the name of a signal of the robot file"),
        form=representation_class(name).read(section) if name else None,
        keys=section.names("keys") if "keys" in section else (),
        unit=section.choice("unit", ("rad", "deg", "percent")) if "unit" in section else "",
        affine=_affine(affine) if affine else None,
        tool=_tool(tool) if tool else None,
        label=_label(section) if group == "action" else COMMANDED,
        history=_history(section) if group == "state" else NOW,
    )
    section.finish()
    return entry


def _label(section: Section) -> str:
    return section.choice("label", LABELS) if "label" in section else COMMANDED


def _affine(section: Section) -> Affine:
    affine = Affine(
        section.number_or_numbers("scale", "1") if "scale" in section else (1.0,),
        section.number_or_numbers("offset", "the unit") if "offset" in section else (0.0,),
    )
    if 0.0 in affine.scale:
        raise section.error("scale", "holds 0, from which there is no way back")
    section.finish()
    return affine


def _tool(section: Section) -> Tool:
    tool = Tool(section.text("of", "the link whose pose the robot tells"), section.pose())
    section.finish()
    return tool


def _history(section: Section) -> tuple[int, ...]:
    if "history" not in section:
        return NOW
    steps = section.integers("history", -MOST_STEPS, 0)
    if not steps or steps[-1] != 0 or list(steps) != sorted(set(steps)):
        raise section.error("history", "expected steps in their order, the last one 0: [-15, 0]")
    return steps


def _video(key: str, section: Section) -> VideoPart:
    size = section.part("size")
    given = "size" in section
    part = VideoPart(
        camera="" if key == EACH_CAMERA else section.text("camera", "a camera of the robot file"),
        width=size.integer("width", 1, MOST_PIXELS) if given else VideoPart.width,
        height=size.integer("height", 1, MOST_PIXELS) if given else VideoPart.height,
        fit=section.choice("fit", tuple(FITS)) if "fit" in section else VideoPart.fit,
        history=_history(section),
    )
    size.finish()
    section.finish()
    return part
