"""Does this checkpoint fit this variant and this robot? Every difference, in one table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groot_ros.codecs.catalog import carried_codec
from groot_ros.codecs.codec import Codec
from groot_ros.codecs.file import CodecFile
from groot_ros.errors import UserError
from groot_ros.files.shell import quoted
from groot_ros.model.processing.modality import Modality
from groot_ros.observation.types import Feature
from groot_ros.robot.config import RobotConfig, robot_names, robot_path


@dataclass(frozen=True)
class Difference:
    """One row: what differs, how it is in the checkpoint and here, how to mend it."""

    what: str
    checkpoint: str
    here: str
    remedy: str


def check_fit(
    folder: Path,
    modality: Modality,
    metadata: Mapping[str, Any],
    variant: CodecFile,
    robot: RobotConfig,
) -> None:
    """UserError with a table when the checkpoint was made for another variant or robot.

    `metadata` is the checkpoint's groot_ros.json, empty for a checkpoint from elsewhere: then
    only what NVIDIA's files tell is compared.
    """
    carried = carried_codec(metadata, str(folder))
    named = "auto" if carried else codec_argument(variant)
    options = f"variant:={named} checkpoints_dir:={quoted(folder)}"
    told = {**metadata, "cameras": modality.video_keys}
    other_robot = robot_remedy(told, robot, options)
    other_variant = _command(folder, modality, metadata, robot)
    codec = variant.codec(robot)
    ours = Interface.of(variant, codec, lambda feature: _sized(feature.key, feature.size))
    # With its own codec it is the robot that differs.
    is_own = is_own_codec(metadata, str(folder), variant)
    rows = list(
        interface_differences(_interface(modality), ours, other_robot if is_own else other_variant)
    )
    rows += metadata_differences(
        metadata, codec, robot=robot, other_variant=other_variant, other_robot=other_robot
    )
    if rows:
        raise UserError(
            f"the checkpoint does not fit variant {variant.name} and robot {robot.name}:\n"
            + format_table(rows)
        )


def _command(
    folder: Path, modality: Modality, metadata: Mapping[str, Any], robot: RobotConfig
) -> str:
    """What to run instead: the checkpoint's own codec, or the draft of one."""
    name = robot_argument(robot)
    if carried_codec(metadata, str(folder)):
        return (
            "ros2 launch groot_ros policy.launch.py variant:=auto "
            f"robot:={name} checkpoints_dir:={quoted(folder)}"
        )
    return (
        f"groot-ros codec draft --checkpoint {quoted(folder)} --embodiment "
        f"{modality.embodiment} --robot {name} --output mine.yaml"
    )


def is_own_codec(told: Mapping[str, Any], source: str, variant: CodecFile) -> bool:
    """Whether a variant says what the codec says that a checkpoint or a server carries."""
    try:
        carried = carried_codec(told, source)
    except UserError:
        # A stranger's, which cannot be read: no variant is it.
        return False
    return carried is not None and _content(carried) == _content(variant)


def _content(codec: CodecFile) -> dict[str, Any]:
    """What a codec file says, without the embodiment that a training adds."""
    return {key: value for key, value in codec.values.items() if key != "embodiment_tag"}


def robot_argument(robot: RobotConfig) -> str:
    """How a command names a robot, as a shell takes it."""
    is_shipped = robot.name in robot_names() and robot.file in ("", str(robot_path(robot.name)))
    return robot.name if is_shipped else quoted(robot.file or "YOUR_ROBOT.yaml")


def codec_argument(codec: CodecFile) -> str:
    """How a command names a codec, as a shell takes it."""
    return quoted(codec.file or codec.name)


def robot_remedy(told: Mapping[str, Any], robot: RobotConfig, options: str) -> str:
    """The launch with the robot that a model says it was made for, where another one of that name
    ships; otherwise the command that tells what to write in the robot file, line by line."""
    made_for, name = told.get("robot"), robot_argument(robot)
    if made_for in robot_names() and made_for != name:
        return f"ros2 launch groot_ros policy.launch.py robot:={made_for} {options}"
    command = f"groot-ros robot check {name}"
    for key in ("base_frame", "joints", "cameras"):
        if values := told.get(key):
            words = [values] if isinstance(values, str) else values
            command += f" --{key.replace('_', '-')} {' '.join(map(quoted, words))}"
    return command


