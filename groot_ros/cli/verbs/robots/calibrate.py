"""`groot-ros calibrate`: estimate latencies and lag of a robot from bags, for its robot file."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groot_ros.cli.output_files import check_folder, check_picture
from groot_ros.cli.progress import with_progress
from groot_ros.errors import UserError
from groot_ros.files.shell import quoted

if TYPE_CHECKING:
    from groot_ros.calibration.calibrate import Calibration, Row


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--bags", type=Path, nargs="+", required=True, help="bags or folders of bags"
    )
    parser.add_argument("--robot", required=True, help="robot name or file")
    parser.add_argument(
        "--output", type=Path, help="robot file to write: the given one with what was found"
    )
    parser.add_argument(
        "--picture",
        type=Path,
        default=Path("calibration.png"),
        help="picture of what was compared and found (%(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    from groot_ros.calibration.calibrate import calibrate
    from groot_ros.calibration.recording import read_recording
    from groot_ros.calibration.robot_file import settings_for_copy, write_with_settings
    from groot_ros.data.bags.files import find_bags
    from groot_ros.demo.calibration_plot import write_calibration_plot
    from groot_ros.robot.checking.activation import check_single
    from groot_ros.robot.config import load_robot, robot_path

    _check_paths(args)
    robot, bags = load_robot(args.robot), find_bags(args.bags)
    check_single(robot, "calibrate measures one arm")
    reading = (read_recording(bag, robot) for bag in bags)
    found = calibrate(robot, list(with_progress(reading, "reading", len(bags))))
    write_calibration_plot(found, args.picture)
    if args.output:
        source = robot_path(args.robot)
        settings = {**found.settings, **settings_for_copy(source, args.output)}
        write_with_settings(source, settings, args.output)
    if args.json:
        print(json.dumps(_as_json(found, args), indent=2))
        return 0
    print("\n".join(_table(found.rows)))
    print(f"wrote {args.picture}: what was compared, the best lag, the fit")
    print("\n".join(_next(found, args)))
    return 0


def _check_paths(args: argparse.Namespace) -> None:
    """Before minutes of reading."""
    check_picture(args.picture)
    if args.output:
        check_folder(args.output)
        if args.output.exists():
            raise UserError(
                f"{args.output} exists already and is never overwritten: choose another --output"
            )


def _table(rows: Sequence[Row]) -> Iterator[str]:
    """Name, estimate with interval, what the file says, how it was found or why not."""
    for row in rows:
        now = "" if row.now_s is None else f"file: {1e3 * row.now_s:.0f} ms"
        yield f"{row.name:<24} {_estimated(row):<24} {now:<14} {row.note}".rstrip()


def _estimated(row: Row) -> str:
    if row.estimate is None:
        return "cannot be estimated"
    value, low, high = row.estimate.milliseconds
    return f"{value:6d} ms  [{low}, {high}]"


def _next(found: Calibration, args: argparse.Namespace) -> Iterator[str]:
    from groot_ros.calibration.robot_file import setting_lines

    robot = args.robot
    if not found.settings:
        yield "nothing to set: the robot file says it already, or nothing could be estimated"
    elif args.output:
        robot = args.output
        yield f"wrote {args.output} with {', '.join(found.settings)}"
    else:
        yield "to set in the robot file (--output FILE writes a copy of it with them):"
        yield from (f"  {line}" for line in setting_lines(found.settings))
    bags = shlex.join(map(str, args.bags))
    yield "next:"
    yield (
        f"  groot-ros convert --bags {bags} --robot {quoted(robot)} --codec CODEC --output DATASET"
    )


def _as_json(found: Calibration, args: argparse.Namespace) -> dict[str, Any]:
    return {
        "robot": args.robot,
        "rows": [asdict(row) for row in found.rows],
        "settings": found.settings,
        "picture": str(args.picture),
        "output": str(args.output) if args.output else None,
    }
