"""Extracted episodes to one dataset."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from groot_ros.chunks.envelope import measure_envelope
from groot_ros.codecs.catalog import OWN_KEY
from groot_ros.codecs.codec import Codec
from groot_ros.codecs.file import CodecFile
from groot_ros.data.bags.episode_info import SUCCESS
from groot_ros.data.conversion.extract import EpisodeResult
from groot_ros.data.datasets.formats import find_format
from groot_ros.data.datasets.pieces import CUTS, Piece, take
from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.datasets.statistics import relative_statistics
from groot_ros.data.datasets.writer import (
    LATER_COLUMNS,
    DatasetEpisode,
    DatasetWriter,
    describe,
    relative_pairs,
)
from groot_ros.data.playback.operator_commands import operator_names
from groot_ros.model.processing.relative import action_config
from groot_ros.robot.config import RobotConfig
from groot_ros.robot.robot import described

FORMAT = 2
# Their versions may change what is written.
LIBRARIES = ("av", "pyarrow", "rosbags")
IMAGE_PIPELINE = "decoded to RGB, fitted as the codec says, with bilinear filtering; H.264"


@dataclass(frozen=True)
class Recipe:
    """What is common to all episodes of a dataset."""

    robot: RobotConfig
    variant: CodecFile
    codec: Codec
    fps: int
    relative: str
    """se3 or elementwise: how `_rel` variants make actions relative."""
    format: str


def assemble(
    folder: Path,
    recipe: Recipe,
    episodes: Sequence[tuple[Path, EpisodeResult]],
    fingerprints: Mapping[str, str],
    left_out: Sequence[Mapping[str, str]] = (),
    base: Dataset | None = None,
) -> int:
    """Write the dataset of extracted episodes into a new folder; returns its frames.

    `episodes` are pairs of work folder and result, `fingerprints` the bags' by path,
    `left_out` the bags and episodes that could not be used, and why. The episodes of `base`, a
    dataset of the same recipe, come first.
    """
    operator = operator_names(recipe.robot)
    about = describe(recipe.codec, recipe.fps, recipe.robot.name, operator)
    if base:
        missing = set(LATER_COLUMNS) - set(base.info["features"])
        kept = {name: f for name, f in about.features.items() if name not in missing}
        about = replace(about, features=kept)
    writer = find_format(recipe.format).writer(folder, about)
    own = common_metadata(recipe) | {"bags": {}, "sources": [], "episodes": []}
    own["left_out"] = list(base.own.get("left_out", [])) if base else []
    if base:
        for episode in base.episodes:
            take(writer, Piece.whole(base, episode), folder.parent / CUTS)
        own |= {name: base.own[name] for name in ("bags", "sources", "episodes")}
    sources = []
    for source, (work, result) in enumerate(episodes, len(own["sources"])):
        for number, part in enumerate(result.parts):
            is_last = number == len(result.parts) - 1
            succeeded = result.outcome == SUCCESS and is_last
            index = len(writer.episodes)
            made = DatasetEpisode(index, work / part.folder, result.instruction, succeeded)
            writer.add(made, recipe.codec)
            sources.append({"episode_index": index, "source": source, "part": number})
    new = {path: {"fingerprint": digest} for path, digest in fingerprints.items()}
    own["bags"] = own["bags"] | new
    own["sources"] = [*own["sources"], *(result.to_dict() for _, result in episodes)]
    own["episodes"] = [*own["episodes"], *sources]
    own["left_out"] = [*own["left_out"], *left_out]
    relative = finish_metadata(own, writer, recipe.variant)
    writer.finish(own, relative)
    return writer.frames


def finish_metadata(
    own: dict[str, Any], writer: DatasetWriter, file: CodecFile | None
) -> dict[str, Any]:
    """Measure the rows that were written: the envelope, put into `own`, and the statistics of
    relative actions by key."""
    modality, pairs = writer.description.modality or {}, writer.pairs()
    own["versions"] = library_versions()
    own["envelope"] = measure_envelope(modality, pairs, own["fps"])
    found: dict[str, Any] = {}
    if file is None:
        return found
    for key in file.relative_keys:
        config = action_config(file, key, own["relative"])
        found[key] = relative_statistics(
            relative_pairs(modality, pairs, key), config, own["horizon"]
        )
    return found


def library_versions() -> dict[str, str]:
    """Versions of the libraries that may change what is written."""
    return {name: importlib.metadata.version(name) for name in LIBRARIES}


def common_metadata(recipe: Recipe) -> dict[str, Any]:
    """What the dataset says of how all its episodes were made."""
    robot, codec, video = recipe.robot, recipe.codec, recipe.codec.video
    width, height = video.size
    return {
        "format": FORMAT,
        "variant": recipe.variant.name,
        "codec": codec.name,
        OWN_KEY: dict(recipe.variant.values),
        "labels": codec.labels,
        "relative": recipe.relative if recipe.variant.relative else None,
        "horizon": codec.timing.horizon,
        "action_rate_hz": codec.timing.action_rate_hz,
        "fps": recipe.fps,
        "robot": robot.name,
        "base_frame": robot.base_frame,
        "joints": list(robot.joints),
        "robot_file": described(robot),
        "cameras": dict(video.cameras),
        "images": {"width": width, "height": height, "pipeline": IMAGE_PIPELINE},
    }
