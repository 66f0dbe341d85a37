"""`groot-ros calibrate`: estimate latencies and lag of a robot from bags, for its robot file."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groot_ros.cli.command import Command
from groot_ros.cli.common_options import (
    bags_option,
    json_option,
    robot_option,
)
from groot_ros.cli.output_files import check_folder, check_picture
from groot_ros.cli.progress import with_progress
from groot_ros.errors import UserError
from groot_ros.files.shell import quoted
from groot_ros.options import option

if TYPE_CHECKING:
    from groot_ros.calibration.calibrate import Calibration, Row


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of `groot-ros calibrate`."""

    bags: tuple[Path, ...] = bags_option()
    robot: str = robot_option()
    output: Path | None = option(
        "robot file to write: the given one with what was found", default=None
    )
    picture: Path = option(
        "picture of what was compared and found (%(default)s)", default=Path("calibration.png")
    )
    json: bool = json_option()


def run(options: Options) -> int:
    from groot_ros.calibration.calibrate import calibrate
    from groot_ros.calibration.recording import read_recording
    from groot_ros.calibration.robot_file import settings_for_copy, write_with_settings
    from groot_ros.data.bags.files import find_bags
    from groot_ros.demo.calibration_plot import write_calibration_plot
    from groot_ros.robot.checking.activation import check_single
    from groot_ros.robot.config import load_robot, robot_path

    _check_paths(options)
    robot, bags = load_robot(options.robot), find_bags(options.bags)
    check_single(robot, "calibrate measures one arm")
    reading = (read_recording(bag, robot) for bag in bags)
    found = calibrate(robot, list(with_progress(reading, "reading", len(bags), "bags")))
    write_calibration_plot(found, options.picture)
    if options.output:
        source = robot_path(options.robot)
        settings = {**found.settings, **settings_for_copy(source, options.output)}
        write_with_settings(source, settings, options.output)
    if options.json:
        print(json.dumps(_as_json(found, options), indent=2))
        return 0
    print("\n".join(_table(found.rows)))
    print(f"wrote {options.picture}: what was compared, the best lag, the fit")
    print("\n".join(_next(found, options)))
    return 0


def _check_paths(options: Options) -> None:
    """Before minutes of reading."""
    check_picture(options.picture)
    if options.output:
        check_folder(options.output)
        if options.output.exists():
            raise UserError(
                f"{options.output} exists already and is never overwritten: choose another "
                "--output"
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


def _next(found: Calibration, options: Options) -> Iterator[str]:
    from groot_ros.calibration.robot_file import setting_lines

    robot: str | Path = options.robot
    if not found.settings:
        yield "nothing to set: the robot file says it already, or nothing could be estimated"
    elif options.output:
        robot = options.output
        yield f"wrote {options.output} with {', '.join(found.settings)}"
    else:
        yield "to set in the robot file (--output FILE writes a copy of it with them):"
        yield from (f"  {line}" for line in setting_lines(found.settings))
    bags = shlex.join(map(str, options.bags))
    yield "next:"
    yield (
        f"  groot-ros convert --bags {bags} --robot {quoted(robot)} --codec CODEC --output DATASET"
    )


def _as_json(found: Calibration, options: Options) -> dict[str, Any]:
    return {
        "robot": options.robot,
        "rows": [asdict(row) for row in found.rows],
        "settings": found.settings,
        "picture": str(options.picture),
        "output": str(options.output) if options.output else None,
    }


COMMAND = Command(options=Options, run=run)