@dataclass(frozen=True, kw_only=True)
class Interface:
    """What a model or a codec reads and answers: keys in their order, whether actions are
    relative, which steps are read; None for what nobody says."""

    state: Sequence[str] | None
    action: Sequence[str] | None
    video: Sequence[str] | None
    pictures: Mapping[str, str]
    """Size and fit of cameras' pictures, as far as they are said."""
    relative: bool | None
    state_history: tuple[int, ...]
    video_history: tuple[int, ...]

    @classmethod
    def of(cls, variant: CodecFile, codec: Codec, name: Callable[[Feature], str]) -> Interface:
        """The interface of a codec, each of whose columns is called `name`."""
        features = codec.features
        return cls(
            state=[name(feature) for feature in features.state],
            action=[name(feature) for feature in features.action],
            video=list(features.video),
            pictures={
                key: f"{part.width}x{part.height} {part.fit}"
                for key, part in codec.video.parts.items()
            },
            relative=variant.relative,
            state_history=codec.state.history,
            video_history=codec.video.history,
        )


def interface_differences(
    theirs: Interface, ours: Interface, other_variant: str
) -> Iterator[Difference]:
    """Differences between a model and a codec, as far as both are known; `other_variant` is the
    remedy."""
    for what, there, here in (
        ("state", theirs.state, ours.state),
        ("action", theirs.action, ours.action),
        ("cameras", theirs.video, ours.video),
    ):
        if there is not None and here is not None and set(there) != set(here):
            yield Difference(what, " ".join(there), " ".join(here), other_variant)
    for key, picture in theirs.pictures.items():
        if picture != ours.pictures.get(key, picture):
            yield Difference(f"picture {key}", picture, ours.pictures[key], other_variant)
    if theirs.relative not in (None, ours.relative):
        words = {True: "relative", False: "absolute", None: ""}
        yield Difference("actions", words[theirs.relative], words[ours.relative], other_variant)
    for what, read, wanted in (
        ("history of state", theirs.state_history, ours.state_history),
        ("history of video", theirs.video_history, ours.video_history),
    ):
        if read != wanted:
            there, here = (" ".join(map(str, steps)) for steps in (read, wanted))
            yield Difference(what, there, here, other_variant)


def _interface(modality: Modality) -> Interface:
    return Interface(
        state=[_sized(key, size) for key, size in modality.state.items()],
        action=[_sized(action.key, action.dim) for action in modality.actions],
        video=modality.video_keys,
        pictures={},
        relative=any(action.config.relative for action in modality.actions),
        state_history=modality.state_delta,
        video_history=modality.video_delta,
    )


def _sized(key: str, size: int) -> str:
    return f"{key}[{size}]"


def metadata_differences(
    metadata: Mapping[str, Any],
    codec: Codec,
    robot: RobotConfig,
    other_variant: str,
    other_robot: str,
) -> Iterator[Difference]:
    """How what groot_ros.json or a server of this package tells differs from what is here.

    `other_variant` mends another codec, `other_robot` another robot.
    """
    joints = codec.state.joints
    for what, key, ours in (
        ("joints", "joints", " ".join(joints)),
        ("base frame", "base_frame", robot.base_frame),
        ("codec", "codec", codec.name),
    ):
        if key not in metadata or (key == "joints" and not joints):
            continue
        theirs = metadata[key] if isinstance(metadata[key], str) else " ".join(metadata[key])
        if theirs != ours:
            remedy = other_variant if key == "codec" else other_robot
            yield Difference(what, theirs, ours, remedy)


def format_table(rows: list[Difference]) -> str:
    """The rows as aligned columns under a heading."""
    cells = [("what", "checkpoint", "variant and robot", "how to mend it")]
    cells += [(row.what, row.checkpoint, row.here, row.remedy) for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(4)]
    return "\n".join(
        "  "
        + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )
