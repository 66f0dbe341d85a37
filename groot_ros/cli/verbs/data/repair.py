"""`groot-ros repair`: make a bag readable that was not finished.

Completes the files of a bag in place: index, metadata.yaml, final name. Whole messages are never
removed.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from pathlib import Path

from groot_ros.cli.command import Command
from groot_ros.errors import UserError
from groot_ros.options import argument


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of `groot-ros repair`."""

    bags: tuple[Path, ...] = argument("folder of a bag", metavar="BAG")


def run(options: Options) -> int:
    from groot_ros.data.repair.repair import repair_bag

    for bag in options.bags:
        try:
            repaired = repair_bag(bag)
        except OSError as error:
            remedy = (
                "copy it to where you may write and repair the copy"
                if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
                else "make room, then again"
            )
            raise UserError(f"{bag} cannot be repaired here: {error}; {remedy}") from error
        done = "; ".join(repaired.actions) or "nothing to repair"
        print(f"{repaired.path}: {repaired.messages} messages, {repaired.seconds:.1f} s: {done}")
    return 0


COMMAND = Command(options=Options, run=run)
