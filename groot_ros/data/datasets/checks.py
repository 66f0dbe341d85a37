"""What the JSON of a dataset must hold before anything is read by it."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from groot_ros.data.datasets.formats import find_format, format_of
from groot_ros.data.datasets.writer import ACTION, STATE
from groot_ros.files.typed import KeyPath, Misfit, OpenSection, Text, number, text, typed, whole

MOST = 1 << 40
LARGEST_SHAPE = 1 << 20
# Of a path in a dataset; file systems allow 255 for a name.
PATH_LETTERS = 200
_INDEX = re.compile(r"(0?\d{1,2})?d?")
Count = Annotated[int, whole(0, MOST)]
Size = Annotated[int, whole(0, LARGEST_SHAPE)]
Pattern = Annotated[str, text("where files lie, such as data/episode_{episode_index:06d}.parquet")]


class FeatureEntry(OpenSection, frozen=True, kw_only=True):
    """A column of a dataset; its `names` are a list, lists by a word, or missing."""

    dtype: Text
    shape: tuple[Size, ...]
    names: Any = None

    def __post_init__(self) -> None:
        if self.dtype in ("video", "image") and len(self.shape) != 3:
            raise Misfit(f"is {list(self.shape)}, expected height, width and channels", "shape")


class Info(OpenSection, frozen=True, kw_only=True):
    """`info.json`: rate, columns, where files lie."""

    fps: Annotated[float, number("Hz", 0.01, 1e5)]
    codebase_version: Any = ""
    chunks_size: Annotated[int, whole(1, MOST)] | None = None
    total_frames: Count = 0
    features: dict[str, FeatureEntry]
    data_path: Pattern
    video_path: Pattern | None = None

    def __post_init__(self) -> None:
        places = find_format(self.format).places
        if "episode_chunk" in places and self.chunks_size is None:
            raise Misfit(f"is missing, expected a whole number from 1 to {MOST}", "chunks_size")
        for name, feature in self.features.items():
            _check_feature(feature, name)
        _check_place(self.data_path, "data_path", places)
        if any(feature.dtype == "video" for feature in self.features.values()):
            _check_place(self.video_path, "video_path", places)

    @property
    def format(self) -> str:
        """The name of its format."""
        return format_of(str(self.codebase_version))

    def of_type(self, dtype: str) -> list[str]:
        """Names of the columns of a type."""
        return [name for name, feature in self.features.items() if feature.dtype == dtype]

    def data(self, **place: object) -> str:
        """Where rows lie below the dataset, by the fields of `data_path`."""
        return self.data_path.format(**place)

    def video(self, **place: object) -> str:
        """Where pictures lie below the dataset, by the fields of `video_path`."""
        return (self.video_path or "").format(**place)


def _check_feature(feature: FeatureEntry, name: str) -> None:
    place, shape = f"features.{name[:40]}", feature.shape
    if feature.dtype == "video" and (len(name) > PATH_LETTERS or not _stays_inside(name)):
        raise Misfit("is no name that a folder can have", place)
    if name in (STATE, ACTION):
        if len(shape) != 1:
            raise Misfit(f"is {list(shape)}, expected how many numbers", f"{place}.shape")
        if isinstance(feature.names, list):
            if not all(isinstance(each, str) for each in feature.names):
                raise Misfit("is no list of texts", f"{place}.names")
            if len(feature.names) != shape[0]:
                raise Misfit(f"has not the {shape[0]} names of its numbers", f"{place}.names")


def _check_place(pattern: str | None, key: str, fields: Iterable[str]) -> None:
    if pattern is None:
        raise Misfit("is missing, expected where files lie", key)
    try:
        parts = list(string.Formatter().parse(pattern))
    except ValueError:
        raise Misfit("has braces that do not match", key) from None
    for _, field, form, conversion in parts:
        if field is None:
            continue
        allowed = r"" if field == "video_key" else _INDEX
        if field not in fields or conversion or not re.fullmatch(allowed, form or ""):
            raise Misfit(f"has the field {field[:40]!r}, expected {', '.join(fields)}", key)
    if len(pattern) > PATH_LETTERS or not _stays_inside(pattern):
        raise Misfit("is no short path below the dataset", key)


def _stays_inside(path: str) -> bool:
    pure = PurePosixPath(path)
    return not pure.is_absolute() and ".." not in pure.parts and "\0" not in path


class ColumnEntry(OpenSection, frozen=True, kw_only=True):
    """The column of a key, where its name does not say it."""

    original_key: Text | None = None


class SliceEntry(ColumnEntry, frozen=True, kw_only=True):
    """Numbers `start` to before `end` of a column."""

    start: Size
    end: Size

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise Misfit(f"is {self.end}, expected more than start, {self.start}", "end")


class ModalityFile(OpenSection, frozen=True, kw_only=True):
    """`modality.json`: which columns a key is."""

    state: dict[str, SliceEntry] = {}
    action: dict[str, SliceEntry] = {}
    video: dict[str, ColumnEntry] = {}
    annotation: dict[str, ColumnEntry] = {}

    def __post_init__(self) -> None:
        for group in ("state", "action", "video", "annotation"):
            for key in getattr(self, group):
                if len(key) > PATH_LETTERS:
                    raise Misfit(f"has a name of {len(key)} letters", f"{group}.{key[:40]}")


class SourceEntry(OpenSection, frozen=True, kw_only=True):
    """What was left out of a bag."""

    duplicates: Count
    dropped: dict[str, Count]


class OwnFile(OpenSection, frozen=True, kw_only=True):
    """`groot_ros.json` of a dataset: what training and validation take from it."""

    codec: Text | None = None
    labels: Text | None = None
    relative: Literal["se3", "elementwise"] | None = None
    horizon: Annotated[int, whole(1, 1 << 12)] | None = None
    sources: list[SourceEntry] = []


class EpisodeLine(OpenSection, frozen=True, kw_only=True):
    """An episode of the list of episodes."""

    episode_index: Count
    length: Count
    tasks: tuple[str, ...]


class TaskLine(OpenSection, frozen=True, kw_only=True):
    """A task of the list of tasks."""

    task_index: Count
    task: Text


class StatisticsLine(OpenSection, frozen=True, kw_only=True):
    """Statistics of an episode by column."""

    episode_index: Count
    stats: dict[str, Any]


class FilePlace(OpenSection, frozen=True, kw_only=True):
    """Which file of format v3 holds an episode's rows or pictures, and where in it they begin.

    An earlier version of ours, with a file for each episode, does not say where.
    """

    chunk_index: Count
    file_index: Count
    from_timestamp: Annotated[float, number("s", 0.0, MOST)] = 0.0

    @property
    def fields(self) -> dict[str, int]:
        """The fields that a path pattern is filled with."""
        return {"chunk_index": self.chunk_index, "file_index": self.file_index}


def file_place(row: Mapping[str, Any], prefix: str, source: str) -> FilePlace:
    """The place in the columns `prefix/chunk_index` and so on of an episode's row."""
    own = {
        name.removeprefix(f"{prefix}/"): value
        for name, value in row.items()
        if name.startswith(f"{prefix}/")
    }
    return typed(own, FilePlace, KeyPath(source, prefix))
