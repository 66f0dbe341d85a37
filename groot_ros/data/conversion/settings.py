"""What is to be converted, and how, as a user says it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from groot_ros.data.datasets.formats import DEFAULT, format_names
from groot_ros.data.playback.episode_choice import EpisodeChoice
from groot_ros.options import group, option

if TYPE_CHECKING:
    from groot_ros.data.conversion.bag_edits import BagEdits

CORRECTIONS = "corrections"
PROCESSES, RAY = "processes", "ray"


@dataclass(frozen=True)
class Conversion:
    """What to convert, and how."""

    bags: Sequence[Path] = option("bags, or folders of bags", metavar="PATH")
    robot: str = option("robot name or file")
    codec: str = option("codec or variant, such as ee_rot6d_joints")
    output: Path = option("folder to write")
    fps: int | None = option("frames per second (default: the codec's)", default=None)
    choice: EpisodeChoice = group(EpisodeChoice())
    only_success: bool = option(
        "leave out episodes that were not marked as a success", default=False
    )
    trim_idle: bool = option("cut what lies before and after the movement", default=False)
    relative: str = option(
        "relative actions of _rel variants (default: se3)",
        default="se3",
        choices=("se3", "elementwise"),
    )
    format: str = option(default=DEFAULT, choices=format_names())
    workers: int = 1
    engine: str = option(
        "what does the work: processes of this machine, or a Ray cluster (that of RAY_ADDRESS, "
        "else this machine's), on all of whose machines bags and output have the same paths; "
        "--workers is then Ray's to say",
        default=PROCESSES,
        choices=(PROCESSES, RAY),
    )
    resume: bool = option("go on with an interrupted run", default=False)
    append: bool = option(
        "add to the dataset --output, whose episodes stay as they are; bags that it has already "
        "are left out",
        default=False,
    )
    edits: BagEdits | None = None
    """What is to become of episodes."""
    only: str = option(
        "what an operator did in place of the policy, without what the policy did",
        default="",
        choices=(CORRECTIONS,),
    )
    drop_before_takeover_s: float = option(
        "leave out what the policy did before the operator took over (default: 0)",
        default=0.0,
        flags=("--drop-before-takeover",),
        metavar="SECONDS",
    )
