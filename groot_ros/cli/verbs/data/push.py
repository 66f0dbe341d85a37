"""`groot-ros push`: give a checkpoint or a dataset to the Hugging Face Hub.

With a card that says robot, codec, data and success. Others then use it as hf://OWNER/NAME.
"""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", type=Path, help="folder of a checkpoint, a run or a dataset")
    parser.add_argument("repo", metavar="OWNER/NAME", help="where to")
    parser.add_argument("--private", action="store_true", help="for yourself alone")


def run(args: argparse.Namespace) -> int:
    from groot_ros.data.datasets.reader import is_dataset
    from groot_ros.data.review.card import checkpoint_card, dataset_card
    from groot_ros.files.hub import Kind, push_folder
    from groot_ros.model.checkpoint.folder import CheckpointFolder
    from groot_ros.policies.checkpoint.folder import find_checkpoint
    from groot_ros.training.checkpoints import STATE_FILES

    kind: Kind = "dataset" if is_dataset(args.path) else "model"
    if kind == "dataset":
        folder, card = args.path, dataset_card(args.path)
        left_out: tuple[str, ...] = ()
    else:
        folder = find_checkpoint(args.path)
        card = checkpoint_card(folder, CheckpointFolder(folder).metadata)
        left_out = STATE_FILES
    page = push_folder(folder, args.repo, kind, card, is_private=args.private, left_out=left_out)
    print(f"wrote {page}")
    prefix = "hf://datasets/" if kind == "dataset" else "hf://"
    print(f"==> groot-ros inspect {prefix}{args.repo}")
    return 0
