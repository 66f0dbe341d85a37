"""What the JSON of a dataset must hold before anything is read by it."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from groot_ros.data.datasets.writer import ACTION, STATE
from groot_ros.robot.section import Section

MOST = 1 << 40
LARGEST_SHAPE = 1 << 20
# Of a path in a dataset; file systems allow 255 for a name.
PATH_LETTERS = 200
_INDEX = re.compile(r"(0?\d{1,2})?d?")
V21_PLACES = ("episode_chunk", "episode_index", "video_key")
V3_PLACES = ("chunk_index", "file_index", "video_key")


def check_info(values: Any, source: str) -> None:
    """`info.json`: rate, features, where files lie; UserError names a key that is amiss."""
    info = Section(values, source)
    info.number("fps", "Hz", 0.01, 1e5)
    is_v3 = str(info.values.get("codebase_version", "")).startswith("v3")
    if not is_v3:
        info.integer("chunks_size", 1, MOST)
    if "total_frames" in info:
        info.integer("total_frames", 0, MOST)
    features = info.section("features")
    for name in features.values:
        _check_feature(features.section(name), name)
    _check_place(info, "data_path", V3_PLACES if is_v3 else V21_PLACES)
    if any(feature.get("dtype") == "video" for feature in features.values.values()):
        _check_place(info, "video_path", V3_PLACES if is_v3 else V21_PLACES)


def _check_feature(feature: Section, name: str) -> None:
    dtype = feature.text("dtype")
    shape = feature.integers("shape", 0, LARGEST_SHAPE)
    if dtype in ("video", "image") and len(shape) != 3:
        raise feature.error("shape", f"is {list(shape)}, expected height, width and channels")
    if dtype == "video" and (len(name) > PATH_LETTERS or not _stays_inside(name)):
        raise feature.error("", "is no name that a folder can have")
    if name in (STATE, ACTION):
        if len(shape) != 1:
            raise feature.error("shape", f"is {list(shape)}, expected how many numbers")
        named = feature.values.get("names")
        if isinstance(named, list) and len(feature.texts("names")) != shape[0]:
            raise feature.error("names", f"has not the {shape[0]} names of its numbers")


def _check_place(info: Section, key: str, fields: Iterable[str]) -> None:
    pattern = info.text(key, "where files lie, such as data/episode_{episode_index:06d}.parquet")
    try:
        parts = list(string.Formatter().parse(pattern))
    except ValueError:
        raise info.error(key, "has braces that do not match") from None
    for _, field, form, conversion in parts:
        if field is None:
            continue
        allowed = r"" if field == "video_key" else _INDEX
        if field not in fields or conversion or not re.fullmatch(allowed, form or ""):
            raise info.error(key, f"has the field {field[:40]!r}, expected {', '.join(fields)}")
    if len(pattern) > PATH_LETTERS or not _stays_inside(pattern):
        raise info.error(key, "is no short path below the dataset")


def _stays_inside(path: str) -> bool:
    pure = PurePosixPath(path)
    return not pure.is_absolute() and ".." not in pure.parts and "\0" not in path


def check_modality(values: Any, source: str) -> None:
    """`modality.json`: which columns a key is."""
    modality = Section(values, source)
    for group in ("state", "action", "video", "annotation"):
        if group not in modality:
            continue
        for key, place in modality.section(group).sections():
            if group in ("state", "action"):
                start = place.integer("start", 0, LARGEST_SHAPE)
                end = place.integer("end", 0, LARGEST_SHAPE)
                if end <= start:
                    raise place.error("end", f"is {end}, expected more than start, {start}")
            if "original_key" in place:
                place.text("original_key")
            if len(key) > PATH_LETTERS:
                raise place.error("", f"has a name of {len(key)} letters")


def check_own(values: Any, source: str) -> None:
    """`groot_ros.json`: what training and validation take from it."""
    own = Section(values, source)
    for key in ("codec", "labels"):
        if key in own:
            own.text(key)
    if "relative" in own:
        own.choice("relative", ("se3", "elementwise"))
    if "horizon" in own:
        own.integer("horizon", 1, 1 << 12)
    if "sources" in own:
        for entry in own.items("sources"):
            entry.integer("duplicates", 0, MOST)
            dropped = entry.section("dropped")
            for reason in dropped.values:
                dropped.integer(reason, 0, MOST)


def episode_line(line: Any, source: str) -> tuple[int, int, tuple[str, ...]]:
    """Index, length and tasks of an episode."""
    entry = Section(line, source)
    return (
        entry.integer("episode_index", 0, MOST),
        entry.integer("length", 0, MOST),
        entry.texts("tasks"),
    )


def task_line(line: Any, source: str) -> tuple[int, str]:
    """Index and words of a task."""
    entry = Section(line, source)
    return entry.integer("task_index", 0, MOST), entry.text("task")


def v3_place(row: Mapping[str, Any], prefix: str, source: str) -> dict[str, int]:
    """Which file holds an episode's rows or pictures."""
    entry = Section(row, source)
    return {
        name: entry.integer(f"{prefix}/{name}", 0, MOST) for name in ("chunk_index", "file_index")
    }


def v3_start_s(row: Mapping[str, Any], prefix: str, source: str) -> float:
    """Where in its video file an episode begins, in s."""
    name = f"{prefix}/from_timestamp"
    # Of an earlier version of ours, with a file for each episode.
    return Section(row, source).number(name, "s", 0.0, MOST) if name in row else 0.0
