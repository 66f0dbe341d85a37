"""An incident as a picture: what was wanted, commanded and done, and what would have been."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from groot_ros.demo.figure_file import save
from groot_ros.demo.motion_plot import (
    LONGEST_SENTENCE,
    PREDICTED,
    channels,
    draw_legend,
    draw_marks,
    draw_steps,
    make_rows,
    shortened,
)
from groot_ros.incidents.course import Course

MEASURED, COMMANDED, WOULD_BE, WOULD_PREDICT = "#222222", "#2171b5", "#d94801", "#fdd0a2"


@dataclass(frozen=True)
class Shown:
    """An incident with its headlines; `changed` says in words what is different in `other`.

    Times are drawn in s since `event_ns`.
    """

    name: str
    event: str
    result: str
    event_ns: int
    recorded: Course
    changed: str = ""
    other: Course | None = None


def write_replay_plot(shown: Shown, path: Path) -> None:
    """Write a picture in the format of the path's ending: strips with a mark for each chunk, below
    them a row per number of the signal and one for the gripper."""
    recorded = shown.recorded
    courses = [course for course in (recorded, shown.other) if course]
    (_, first) = recorded.commands[0]
    rows = channels(recorded.signal, len(first.value))
    heights = [0.4] * len(courses) + [1.0] * (len(rows) + 1)
    figure, axes = make_rows(heights)
    title = [shown.name, shortened(shown.event), fill(shown.result, LONGEST_SENTENCE)]
    figure.suptitle("\n".join(title), fontsize=10)
    for axis, course in zip(axes, courses, strict=False):
        times_s = [_seconds(shown, mark.time_ns) for mark in course.marks]
        draw_marks(axis, times_s, [mark.kind for mark in course.marks])
        axis.set_ylabel("chunks" if course is recorded else "changed", fontsize=8)
    for axis, (name, column) in zip(axes[len(courses) : -1], rows, strict=True):
        _draw_channel(axis, shown, column)
        axis.set_ylabel(name)
    _draw_grip(axes[-1], shown)
    axes[-1].set_xlabel("time since the event [s]")
    for axis in axes:
        _draw_stops(axis, shown)
        axis.grid(alpha=0.3)
    axes[-1].set_xlim(*_span_s(shown))
    draw_legend(figure, _meanings(shown))
    save(figure, path)


def _seconds(shown: Shown, time_ns: int) -> float:
    return (time_ns - shown.event_ns) / 1e9


def _span_s(shown: Shown) -> tuple[float, float]:
    times_ns = [time_ns for time_ns, _ in shown.recorded.commands]
    return _seconds(shown, times_ns[0]), max(_seconds(shown, times_ns[-1]), 0.1)


def _draw_channel(axis: Axes, shown: Shown, column: int) -> None:
    signal = shown.recorded.signal
    for course, color in ((shown.other, WOULD_PREDICT), (shown.recorded, PREDICTED)):
        for chunk in course.chunks if course else ():
            draw_steps(
                axis, chunk, signal=signal, column=column, begin_ns=shown.event_ns, color=color
            )
    # A refused chunk may lie far away: the motion is what is looked at.
    axis.autoscale(False)
    low, high = np.inf, -np.inf
    for times_s, values, color in _lines(shown):
        axis.plot(times_s, values[:, column], color=color, linewidth=1.2)
        finite = values[np.isfinite(values[:, column]), column]
        low, high = min(low, finite.min(initial=np.inf)), max(high, finite.max(initial=-np.inf))
    if np.isfinite(low):
        margin = max(0.3 * (high - low), 0.01)
        axis.set_ylim(low - margin, high + margin)


def _lines(shown: Shown) -> list[tuple[np.ndarray, np.ndarray, str]]:
    """Times (N,) in s and values (N, V) of the motions, and their colours."""
    recorded = shown.recorded
    found = [
        (recorded.measured, MEASURED),
        ([(ns, s.value) for ns, s in recorded.commands], COMMANDED),
    ]
    if other := shown.other:
        found.append(([(ns, s.value) for ns, s in other.commands], WOULD_BE))
    return [(*_with_gaps(shown, rows), color) for rows, color in found if rows]


def _with_gaps(shown: Shown, rows: list[tuple[int, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """The line is broken where nothing was commanded."""
    times_s = np.array([_seconds(shown, ns) for ns, _ in rows])
    values = np.array([value for _, value in rows])
    gaps = np.flatnonzero(np.diff(times_s) > 0.25) + 1
    return np.insert(times_s, gaps, np.nan), np.insert(values, gaps, np.nan, axis=0)


def _draw_grip(axis: Axes, shown: Shown) -> None:
    axis.set_ylabel("grip closure")
    axis.set_ylim(-0.08, 1.08)
    for course, color in ((shown.recorded, COMMANDED), (shown.other, WOULD_BE)):
        if course:
            grips = [(_seconds(shown, ns), s.closure) for ns, s in course.commands]
            pairs = [(time_s, grip) for time_s, grip in grips if grip is not None]
            axis.plot(*zip(*pairs, strict=True) if pairs else ([], []), color=color, linewidth=1.2)


def _draw_stops(axis: Axes, shown: Shown) -> None:
    for course, color in ((shown.recorded, COMMANDED), (shown.other, WOULD_BE)):
        for stop in course.stops if course else ():
            axis.axvline(_seconds(shown, stop.time_ns), color=color, linewidth=1.0, ls="--")


def _meanings(shown: Shown) -> list[Line2D]:
    lines = [
        Line2D([], [], color=MEASURED, label="measured"),
        Line2D([], [], color=COMMANDED, label="commanded"),
        Line2D([], [], color=PREDICTED, label="chunks"),
        Line2D([], [], color=COMMANDED, ls="--", label="stop"),
    ]
    if shown.other:
        lines += [
            Line2D([], [], color=WOULD_BE, label=f"with {shown.changed}"),
            Line2D([], [], color=WOULD_PREDICT, label="its chunks"),
            Line2D([], [], color=WOULD_BE, ls="--", label="its stop"),
        ]
    return lines
