"""A recording of an executor in a file: gzipped lines of JSON."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from groot_ros.chunks.execution.executor import ChunkExecutor
from groot_ros.chunks.execution.settings import ExecutionSettings
from groot_ros.chunks.limits.arm_points import ArmPoints
from groot_ros.chunks.limits.watched_points import WatchedPoints
from groot_ros.errors import UserError
from groot_ros.incidents.pickled import Points
from groot_ros.incidents.stored_objects import Writer, read
from groot_ros.incidents.tape import TAPED, Call, Recording
from groot_ros.robot.limits import Limits

# Another number wherever a class of the executor has changed so that old recordings mislead.
FORMAT = 4
POINTS = "points"
"""What constraints are called in the file: they are made again from robot file and URDF."""
LARGEST_BYTES = 512 << 20
LONGEST_LINE = 8 << 20


def write_recording(path: Path, recording: Recording) -> None:
    """Write a recording."""
    with gzip.open(path, "wt", compresslevel=3, encoding="ascii") as file:
        file.write(json.dumps({"format": FORMAT, "begun_ns": recording.begun_ns}) + "\n")

        def put(line: str) -> None:
            file.write(line)
            file.write("\n")

        writer = Writer(put, {WatchedPoints: POINTS, ArmPoints: POINTS, Points: POINTS})
        writer.write(recording.executor)
        for call in recording.calls:
            writer.write(call)


def read_recording(path: Path, points: WatchedPoints | ArmPoints | None) -> Recording:
    """The recording in a file; `points` are those that the robot's file watches.

    UserError where the file is not there, of another format, or damaged.
    """
    try:
        with gzip.open(path, "rt", encoding="ascii") as file:
            begun_ns = _begun_ns(path, _line(file))
            executor, *calls = read(_lines(file), {POINTS: points} if points else {})
    except UserError:
        raise
    except KeyError as error:
        if points or error.args != (POINTS,):
            raise _damaged(path, error) from error
        raise UserError(
            f"{path} needs the points of the arm (limits.points of robot.yaml, and arm.urdf), "
            "which are not there: take another copy of the incident"
        ) from error
    except FileNotFoundError as error:
        raise UserError(
            f"{path} is missing: an incident holds what the executor was given in it"
        ) from error
    except Exception as error:
        # The lines say which objects are made of them, so what is wrong may come up anywhere.
        raise _damaged(path, error) from error
    if not isinstance(executor, ChunkExecutor):
        raise UserError(f"{path} is damaged: it begins with no executor")
    fields = set(vars(ChunkExecutor(Limits(), ExecutionSettings(period_s=1.0))))
    if differing := fields ^ set(vars(executor)):
        raise UserError(
            f"{path} is of another version of groot_ros ({', '.join(sorted(differing))}): replay "
            "it with the one that incident.json names"
        )
    return Recording(begun_ns, executor, [_call(path, call) for call in calls])


def _damaged(path: Path, error: Exception) -> UserError:
    known = isinstance(error, OSError | EOFError | zlib.error)
    what = error if known else type(error).__name__
    return UserError(f"{path} is damaged ({what}): take another copy of the incident")


def _begun_ns(path: Path, line: str) -> int:
    head = json.loads(line)
    if head["format"] != FORMAT:
        raise UserError(
            f"{path} is of format {head['format']}, this groot_ros replays format {FORMAT}: "
            "replay it with the version that incident.json names"
        )
    return int(head["begun_ns"])


def _line(file: IO[str]) -> str:
    line = file.readline(LONGEST_LINE)
    if len(line) >= LONGEST_LINE:
        raise ValueError("a line without end")
    return line


def _lines(file: IO[str]) -> Iterator[str]:
    size = 0
    while line := _line(file):
        size += len(line)
        if size > LARGEST_BYTES:
            raise ValueError("more than any recording")
        yield line


def _call(path: Path, parts: Any) -> Call:
    if not isinstance(parts, tuple) or len(parts) != 3 or parts[0] not in TAPED:
        raise UserError(f"{path} is damaged: it holds something else than calls of an executor")
    return parts
