"""`groot-ros dataset`: merge, split and edit datasets, convert them to another format.

Of LeRobot v2.1 and v3, by any maker. Without --output the result takes the place of the dataset,
which stays until the new one is whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groot_ros.cli.command import ANEW, Actions, Command
from groot_ros.cli.ending import Ending
from groot_ros.data.datasets.formats import format_names
from groot_ros.errors import UserError
from groot_ros.files.shell import quoted
from groot_ros.options import argument, group, option

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from groot_ros.data.datasets.edits import Edit
    from groot_ros.data.datasets.pieces import Piece
    from groot_ros.data.datasets.reader import Dataset
    from groot_ros.data.editing.choice import Choice
    from groot_ros.data.editing.operations import Target
    from groot_ros.data.editing.rebuild import Rebuilt
    from groot_ros.data.editing.split import Parts

FLAGS = ("failure", "no-success", "dropped", "note", "repeated")


def dry_run_option() -> Any:
    """Of an action that can be tried."""
    return option("only say what would be made", default=False, flags=("--dry-run", "--dry_run"))


@dataclass(frozen=True, kw_only=True)
class One:
    """Of an action on a dataset."""

    dataset: Path = argument()


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Which of its episodes are meant."""

    episodes: str = option("indices and ranges, such as 0,3,5-9", default="")
    with_instruction: str = option(
        "of this task",
        default="",
        flags=("--with-instruction", "--with_instruction"),
        metavar="TEXT",
    )
    flag: str = option("of which report.html says so", default="", choices=FLAGS)

    @property
    def choice(self) -> Choice:
        from groot_ros.data.editing.choice import Choice

        return Choice(episodes=self.episodes, instruction=self.with_instruction, flag=self.flag)


@dataclass(frozen=True, kw_only=True)
class Written:
    """Where the result goes."""

    output: Path | None = option("folder to write (default: in place)", default=None)

    @property
    def target(self) -> Target:
        from groot_ros.data.editing.operations import Target

        return Target(output=self.output, watch=_watch)


@dataclass(frozen=True, kw_only=True)
class Tried(Written):
    """Where it goes, if it is to be made."""

    dry_run: bool = dry_run_option()

    @property
    def target(self) -> Target:
        return replace(super().target, dry_run=self.dry_run)


@dataclass(frozen=True, kw_only=True)
class Several:
    """Of an action on more datasets."""

    datasets: tuple[Path, ...] = argument(metavar="DATASET")


@dataclass(frozen=True, kw_only=True)
class Some(One):
    """Of an action on some episodes of a dataset."""

    chosen: Chosen = group(title="which episodes (default: all)")


@dataclass(frozen=True, kw_only=True)
class Merge(Tried, Several):
    """Of `groot-ros dataset merge`."""


@dataclass(frozen=True, kw_only=True)
class Split(One):
    """Of `groot-ros dataset split`."""

    fractions: tuple[str, ...] = option(
        "random shares of the demonstrations, such as train=0.9 val=0.1",
        default=(),
        metavar="NAME=SHARE",
        one_of="how",
    )
    episodes: tuple[str, ...] = option(
        "such as train=0-89 val=90-99", default=(), metavar="NAME=EPISODES", one_of="how"
    )
    by_instruction: bool = option(
        "one for each",
        default=False,
        flags=("--by-instruction", "--by_instruction"),
        one_of="how",
    )
    seed: int = option("of the random shares (default: 0)", default=0)
    output: Path = option("folder to make, with a dataset for each NAME")
    dry_run: bool = dry_run_option()


@dataclass(frozen=True, kw_only=True)
class Delete(Tried, Some):
    """Of `groot-ros dataset delete`."""


@dataclass(frozen=True, kw_only=True)
class Relabel(Tried, Some):
    """Of `groot-ros dataset relabel`."""

    instruction: str = option("the task in words", default="", one_of="words")
    table: Path | None = option(
        "columns episode (such as 3 or 5-9), instruction",
        default=None,
        metavar="TABLE.csv",
        one_of="words",
    )


@dataclass(frozen=True, kw_only=True)
class Trim(Tried, Some):
    """Of `groot-ros dataset trim`."""

    start_s: float | None = option(
        "keep what is from this time on", default=None, flags=("--start-s", "--start_s")
    )
    end_s: float | None = option(
        "keep what is before this time", default=None, flags=("--end-s", "--end_s")
    )
    idle: bool = option("cut what lies before and after the movement", default=False)


