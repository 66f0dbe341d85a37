"""`groot-ros dataset`: merge, split and edit datasets, convert them to another format.

Of LeRobot v2.1 and v3, by any maker. Without --output the result takes the place of the dataset,
which stays until the new one is whole.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from groot_ros.errors import UserError
from groot_ros.files.shell import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from groot_ros.data.datasets.edits import Edit
    from groot_ros.data.datasets.pieces import Piece
    from groot_ros.data.datasets.reader import Dataset
    from groot_ros.data.editing.choice import Choice
    from groot_ros.data.editing.operations import Target
    from groot_ros.data.editing.rebuild import Rebuilt
    from groot_ros.data.editing.split import Parts

FLAGS = ("failure", "no-success", "dropped", "note", "repeated")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(
        title="actions", metavar="ACTION", required=True, dest="action"
    )
    merge = actions.add_parser("merge", help="several datasets to one, in their order")
    merge.add_argument("datasets", type=Path, nargs="+", metavar="DATASET")
    _add_split(actions.add_parser("split", help="one dataset to several"))
    delete = actions.add_parser("delete", help="leave episodes out")
    relabel = actions.add_parser("relabel", help="give episodes another instruction")
    trim = actions.add_parser("trim", help="cut the ends of episodes")
    stats = actions.add_parser("stats", help="make statistics anew from the rows")
    convert = actions.add_parser("convert", help="write LeRobot v2.1 or v3")
    apply = actions.add_parser("apply", help="carry out an edit list, of the viewer or by hand")
    for action in (delete, relabel, trim, stats, convert, apply):
        action.add_argument("dataset", type=Path)
    for action in (delete, relabel, trim):
        _add_choice(action.add_argument_group("which episodes (default: all)"))
    for action in (merge, delete, relabel, trim, stats, convert, apply):
        action.add_argument("--output", type=Path, help="folder to write (default: in place)")
    for action in (merge, delete, relabel, trim, apply):
        _add_dry_run(action)
    words = relabel.add_mutually_exclusive_group(required=True)
    words.add_argument("--instruction", help="the task in words")
    words.add_argument(
        "--table",
        type=Path,
        metavar="TABLE.csv",
        help="columns episode (such as 3 or 5-9), instruction",
    )
    trim.add_argument("--start-s", "--start_s", type=float, help="keep what is from this time on")
    trim.add_argument("--end-s", "--end_s", type=float, help="keep what is before this time")
    trim.add_argument(
        "--idle", action="store_true", help="cut what lies before and after the movement"
    )
    stats.add_argument(
        "--pictures", action="store_true", help="all pictures too, not only where they are missing"
    )
    convert.add_argument("--format", choices=["gr00t", "lerobot-v3"], required=True)
    apply.add_argument(
        "edits", type=Path, nargs="?", help="edit list (default: meta/edits.json of the dataset)"
    )


def _add_split(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", type=Path)
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument(
        "--fractions",
        nargs="+",
        metavar="NAME=SHARE",
        help="random shares of the demonstrations, such as train=0.9 val=0.1",
    )
    how.add_argument(
        "--episodes", nargs="+", metavar="NAME=EPISODES", help="such as train=0-89 val=90-99"
    )
    how.add_argument(
        "--by-instruction", "--by_instruction", action="store_true", help="one for each"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the random shares (default: 0)")
    parser.add_argument(
        "--output", type=Path, required=True, help="folder to make, with a dataset for each NAME"
    )
    _add_dry_run(parser)


def _add_choice(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--episodes", default="", help="indices and ranges, such as 0,3,5-9")
    group.add_argument(
        "--with-instruction", "--with_instruction", default="", metavar="TEXT", help="of this task"
    )
    group.add_argument("--flag", default="", choices=FLAGS, help="of which report.html says so")


def _add_dry_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dry-run", "--dry_run", action="store_true", help="only say what would be made"
    )


def run(args: argparse.Namespace) -> int:
    try:
        return _run(args)
    except KeyboardInterrupt:
        print(
            "interrupted, the dataset is as it was: the same command goes on with the parts of "
            "videos that are there already",
            file=sys.stderr,
        )
        raise


def _fetch(args: argparse.Namespace) -> None:
    """Datasets at the hub are read from its cache, and nothing takes their place."""
    from groot_ros.files.hub import is_hub_address, local_folder

    named = args.datasets if args.action == "merge" else [args.dataset]
    if args.output is None and is_hub_address(named[0]):
        raise UserError(f"{named[0]} is at the hub, where nothing is written: give --output")
    found = [local_folder(path, "dataset") for path in named]
    if args.action == "merge":
        args.datasets = found
    else:
        args.dataset = found[0]


def _run(args: argparse.Namespace) -> int:
    _fetch(args)
    if args.action == "split":
        return _split(args)
    made = {
        "merge": _merge,
        "delete": _delete,
        "relabel": _relabel,
        "trim": _trim,
        "stats": _stats,
        "convert": _convert,
        "apply": _apply,
    }[args.action](args)
    output = args.output or (args.datasets[0] if args.action == "merge" else args.dataset)
    _say(made, output, args)
    return 0


def _target(args: argparse.Namespace) -> Target:
    from groot_ros.data.editing.operations import Target

    return Target(
        output=getattr(args, "output", None),
        dry_run=getattr(args, "dry_run", False),
        watch=_watch,
    )


def _watch(pieces: Sequence[Piece]) -> Iterable[Piece]:
    from groot_ros.cli.progress import with_progress

    return with_progress(pieces, "episodes", len(pieces))


def _choice(args: argparse.Namespace) -> Choice:
    from groot_ros.data.editing.choice import Choice

    return Choice(episodes=args.episodes, instruction=args.with_instruction, flag=args.flag)


def _merge(args: argparse.Namespace) -> Rebuilt:
    from groot_ros.data.editing.operations import merge

    return merge(args.datasets, _target(args))


def _delete(args: argparse.Namespace) -> Rebuilt:
    from groot_ros.data.editing.operations import delete

    choice = _choice(args)
    if not choice:
        raise UserError("delete needs --episodes, --with-instruction or --flag")
    return delete(args.dataset, choice, _target(args))


def _relabel(args: argparse.Namespace) -> Rebuilt:
    from groot_ros.data.editing.operations import relabel, relabel_by_table

    choice = _choice(args)
    if args.table is None:
        return relabel(args.dataset, choice, args.instruction, _target(args))
    if choice:
        raise UserError("--table says which episodes are meant: give it alone")
    return relabel_by_table(args.dataset, args.table, _target(args))


def _trim(args: argparse.Namespace) -> Rebuilt:
    from groot_ros.data.editing.operations import change
    from groot_ros.data.editing.trim import by_movement, by_time

    by_clock = args.start_s is not None or args.end_s is not None
    if by_clock == args.idle:
        raise UserError("trim needs either --idle, or --start-s, --end-s or both")
    choice = _choice(args)

    def edits(dataset: Dataset) -> dict[int, Edit]:
        chosen = choice.of(dataset)
        if args.idle:
            found = by_movement(dataset, chosen)
        else:
            found = by_time(dataset, chosen, args.start_s or 0.0, args.end_s)
        return {e.index: edit for e, edit in zip(chosen, found, strict=True)}

    return change(args.dataset, edits, _target(args))


def _stats(args: argparse.Namespace) -> Rebuilt:
    from groot_ros.data.editing.operations import recompute

    return recompute(args.dataset, _target(args), pictures=args.pictures)


def _convert(args: argparse.Namespace) -> Rebuilt:
    from groot_ros.data.editing.operations import convert_format

    return convert_format(args.dataset, args.format, _target(args))


def _apply(args: argparse.Namespace) -> Rebuilt:
    from groot_ros.data.editing.operations import apply

    return apply(args.dataset, args.edits, _target(args))


def _split(args: argparse.Namespace) -> int:
    from groot_ros.data.editing.operations import split

    made = split(args.dataset, lambda dataset: _parts(dataset, args), args.output, _target(args))
    for name, part in made.items():
        _say(part, args.output / name, args)
    return 0


def _parts(dataset: Dataset, args: argparse.Namespace) -> Parts:
    from groot_ros.data.editing.split import (
        by_episodes,
        by_fractions,
        by_instruction,
        named_values,
    )

    if args.by_instruction:
        return by_instruction(dataset)
    if args.episodes:
        return by_episodes(dataset, named_values(args.episodes, "train=0-89"))
    shares = {}
    for name, text in named_values(args.fractions, "train=0.9").items():
        try:
            shares[name] = float(text)
        except ValueError:
            raise UserError(f"the share of {name} is {text!r}, expected a number") from None
    return by_fractions(dataset, shares, args.seed)


def _say(made: Rebuilt, output: Path, args: argparse.Namespace) -> None:
    if made.short:
        print(f"  {made.short} trimmed episodes left out: shorter than a chunk of actions")
    for name in made.lost:
        print(f"  {name} left out: nobody knows how another maker made it")
    size = f"{made.episodes} episodes, {made.frames} frames"
    if getattr(args, "dry_run", False):
        print(f"would write {output}: {size}")
        return
    print(f"wrote {output}: {size}")
    print(f"look at it: groot-ros view {quoted(output)}")
