"""`groot-ros version`: which version this is; `--all` for bug reports."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--all",
        action="store_true",
        help="also Python, ROS 2, the GPU and the versions of all packages, as JSON",
    )


def run(args: argparse.Namespace) -> int:
    from groot_ros.doctor.facts import gather_facts
    from groot_ros.share import own_version

    print(json.dumps(asdict(gather_facts()), indent=2) if args.all else own_version())
    return 0
