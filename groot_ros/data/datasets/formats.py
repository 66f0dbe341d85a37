"""What a format of datasets is, and how one is found by the name that users give it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from groot_ros.share import module_names

if TYPE_CHECKING:
    from groot_ros.data.datasets.reader import Dataset, EpisodeFiles
    from groot_ros.data.datasets.writer import DatasetWriter

FILE = "format_"
DEFAULT = "gr00t"


@dataclass(frozen=True, kw_only=True)
class DatasetFormat:
    """How a format is written and read.

    Args:
        version: how `codebase_version` of a dataset's `info.json` begins.
        writer: writes one, under that version.
        places: fields that the paths of its files may have.
        tasks: of a dataset by their index.
        episodes: of a dataset, and where they lie.
        statistics: of a dataset that has them, by episode, column and name, such as `min`.
        lists: its files, and folders that end in /, of lists of episodes and tasks.
        episode_list: its list of episodes, as a pattern of files.
        statistics_file: with a line of them for each episode; empty without one.
        shares_files: whether several episodes may lie in one file.
        counts_videos: whether `info.json` tells how many files there are.
    """

    version: str
    writer: type[DatasetWriter]
    places: tuple[str, ...]
    tasks: Callable[[Dataset], dict[int, str]]
    episodes: Callable[[Dataset], list[EpisodeFiles]]
    statistics: Callable[[Dataset], Mapping[int, Mapping[str, Mapping[str, Any]]]]
    lists: tuple[str, ...]
    episode_list: str
    statistics_file: str = ""
    shares_files: bool = False
    counts_videos: bool = False


@cache
def format_names() -> tuple[str, ...]:
    """Names of all formats: that of `format_lerobot_v3.py` is lerobot-v3."""
    modules = module_names(__package__, f"{FILE}*")
    return tuple(name.removeprefix(FILE).replace("_", "-") for name in modules)


def find_format(name: str) -> DatasetFormat:
    """The format of a name out of `format_names`."""
    module = importlib.import_module(f"{__package__}.{FILE}{name.replace('-', '_')}")
    found: DatasetFormat = module.FORMAT
    return found


@cache
def format_of(version: str) -> str:
    """The name of the format of a version; what is none of the others is NVIDIA's."""
    others = (name for name in format_names() if name != DEFAULT)
    return next((n for n in others if version.startswith(find_format(n).version)), DEFAULT)
