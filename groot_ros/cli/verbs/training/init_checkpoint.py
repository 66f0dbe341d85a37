"""`groot-ros init-checkpoint`: write a tiny GR00T checkpoint with untrained weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from groot_ros.cli.command import Command
from groot_ros.cli.ending import Ending
from groot_ros.codecs.catalog import find_codec
from groot_ros.files.shell import quoted
from groot_ros.options import option
from groot_ros.robot.config import load_robot


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of `groot-ros init-checkpoint`."""

    size: str = option(default="tiny", choices=("tiny",))
    variant: str = option("such as ee_rot6d_joints")
    robot: str = option("robot name or file (default: sim)", default="sim")
    output: Path = option("folder to write")
    gr00t: str = option("version", default="N1.7", choices=("N1.7", "N1.6"))
    seed: int = option(default=0)


def run(options: Options) -> Ending:
    from groot_ros.model.tiny.for_robot import checkpoint_spec
    from groot_ros.model.tiny.init import init_checkpoint

    spec = checkpoint_spec(find_codec(options.variant), load_robot(options.robot))
    init_checkpoint(options.output, replace(spec, version=options.gr00t), options.seed)
    return Ending(
        made=[options.output],
        said=[f"wrote {options.output}: untrained weights, for trying the loop and for training"],
        next={"look at it": f"groot-ros inspect {quoted(options.output)}"},
    )


COMMAND = Command(options=Options, run=run)
