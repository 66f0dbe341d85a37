"""`groot-ros verify`: compare a dataset with what the live node sees in the bag."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bag", type=Path, required=True)
    parser.add_argument("--robot", required=True, help="robot name or file")
    parser.add_argument("--codec", required=True, help="codec or variant of the dataset")
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    from groot_ros.data.conversion.verify import TOLERANCE, verify

    found = verify(args.bag, args.robot, args.codec, args.dataset)
    if args.json:
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
    return found.exit_code
