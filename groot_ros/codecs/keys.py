"""What a codec file may say: its keys."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from groot_ros.codecs.codec import FPS, HORIZON, VideoPart
from groot_ros.codecs.parts import NOW, Affine, Tool
from groot_ros.files.typed import FileSection, Finite, Misfit, Names, Text, in_unit, text, whole
from groot_ros.observation.types import LANGUAGE
from groot_ros.robot.pose_stream import FixedPose

FILL_IN = "FILL_IN"
"""Stands in a draft where a person has to name something."""
EACH_CAMERA = "each_camera"
"""Stands for every camera of the robot file, under its key there."""
FASTEST_FPS = 240
# Far more than any model reads or answers.
MOST_NUMBERS, MOST_STEPS, MOST_PIXELS = 1024, 4096, 8192
Steps = Annotated[int, whole(1, MOST_STEPS)]
Pixels = Annotated[int, whole(1, MOST_PIXELS)]
History = tuple[Annotated[int, whole(-MOST_STEPS, 0)], ...]
SomeNumbers = Finite | Annotated[tuple[Finite, ...], Meta(min_length=1)]


def check_history(history: tuple[int, ...]) -> None:
    """Misfit where steps are not in their order or do not end with the observation."""
    if not history or history[-1] != 0 or list(history) != sorted(set(history)):
        problem = "expected steps in their order, the last one 0: [-15, 0]"
        raise Misfit(problem, "history")


class AffineKeys(FileSection, frozen=True, kw_only=True):
    """Numbers for all columns or one each; see Affine."""

    scale: SomeNumbers = 1.0
    offset: Annotated[SomeNumbers, in_unit("the unit")] = 0.0

    def __post_init__(self) -> None:
        if 0.0 in self.affine.scale:
            raise Misfit("holds 0, from which there is no way back", "scale")

    @property
    def affine(self) -> Affine:
        scale, offset = (v if isinstance(v, tuple) else (v,) for v in (self.scale, self.offset))
        return Affine(scale, offset)


class ToolKeys(FixedPose, frozen=True, kw_only=True):
    """The pose of the codec's frame in a link; see Tool."""

    of: Annotated[str, text("a link that is fixed to the one whose pose the robot tells")]

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.of == FILL_IN:
            raise Misfit("is still to be filled in, expected a link of the robot", "of")

    @property
    def tool(self) -> Tool:
        return Tool(self.of, self.pose)


class EntryKeys(FileSection, frozen=True, kw_only=True):
    """A key of state or action, besides `as` and the options of that representation."""

    signal: Annotated[str, text("the name of a signal of the robot file")]
    keys: Names | None = None
    unit: Literal["rad", "deg", "percent"] | None = None
    affine: AffineKeys | None = None
    tool: ToolKeys | None = None


class StateKeys(EntryKeys, frozen=True, kw_only=True):
    """A key of state."""

    history: History = NOW

    def __post_init__(self) -> None:
        check_history(self.history)


class ActionKeys(EntryKeys, frozen=True, kw_only=True):
    """A key of action."""

    label: Literal["commanded", "reached"] = "commanded"
    ignored: Literal[False] = False


class IgnoredKeys(FileSection, frozen=True, kw_only=True):
    """A key of action that the robot does not follow."""

    ignored: bool
    size: Annotated[int, whole(1, MOST_NUMBERS)]


class SizeKeys(FileSection, frozen=True, kw_only=True):
    """The size of a picture in pixels."""

    width: Pixels
    height: Pixels


class VideoKeys(FileSection, frozen=True, kw_only=True):
    """Pictures under a key; see VideoPart."""

    camera: Annotated[str, text("a camera of the robot file")] | None = None
    size: SizeKeys = SizeKeys(width=VideoPart.width, height=VideoPart.height)
    fit: Literal["pad", "crop", "stretch"] = "pad"
    history: History = NOW

    def __post_init__(self) -> None:
        check_history(self.history)

    @property
    def part(self) -> VideoPart:
        size = self.size
        return VideoPart(
            camera=self.camera or "",
            width=size.width,
            height=size.height,
            fit=self.fit,
            history=self.history,
        )


class CodecKeys(FileSection, frozen=True, kw_only=True):
    """A codec file; `state` and `action` are read by what `as` names."""

    codec: Annotated[str, text("the codec's name")]
    modality_config: Text | None = None
    state: dict[str, dict[str, Any]]
    action: dict[str, dict[str, Any]]
    video: dict[str, VideoKeys]
    language: Annotated[str, text("an annotation's key")] = LANGUAGE
    fps: Annotated[int, whole(1, FASTEST_FPS)] = FPS
    horizon: Steps = HORIZON
    execute: Steps | None = None
    embodiment_tag: Text | None = None
    relative: Names | None = None

    def __post_init__(self) -> None:
        for key, video in self.video.items():
            if (key == EACH_CAMERA) != (video.camera is None):
                problem = "is missing, expected a camera of the robot file"
                if video.camera:
                    problem = "is there, but these are all cameras of the robot file"
                raise Misfit(problem, f"video.{key}.camera")
