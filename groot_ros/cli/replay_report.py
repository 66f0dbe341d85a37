"""The result of `groot-ros replay` in sentences."""

from __future__ import annotations

import math

import numpy as np

from groot_ros.incidents.course import Course
from groot_ros.incidents.made_again import MadeAgain
from groot_ros.signals.kinds import POSE


def again_sentence(made: MadeAgain) -> str:
    """Whether the commands are the recorded ones."""
    count, seconds = len(made.recorded.commands), made.recorded.seconds
    if made.different == 0:
        return f"{count} commands of {seconds:.1f} s are made again, the same to the last bit"
    away = _away(made.again, made.recorded)
    return (
        f"{made.different} answers of the executor are not those that were recorded with "
        f"{count} commands, which differ by up to {away}: another processor, or other versions "
        "of the libraries, compute otherwise"
    )


def other_sentence(recorded: Course, other: Course, changed: str) -> str:
    """What would have been with a change, beside what was."""
    parts = [
        f"{len(other.refused)} of {len(other.marks)} chunks are refused "
        f"({len(recorded.refused)} of {len(recorded.marks)} in the record)",
        f"the arm stops {_times(len(other.stops))} ({_times(len(recorded.stops))})",
    ]
    if other.commands:
        parts.append(f"it is commanded up to {_away(other, recorded)} from where it was")
    else:
        parts.append("it is commanded nothing")
    sentence = f"with {changed} {', '.join(parts)}"
    if other.refused:
        sentence += f"; first refused: {other.refused[0].reason}"
    return sentence


def _times(count: int) -> str:
    return {0: "never", 1: "once"}.get(count, f"{count} times")


def _away(course: Course, other: Course) -> str:
    lengths = course.farthest_from(other)
    if lengths is None:
        return "nothing, at no common time,"
    if course.signal.kind == POSE:
        return f"{1e3 * lengths[0]:.3g} mm and {math.degrees(lengths[1]):.3g} deg"
    joint = int(np.argmax(lengths))
    return f"{math.degrees(lengths[joint]):.3g} deg (joint {joint + 1})"
