"""`groot-ros inspect`: tell what a checkpoint, a bag or a dataset holds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from groot_ros.cli.command import Command
from groot_ros.cli.common_options import (
    json_option,
)
from groot_ros.errors import UserError
from groot_ros.options import argument, option


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of `groot-ros inspect`."""

    path: Path = argument(
        "folder of a checkpoint, a bag or a dataset; hf://OWNER/NAME of a checkpoint at the "
        "hub, hf://datasets/OWNER/NAME of a dataset"
    )
    json: bool = json_option()
    weights: bool = option(
        "read a checkpoint's weights: checksums, untrained slots", default=False
    )
    robot: str = option("check that a bag has the topics of this robot name or file", default="")


def run(options: Options) -> int:
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

    path = local_folder(options.path, "model")
    if not path.exists():
        raise UserError(f"{path} does not exist, expected a checkpoint, a bag or a dataset")
    if is_dataset(path):
        reports, lines = [describe_dataset(Dataset(path))], dataset_lines
    elif bags := bags_below(path):
        reports, lines = [describe_bag(bag, options.robot) for bag in bags], bag_lines
    else:
        return inspect_checkpoint.tell(path, reads_weights=options.weights, as_json=options.json)
    if options.json:
        print(json.dumps(reports[0] if len(reports) == 1 else reports, indent=2))
    else:
        print("\n".join(line for report in reports for line in lines(report)))
    return 1 if any(report.get("problems") for report in reports) else 0


COMMAND = Command(options=Options, run=run)
