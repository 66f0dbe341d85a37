"""Does this checkpoint fit this variant and this robot? Every difference, in one table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
from groot_ros.robot.config import RobotConfig, robot_names


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
    codec, remedy = variant.codec(robot), _command(folder, modality, metadata, robot)
    rows = list(_modality_differences(modality, variant, codec, remedy))
    named = "auto" if carried_codec(metadata, str(folder)) else quoted(variant.name)
    options = f"variant:={named} checkpoints_dir:={quoted(folder)}"
    other_robot = robot_remedy(metadata, options, f"groot-ros inspect {quoted(folder)}")
    rows += metadata_differences(
        metadata, codec, robot=robot, other_variant=remedy, other_robot=other_robot
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


def robot_argument(robot: RobotConfig) -> str:
    """How a command names a robot, as a shell takes it."""
    return robot.name if robot.name in robot_names() else quoted(robot.file or "YOUR_ROBOT.yaml")


def robot_remedy(metadata: Mapping[str, Any], options: str, otherwise: str) -> str:
    """The launch with the robot that a model says it was made for, where that one ships.

    `otherwise` is the command that tells what robot it was.
    """
    made_for = metadata.get("robot")
    if made_for not in robot_names():
        return otherwise
    return f"ros2 launch groot_ros policy.launch.py robot:={made_for} {options}"


def _modality_differences(
    modality: Modality, variant: CodecFile, codec: Codec, other_variant: str
) -> Iterator[Difference]:
    features = codec.features
    for what, theirs, ours in (
        ("state", _sizes(modality.state), _feature_sizes(features.state)),
        (
            "action",
            _sizes({action.key: action.dim for action in modality.actions}),
            _feature_sizes(features.action),
        ),
    ):
        if set(theirs) != set(ours):
            yield Difference(what, " ".join(theirs), " ".join(ours), other_variant)
    if set(modality.video_keys) != set(features.video):
        yield Difference(
            "cameras",
            " ".join(modality.video_keys),
            " ".join(features.video),
            other_variant,
        )
    relative = any(action.config.relative for action in modality.actions)
    if relative != variant.relative:
        words = {True: "relative", False: "absolute"}
        yield Difference("actions", words[relative], words[variant.relative], other_variant)
    yield from history_differences(
        modality.state_delta, modality.video_delta, codec, other_variant
    )


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


def history_differences(
    state: tuple[int, ...], video: tuple[int, ...], codec: Codec, other_variant: str
) -> Iterator[Difference]:
    """How the steps that a model reads differ from a codec's; `other_variant` mends it."""
    for what, theirs, ours in (
        ("history of state", state, codec.state.history),
        ("history of video", video, codec.video.history),
    ):
        if theirs != ours:
            there, here = (" ".join(map(str, steps)) for steps in (theirs, ours))
            yield Difference(what, there, here, other_variant)


def _sizes(keys: Mapping[str, int]) -> list[str]:
    return [f"{key}[{size}]" for key, size in keys.items()]


def _feature_sizes(features: tuple[Feature, ...]) -> list[str]:
    return _sizes({feature.key: feature.size for feature in features})


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
