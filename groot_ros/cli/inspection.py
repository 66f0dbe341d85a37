"""`groot-ros inspect`: what a checkpoint, a bag or a dataset holds."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "inspect", help="tell what a checkpoint, a bag or a dataset holds"
    )
    parser.add_argument("path", type=Path, help="folder of a checkpoint, a bag or a dataset")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--weights",
        action="store_true",
        help="read a checkpoint's weights: checksums, untrained slots",
    )
    parser.add_argument(
        "--robot", default="", help="check that a bag has the topics of this robot name or file"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from groot_ros.cli import inspect_checkpoint
    from groot_ros.data.bag import is_bag
    from groot_ros.data.inspection import (
        bag_lines,
        dataset_lines,
        describe_bag,
        describe_dataset,
    )
    from groot_ros.data.reader import is_dataset

    if is_dataset(args.path):
        report, lines = describe_dataset(args.path), dataset_lines
    elif args.path.exists() and is_bag(args.path):
        report, lines = describe_bag(args.path, args.robot), bag_lines
    else:
        return inspect_checkpoint.run(args)
    print(json.dumps(report, indent=2) if args.json else "\n".join(lines(report)))
    return 1 if report.get("problems") else 0
