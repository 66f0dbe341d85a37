"""`groot-ros repair`: make a bag readable that was not finished.

Completes the files of a bag in place: index, metadata.yaml, final name. Whole messages are never
removed.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from groot_ros.cli.command import Command
from groot_ros.cli.ending import Ending
from groot_ros.cli.progress import with_progress
from groot_ros.errors import UserError
from groot_ros.files.shell import quoted
from groot_ros.options import argument

if TYPE_CHECKING:
    from groot_ros.data.repair.repair import Repaired


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of `groot-ros repair`."""

    bags: tuple[Path, ...] = argument("folder of a bag", metavar="BAG")


def run(options: Options) -> Ending:
    done: list[Repaired] = []
    try:
        for bag in with_progress(options.bags, "repairing", len(options.bags), "bags"):
            done.append(_repaired(bag))
    except (UserError, KeyboardInterrupt):
        # These are repaired all the same.
        for one in done:
            print(_sentence(one))
        raise
    return Ending(
        made=[one.path for one in done if one.actions],
        facts={"bags": {str(one.path): list(one.actions) for one in done}},
        said=[_sentence(one) for one in done],
        next={"look at it": f"groot-ros inspect {quoted(done[0].path)}"} if len(done) == 1 else {},
    )


def _repaired(bag: Path) -> Repaired:
    from groot_ros.data.repair.repair import repair_bag

    try:
        return repair_bag(bag)
    except OSError as error:
        remedy = (
            "copy it to where you may write and repair the copy"
            if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
            else "make room, then again"
        )
        raise UserError(f"{bag} cannot be repaired here: {error}; {remedy}") from error


def _sentence(repaired: Repaired) -> str:
    """What became of a bag."""
    what = "; ".join(repaired.actions) or "nothing to repair"
    return f"{repaired.path}: {repaired.messages} messages, {repaired.seconds:.1f} s: {what}"


COMMAND = Command(
    options=Options, run=run, resumed="no message is lost: name the bags that are left once more"
)
