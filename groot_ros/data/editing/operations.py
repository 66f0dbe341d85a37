"""What can be done to datasets: each makes a new one, which may take the place of the old one."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from groot_ros.data.datasets.edits import EDITS, Edit, EditList, check_dataset, dataset_fingerprint
from groot_ros.data.datasets.pieces import CUTS, Piece
from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.editing.choice import Choice, indices
from groot_ros.data.editing.fit import check_fit
from groot_ros.data.editing.rebuild import Rebuilt, Watch, rebuild
from groot_ros.data.editing.split import Parts
from groot_ros.data.editing.trim import edited, long_enough
from groot_ros.data.editing.workplace import made_beside
from groot_ros.errors import UserError

Edits = Callable[[Dataset], Mapping[int, Edit]]
TABLE_COLUMNS = ("episode", "instruction")


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where a result belongs, and how the way there is shown."""

    output: Path | None = None
    """None: it takes the place of the (first) dataset."""
    dry_run: bool = False
    """Nothing is written, what would be made is answered."""
    watch: Watch = iter

    def of(self, dataset: Path) -> Path:
        return self.output or dataset


def merge(datasets: Sequence[Path], target: Target) -> Rebuilt:
    """The episodes of several datasets, one after the other."""
    if len({path.resolve() for path in datasets}) < max(2, len(datasets)):
        raise UserError("merge needs two datasets or more, each once")

    for path in datasets:
        _check_outside(target.of(datasets[0]), path)

    def plan() -> list[Piece]:
        found = [Dataset(path) for path in datasets]
        check_fit(found)
        return [Piece.whole(dataset, episode) for dataset in found for episode in dataset.episodes]

    return _make(datasets[0], target, plan)


def change(dataset: Path, edits: Edits, target: Target) -> Rebuilt:
    """A dataset with edits carried out, which are found once it is read."""

    def plan() -> list[Piece]:
        found = Dataset(dataset)
        return edited(found, edits(found))

    return _make(dataset, target, plan)


def delete(dataset: Path, choice: Choice, target: Target) -> Rebuilt:
    """A dataset without some of its episodes."""
    return change(dataset, lambda d: _each(d, choice, Edit(discard=True)), target)


def relabel(dataset: Path, choice: Choice, instruction: str, target: Target) -> Rebuilt:
    """A dataset with another instruction for some of its episodes."""
    if not (words := instruction.strip()):
        raise UserError("the new instruction is empty, expected the task in words")
    return change(dataset, lambda d: _each(d, choice, Edit(instruction=words)), target)


def _each(dataset: Dataset, choice: Choice, edit: Edit) -> dict[int, Edit]:
    return {episode.index: edit for episode in choice.of(dataset)}


