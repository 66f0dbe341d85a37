"""`groot-ros export`: make a trained checkpoint small."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from groot_ros.cli.command import Command
from groot_ros.cli.common_options import (
    FLOATS,
)
from groot_ros.cli.ending import Ending
from groot_ros.files.shell import quoted
from groot_ros.options import option


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of `groot-ros export`."""

    checkpoint: Path = option()
    output: Path = option("folder to write")
    dtype: str = option(default="bfloat16", choices=FLOATS)


def run(options: Options) -> Ending:
    from groot_ros.policies.checkpoint.folder import find_checkpoint
    from groot_ros.training.export import export_checkpoint

    folder = find_checkpoint(str(options.checkpoint), "")
    print(f"reading {folder}: minutes for a released one", file=sys.stderr)
    size = export_checkpoint(Path(folder), options.output, options.dtype)
    return Ending(
        made=[options.output],
        facts={"bytes": size},
        said=[f"wrote {options.output}: {size / 1e6:.1f} MB"],
        next={"look at it": f"groot-ros inspect {quoted(options.output)}"},
    )


COMMAND = Command(options=Options, run=run)
