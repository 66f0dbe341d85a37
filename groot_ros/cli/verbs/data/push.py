"""`groot-ros push`: give a checkpoint or a dataset to the Hugging Face Hub.

With a card that says robot, codec, data and success. Others then use it as hf://OWNER/NAME.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from groot_ros.cli.command import Command
from groot_ros.cli.ending import Ending
from groot_ros.errors import UserError
from groot_ros.options import argument, option


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of `groot-ros push`."""

    path: Path = argument("folder of a checkpoint, a run or a dataset")
    repo: str = argument("where to", metavar="OWNER/NAME")
    private: bool = option("for yourself alone", default=False)
    evaluation: Path | None = option(
        "folder of groot-ros evaluate, whose success the card of a checkpoint tells (default: "
        "that of the checkpoint)",
        default=None,
    )


def run(options: Options) -> Ending:
    from groot_ros.cli.pushing import push_checkpoint
    from groot_ros.data.datasets.reader import is_dataset
    from groot_ros.data.review.card import dataset_card
    from groot_ros.files.hub import push_folder
    from groot_ros.policies.checkpoint.folder import find_checkpoint

    if is_dataset(options.path):
        if options.evaluation:
            raise UserError(f"--evaluation is of a checkpoint and {options.path} is a dataset")
        card = dataset_card(options.path, options.repo)
        page = push_folder(
            options.path, options.repo, "dataset", card, is_private=options.private, left_out=()
        )
        prefix = "hf://datasets/"
    else:
        folder, evaluation = find_checkpoint(options.path), _evaluation(options)
        page = push_checkpoint(
            folder, options.repo, is_private=options.private, evaluation=evaluation
        )
        prefix = "hf://"
    return Ending(
        facts={"url": page},
        said=[f"wrote {page}"],
        next={"look at it": f"groot-ros inspect {prefix}{options.repo}"},
    )


def _evaluation(options: Options) -> Path | None:
    """The folder whose results the card tells; UserError for one without any."""
    from groot_ros.data.review.card import EVALUATION

    if options.evaluation and not (options.evaluation / EVALUATION).is_file():
        raise UserError(
            f"{options.evaluation} has no {EVALUATION}: give the folder that groot-ros evaluate "
            "wrote, its --output"
        )
    return options.evaluation


COMMAND = Command(
    options=Options, run=run, resumed="the same command goes on with the files that are missing"
)