@dataclass(frozen=True, kw_only=True)
class Stats(Written, One):
    """Of `groot-ros dataset stats`."""

    pictures: bool = option("all pictures too, not only where they are missing", default=False)


@dataclass(frozen=True, kw_only=True)
class Convert(Written, One):
    """Of `groot-ros dataset convert`."""

    format: str = option(choices=format_names())


@dataclass(frozen=True, kw_only=True)
class Apply(Tried, One):
    """Of `groot-ros dataset apply`."""

    edits: Path | None = argument(
        "edit list (default: meta/edits.json of the dataset)", default=None
    )


@dataclass(frozen=True, kw_only=True)
class Report(Several):
    """Of `groot-ros dataset report`."""


def _editing(action: Callable[[Any], Rebuilt]) -> Callable[[Any], Ending]:
    """An action that makes one dataset, with what is said of the result."""

    def edit(options: Any) -> Ending:
        local = _fetched(options)
        output = options.output or _place(local)
        return _ending({output: action(local)}, local.target.dry_run)

    return edit


def _place(options: One | Merge) -> Path:
    """The dataset whose place a result takes."""
    return options.datasets[0] if isinstance(options, Merge) else options.dataset


def _fetched(options: Any) -> Any:
    """Datasets at the hub are read from its cache, and nothing takes their place."""
    from groot_ros.files.hub import is_hub_address, local_folder

    place = _place(options)
    if options.output is None and is_hub_address(place):
        raise UserError(f"{place} is at the hub, where nothing is written: give --output")
    if isinstance(options, Merge):
        found = tuple(local_folder(path, "dataset") for path in options.datasets)
        return replace(options, datasets=found)
    return replace(options, dataset=local_folder(place, "dataset"))


def _watch(pieces: Sequence[Piece]) -> Iterable[Piece]:
    from groot_ros.cli.progress import with_progress

    return with_progress(pieces, "rewriting", len(pieces), "episodes")


def _merge(options: Merge) -> Rebuilt:
    from groot_ros.data.editing.operations import merge

    return merge(options.datasets, options.target)


def _delete(options: Delete) -> Rebuilt:
    from groot_ros.data.editing.operations import delete

    choice = options.chosen.choice
    if not choice:
        raise UserError("delete needs --episodes, --with-instruction or --flag")
    return delete(options.dataset, choice, options.target)


def _relabel(options: Relabel) -> Rebuilt:
    from groot_ros.data.editing.operations import relabel, relabel_by_table

    choice = options.chosen.choice
    if options.table is None:
        return relabel(options.dataset, choice, options.instruction, options.target)
    if choice:
        raise UserError("--table says which episodes are meant: give it alone")
    return relabel_by_table(options.dataset, options.table, options.target)


def _trim(options: Trim) -> Rebuilt:
    from groot_ros.data.editing.operations import change
    from groot_ros.data.editing.trim import by_movement, by_time

    by_clock = options.start_s is not None or options.end_s is not None
    if by_clock == options.idle:
        raise UserError("trim needs either --idle, or --start-s, --end-s or both")
    choice = options.chosen.choice

    def edits(dataset: Dataset) -> dict[int, Edit]:
        chosen = choice.of(dataset)
        if options.idle:
            found = by_movement(dataset, chosen)
        else:
            found = by_time(dataset, chosen, options.start_s or 0.0, options.end_s)
        return {e.index: edit for e, edit in zip(chosen, found, strict=True)}

    return change(options.dataset, edits, options.target)


def _stats(options: Stats) -> Rebuilt:
    from groot_ros.data.editing.operations import recompute

    return recompute(options.dataset, options.target, pictures=options.pictures)


def _convert(options: Convert) -> Rebuilt:
    from groot_ros.data.editing.operations import convert_format

    return convert_format(options.dataset, options.format, options.target)


def _apply(options: Apply) -> Rebuilt:
    from groot_ros.data.editing.operations import apply

    return apply(options.dataset, options.edits, options.target)


