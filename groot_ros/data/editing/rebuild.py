"""Pieces of datasets to one dataset."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groot_ros.codecs.catalog import carried_codec
from groot_ros.data.conversion.assembly import finish_metadata, library_versions
from groot_ros.data.datasets.edits import EDITS
from groot_ros.data.datasets.formats import find_format, format_names
from groot_ros.data.datasets.pieces import Piece, description_of, take
from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.datasets.statistics import COLUMN_STATISTICS
from groot_ros.data.datasets.writer import (
    ACTION,
    INFO,
    MODALITY,
    OWN_METADATA,
    RELATIVE_STATISTICS,
    STATE,
    STATISTICS,
    DatasetWriter,
)
from groot_ros.data.editing.provenance import edited_metadata
from groot_ros.data.review.report import REPORT, write_report
from groot_ros.errors import UserError

Watch = Callable[[Sequence[Piece]], Iterable[Piece]]
"""Hands on pieces one by one, and shows how many are done."""

# What the new dataset has of its own, and what its format adds; all other files are carried over.
MADE = (INFO, MODALITY, OWN_METADATA, RELATIVE_STATISTICS, STATISTICS, EDITS, REPORT)
MADE_FOLDERS = ("data/", "videos/")


@dataclass(frozen=True, kw_only=True)
class Rebuilt:
    """What was made."""

    episodes: int
    frames: int
    short: int = 0
    """Trimmed episodes that were left out since they are shorter than a chunk of actions."""
    lost: tuple[str, ...] = ()
    """Files that the new dataset lacks, since nobody knows how they were made."""


def rebuild(
    folder: Path, name: str, pieces: Sequence[Piece], format_: str, cuts: Path, watch: Watch = iter
) -> Rebuilt:
    """Write the dataset of pieces into a new folder; UserError for none.

    `name` is the one that the folder gets in the end, `format_` one of `format_names`. What is
    common to all is taken from the first piece's dataset. Parts of videos are kept in the
    folder `cuts`.
    """
    if not pieces:
        raise UserError("no episode would be left: delete the dataset's folder instead")
    first = pieces[0].dataset
    writer = find_format(format_).writer(folder, description_of(first, _known(pieces)))
    for piece in watch(pieces):
        take(writer, piece, cuts)
    own = edited_metadata(pieces)
    relative = _relative(writer, own, pieces) if own else {}
    writer.finish(own, relative)
    for other in _others(first.path):
        _copy(first.path / other, folder / other)
    lost: tuple[str, ...] = ()
    if not own and (first.path / RELATIVE_STATISTICS).exists():
        if _are_all_of_one(pieces):
            _copy(first.path / RELATIVE_STATISTICS, folder / RELATIVE_STATISTICS)
        else:
            lost = (RELATIVE_STATISTICS,)
    if own:
        write_report(Dataset(folder), name)
    return Rebuilt(episodes=len(writer.episodes), frames=writer.frames, lost=lost)


def _copy(source: Path, target: Path) -> None:
    """Not a link: people and tools change such files in place, and their source must stay."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _others(dataset: Path) -> Iterator[str]:
    lists = [name for format_ in format_names() for name in find_format(format_).lists]
    folders = (*MADE_FOLDERS, *(name for name in lists if name.endswith("/")))
    made = {*MADE, *lists}
    for path in sorted(dataset.rglob("*")):
        name = path.relative_to(dataset).as_posix()
        if path.is_file() and name not in made and not name.startswith(folders):
            yield name


def _relative(
    writer: DatasetWriter, own: dict[str, Any], pieces: Sequence[Piece]
) -> dict[str, Any]:
    """Statistics of relative actions; they and the envelope stay where all states and actions do,
    unless they are asked for anew."""
    first = pieces[0].dataset
    if not _is_as_measured(pieces):
        return finish_metadata(own, writer, carried_codec(own, str(first.path / OWN_METADATA)))
    own["versions"] = library_versions()
    is_there = (first.path / RELATIVE_STATISTICS).exists()
    return first.json(RELATIVE_STATISTICS) if is_there else {}


def _is_as_measured(pieces: Sequence[Piece]) -> bool:
    """Whether what was measured of all states and actions holds on."""
    return _are_all_of_one(pieces) and not any(piece.measured for piece in pieces)


def _known(pieces: Sequence[Piece]) -> dict[str, Any]:
    """Statistics of the new dataset that are those of the old one: of states and actions."""
    dataset = pieces[0].dataset
    if not _is_as_measured(pieces) or not (dataset.path / STATISTICS).exists():
        return {}
    stored = dataset.json(STATISTICS)
    return {
        name: stored[name]
        for name in (STATE, ACTION)
        if isinstance(stored.get(name), dict) and stored[name].keys() >= set(COLUMN_STATISTICS)
    }


def _are_all_of_one(pieces: Sequence[Piece]) -> bool:
    """Whether the pieces are all that their one dataset holds."""
    dataset = pieces[0].dataset
    return len(pieces) == len(dataset.episodes) and all(
        piece.dataset is dataset and piece.is_whole for piece in pieces
    )
