"""`groot-ros export`: make a trained checkpoint small."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from groot_ros.cli.command import Command
from groot_ros.cli.common_options import (
    FLOATS,
)
from groot_ros.options import option


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of `groot-ros export`."""

    checkpoint: Path = option()
    output: Path = option("folder to write")
    dtype: str = option(default="bfloat16", choices=FLOATS)


def run(options: Options) -> int:
    from groot_ros.policies.checkpoint.folder import find_checkpoint
    from groot_ros.training.export import export_checkpoint

    folder = find_checkpoint(str(options.checkpoint), "")
    size = export_checkpoint(Path(folder), options.output, options.dtype)
    print(f"wrote {options.output}: {size / 1e6:.1f} MB")
    return 0


COMMAND = Command(options=Options, run=run)
