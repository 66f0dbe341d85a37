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
    from groot_ros.data.datasets.reader import is_dataset
    from groot_ros.data.review.card import checkpoint_card, dataset_card
    from groot_ros.files.hub import Kind, push_folder
    from groot_ros.model.checkpoint.folder import CheckpointFolder
    from groot_ros.policies.checkpoint.folder import find_checkpoint
    from groot_ros.training.checkpoints import STATE_FILES

    kind: Kind = "dataset" if is_dataset(options.path) else "model"
    if kind == "dataset":
        if options.evaluation:
            raise UserError(f"--evaluation is of a checkpoint and {options.path} is a dataset")
        folder, card = options.path, dataset_card(options.path, options.repo)
        left_out: tuple[str, ...] = ()
    else:
        folder = find_checkpoint(options.path)
        card = checkpoint_card(
            options.repo, CheckpointFolder(folder).metadata, _evaluation(options, folder)
        )
        left_out = STATE_FILES
    page = push_folder(
        folder, options.repo, kind, card, is_private=options.private, left_out=left_out
    )
    prefix = "hf://datasets/" if kind == "dataset" else "hf://"
    return Ending(
        facts={"url": str(page)},
        said=[f"wrote {page}"],
        next={"look at it": f"groot-ros inspect {prefix}{options.repo}"},
    )


def _evaluation(options: Options, checkpoint: Path) -> Path:
    """The folder whose results the card tells; UserError for one without any."""
    from groot_ros.data.review.card import EVALUATION

    if options.evaluation and not (options.evaluation / EVALUATION).is_file():
        raise UserError(
            f"{options.evaluation} has no {EVALUATION}: give the folder that groot-ros evaluate "
            "wrote, its --output"
        )
    return options.evaluation or checkpoint


COMMAND = Command(
    options=Options, run=run, resumed="the same command goes on with the files that are missing"
)