def _split(options: Split) -> Ending:
    from groot_ros.data.editing.operations import Target, split

    local = _fetched(options)
    target = Target(output=options.output, dry_run=options.dry_run, watch=_watch)
    made = split(local.dataset, lambda dataset: _parts(dataset, options), options.output, target)
    parts = {options.output / name: part for name, part in made.items()}
    return _ending(parts, options.dry_run)


def _report(options: Report) -> Ending:
    from groot_ros.cli.progress import with_progress
    from groot_ros.data.datasets.reader import Dataset
    from groot_ros.data.review.report import REPORT, write_report
    from groot_ros.files.hub import is_hub_address

    for path in with_progress(options.datasets, "reporting", len(options.datasets), "datasets"):
        if is_hub_address(path):
            raise UserError(
                f"{path} is at the hub, where nothing is written: copy it with groot-ros dataset "
                f"merge {quoted(path)} --output FOLDER, or look at it with groot-ros view"
            )
        try:
            write_report(Dataset(path), path.resolve().name)
        except PermissionError as error:
            raise UserError(
                f"{path / REPORT} cannot be written ({error.strerror}): look at the dataset with "
                f"groot-ros view {quoted(path)}"
            ) from None
    made = [path / REPORT for path in options.datasets]
    return Ending(
        made=made,
        said=[f"wrote {path}" for path in made],
        next={"look at it": f"groot-ros view {quoted(options.datasets[0])}"},
    )


def _parts(dataset: Dataset, options: Split) -> Parts:
    from groot_ros.data.editing.split import (
        by_episodes,
        by_fractions,
        by_instruction,
        named_values,
    )

    if options.by_instruction:
        return by_instruction(dataset)
    if options.episodes:
        return by_episodes(dataset, named_values(options.episodes, "train=0-89"))
    shares = {}
    for name, text in named_values(options.fractions, "train=0.9").items():
        try:
            shares[name] = float(text)
        except ValueError:
            raise UserError(f"the share of {name} is {text!r}, expected a number") from None
    return by_fractions(dataset, shares, options.seed)


def _look(path: Path, made: Mapping[Path, Rebuilt]) -> str:
    return "look at it" if len(made) == 1 else f"look at {path.name}"


def _ending(made: Mapping[Path, Rebuilt], dry_run: bool) -> Ending:
    """What is said of datasets that were made, by their folders."""
    said, sizes = [], {}
    for output, dataset in made.items():
        if dataset.short:
            said.append(
                f"  {dataset.short} trimmed episodes left out: shorter than a chunk of actions"
            )
        said += [
            f"  {name} left out: nobody knows how another maker made it" for name in dataset.lost
        ]
        written = "would write" if dry_run else "wrote"
        said.append(f"{written} {output}: {dataset.episodes} episodes, {dataset.frames} frames")
        sizes[str(output)] = {"episodes": dataset.episodes, "frames": dataset.frames}
    return Ending(
        made=[] if dry_run else list(made),
        facts={"dry_run": dry_run, "datasets": sizes},
        said=said,
        next={}
        if dry_run
        else {_look(path, made): f"groot-ros view {quoted(path)}" for path in made},
    )


_command = partial(
    Command,
    resumed="the dataset is as it was: the same command goes on with the parts of videos that are "
    "there already",
)
COMMAND = Actions(
    commands={
        "merge": _command(
            options=Merge, run=_editing(_merge), summary="several datasets to one, in their order"
        ),
        "split": _command(options=Split, run=_split, summary="one dataset to several"),
        "delete": _command(options=Delete, run=_editing(_delete), summary="leave episodes out"),
        "relabel": _command(
            options=Relabel, run=_editing(_relabel), summary="give episodes another instruction"
        ),
        "trim": _command(options=Trim, run=_editing(_trim), summary="cut the ends of episodes"),
        "stats": _command(
            options=Stats, run=_editing(_stats), summary="make statistics anew from the rows"
        ),
        "convert": _command(
            options=Convert, run=_editing(_convert), summary="write LeRobot v2.1 or v3"
        ),
        "apply": _command(
            options=Apply,
            run=_editing(_apply),
            summary="carry out an edit list, of the viewer or by hand",
        ),
        "report": Command(
            options=Report,
            run=_report,
            summary="write report.html into datasets of any maker",
            resumed=ANEW,
        ),
    }
)
