"""`groot-ros inspect`: tell what a checkpoint, a bag or a dataset holds."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from groot_ros.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "path",
        type=Path,
        help="folder of a checkpoint, a bag or a dataset; hf://OWNER/NAME of a checkpoint at the "
        "hub, hf://datasets/OWNER/NAME of a dataset",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--weights",
        action="store_true",
        help="read a checkpoint's weights: checksums, untrained slots",
    )
    parser.add_argument(
        "--robot", default="", help="check that a bag has the topics of this robot name or file"
    )


def run(args: argparse.Namespace) -> int:
    from groot_ros.cli import inspect_checkpoint
    from groot_ros.data.bags.files import bags_below
    from groot_ros.data.datasets.reader import Dataset, is_dataset
    from groot_ros.data.review.inspection import (
        bag_lines,
        dataset_lines,
        describe_bag,
        describe_dataset,
    )
    from groot_ros.files.hub import local_folder

    args.path = local_folder(args.path, "model")
    if not args.path.exists():
        raise UserError(f"{args.path} does not exist, expected a checkpoint, a bag or a dataset")
    if is_dataset(args.path):
        reports, lines = [describe_dataset(Dataset(args.path))], dataset_lines
    elif bags := bags_below(args.path):
        reports, lines = [describe_bag(bag, args.robot) for bag in bags], bag_lines
    else:
        return inspect_checkpoint.run(args)
    if args.json:
        print(json.dumps(reports[0] if len(reports) == 1 else reports, indent=2))
    else:
        print("\n".join(line for report in reports for line in lines(report)))
    return 1 if any(report.get("problems") for report in reports) else 0
