"""`groot-ros validate`: whether a dataset keeps every rule of its format."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser("validate", help="check every rule of a dataset's format")
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


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
