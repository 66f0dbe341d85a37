"""`groot-ros validate`: check every rule of a dataset's format."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    from groot_ros.data.review.validate import validate

    found = validate(args.dataset)
    if args.json:
        print(json.dumps(asdict(found), indent=2))
        return found.exit_code
    for problem in found.problems:
        print(f"problem: {problem}")
    for warning in found.warnings:
        print(f"warning: {warning}")
    verdict = f"{len(found.problems)} problems" if found.problems else "valid"
    print(f"{found.path}: {found.episodes} episodes, {found.frames} frames, {verdict}")
    return found.exit_code