def relabel_by_table(dataset: Path, table: Path, target: Target) -> Rebuilt:
    """A dataset with the instructions of a CSV with the columns episode, of indices or ranges,
    and instruction."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            lines = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"table {table} cannot be read: {error}") from error

    def edits(found: Dataset) -> dict[int, Edit]:
        asked: dict[int, Edit] = {}
        for number, line in enumerate(lines, start=2):
            episodes, instruction = ((line.get(name) or "").strip() for name in TABLE_COLUMNS)
            if not episodes or not instruction:
                raise UserError(
                    f"{table}, line {number}: expected an episode and an instruction, below a "
                    f"first line {','.join(TABLE_COLUMNS)}"
                )
            edit = Edit(instruction=instruction)
            for index in sorted(indices(episodes, found)):
                if asked.setdefault(index, edit) != edit:
                    raise UserError(
                        f"{table}, line {number}: episode {index} has another instruction in a "
                        "line above, expected one"
                    )
        if not asked:
            raise UserError(
                f"{table} names no episodes, expected them below a first line "
                f"{','.join(TABLE_COLUMNS)}"
            )
        return asked

    return change(dataset, edits, target)


def apply(dataset: Path, edits: Path | None, target: Target) -> Rebuilt:
    """A dataset with an edit list carried out, by default that which lies beside it."""
    path = edits or dataset / EDITS

    def plan() -> list[Piece]:
        found = Dataset(dataset)
        listed = EditList.read(path)
        check_dataset(listed, dataset_fingerprint(dataset), path)
        for name in listed.edits:
            if not name.isdecimal():
                raise UserError(
                    f"{path} names {name!r}, expected indices of episodes of {dataset}; groot-ros "
                    "convert --edits takes names of bags"
                )
        if not listed.edits:
            raise UserError(f"{path} holds no edits: there is nothing to do")
        return edited(found, {int(name): edit for name, edit in listed.edits.items()})

    is_beside = path.resolve() == (dataset / EDITS).resolve()
    return _make(dataset, target, plan, carries_out=is_beside)


def recompute(dataset: Path, target: Target, *, pictures: bool) -> Rebuilt:
    """A dataset with statistics made anew from its rows; of pictures where they are missing, or
    all."""

    def plan() -> list[Piece]:
        found = Dataset(dataset)
        whole = [Piece.whole(found, episode) for episode in found.episodes]
        return [
            replace(piece, measured=True, pictures=pictures or _lacks(piece)) for piece in whole
        ]

    return _make(dataset, target, plan)


def _lacks(piece: Piece) -> bool:
    known = piece.dataset.episode_statistics.get(piece.episode.index, {})
    return any(column not in known for column in piece.episode.pictures)


def convert_format(dataset: Path, format_: str, target: Target) -> Rebuilt:
    """A dataset in another format, one of `format_names`."""

    def plan() -> list[Piece]:
        found = Dataset(dataset)
        if found.format == format_:
            raise UserError(
                f"{dataset} is in {found.info.get('codebase_version')} already: there is nothing "
                "to convert"
            )
        return [Piece.whole(found, episode) for episode in found.episodes]

    return _make(dataset, target, plan, format_)


def split(
    dataset: Path, divide: Callable[[Dataset], Parts], output: Path, target: Target
) -> dict[str, Rebuilt]:
    """Several datasets of one, in a new folder by name."""
    if target.dry_run:
        parts = divide(Dataset(dataset))
        return {
            name: Rebuilt(episodes=len(found), frames=sum(episode.length for episode in found))
            for name, found in parts.items()
        }
    made = {}
    _check_outside(output, dataset)
    with made_beside(output, replaces=False) as folder:
        found = Dataset(dataset)
        for name, episodes in divide(found).items():
            pieces = [Piece.whole(found, episode) for episode in episodes]
            cuts, kind = folder.parent / CUTS, found.format
            made[name] = rebuild(
                folder / name, name, pieces=pieces, format_=kind, cuts=cuts, watch=target.watch
            )
    return made


def _make(
    dataset: Path,
    target: Target,
    plan: Callable[[], list[Piece]],
    format_: str | None = None,
    carries_out: bool = False,
) -> Rebuilt:
    """Write what is planned; the edit list beside a dataset that is replaced must be empty,
    unless it is what is carried out."""
    output = target.of(dataset)
    replaces = output.resolve() == dataset.resolve()
    if replaces:
        output = dataset.resolve()
    _check_outside(output, dataset)
    if target.dry_run:
        kept, short = long_enough(plan())
        return Rebuilt(episodes=len(kept), frames=sum(map(len, kept)), short=len(short))
    with made_beside(output, replaces=replaces) as folder:
        if replaces and not carries_out:
            _check_no_edits(dataset)
        kept, short = long_enough(plan())
        found = format_ or Dataset(dataset).format
        cuts = folder.parent / CUTS
        made = rebuild(
            folder, output.name, pieces=kept, format_=found, cuts=cuts, watch=target.watch
        )
    return replace(made, short=len(short))


def _check_outside(output: Path, dataset: Path) -> None:
    if dataset.resolve() in output.resolve().parents:
        raise UserError(f"{output} lies inside the dataset {dataset}: choose a place beside it")


def _check_no_edits(dataset: Path) -> None:
    path = dataset / EDITS
    if path.exists() and EditList.read(path).edits:
        raise UserError(
            f"{path} holds edits that would be lost: carry them out with groot-ros dataset apply "
            f"{dataset}, delete the file, or give another --output"
        )
