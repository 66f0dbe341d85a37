"""`groot-ros verify`: compare a dataset with what the live node sees in the bag."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from groot_ros.cli.command import Command
from groot_ros.cli.common_options import (
    json_option,
    robot_option,
)
from groot_ros.files.shell import quoted
from groot_ros.options import option


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of `groot-ros verify`."""

    bag: Path = option()
    robot: str = robot_option()
    codec: str = option("codec or variant of the dataset")
    dataset: Path = option()
    json: bool = json_option()


def run(options: Options) -> int:
    from groot_ros.data.conversion.verify import TOLERANCE, verify

    found = verify(options.bag, options.robot, options.codec, options.dataset)
    if options.json:
        print(json.dumps({**asdict(found), "equal": found.is_equal}, indent=2))
        return found.exit_code
    print(f"{found.rows} rows of {found.episodes} episodes come from {found.bag}")
    print(f"largest difference of state  {found.state_difference:.3g}")
    print(f"largest difference of action {found.action_difference:.3g}")
    for key, value in found.psnr_db.items():
        print(f"lowest PSNR of {key} {value:.1f} dB")
    if found.unseen:
        print(f"{found.unseen} rows show a time that the live node never observed")
    verdict = "equal" if found.is_equal else "DIFFERENT"
    print(f"dataset and live observations are {verdict} (limit {TOLERANCE:g})")
    print(f"look at it: groot-ros view {quoted(options.dataset)}")
    return found.exit_code


COMMAND = Command(options=Options, run=run)
