"""A rehearsed episode as a picture: the demonstration and what the executor made of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from groot_ros.sim.rehearsal_result import Rehearsed

DEMONSTRATED, EXECUTED, PREDICTED = "#222222", "#d94801", "#9ecae1"
# Told apart by lightness too.
KINDS = {"executed": "#c7e9c0", "slowed": "#fdae6b", "graded": "#9e6ebd", "refused": "#cb181d"}
STOP = "#cb181d"
WIDTH_IN, ROW_IN, DPI = 11.0, 1.5, 110
LONGEST_SENTENCE = 110


def write_rehearsal_plot(episode: Rehearsed, path: Path) -> None:
    """Write a PNG: a strip with one mark per chunk, below it a row per number of the signal."""
    channels = _channels(episode)
    heights = [0.5] + [1.0] * (len(channels) + 1)
    figure = Figure(figsize=(WIDTH_IN, ROW_IN * sum(heights)), layout="constrained")
    axes = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    figure.suptitle(f"{episode.name}: '{episode.instruction}'\n{_headline(episode)}", fontsize=10)
    _draw_chunks(axes[0], episode)
    for axis, (name, column) in zip(axes[1:-1], channels, strict=True):
        _draw_channel(axis, episode, column)
        axis.set_ylabel(name)
    _draw_grip(axes[-1], episode)
    axes[-1].set_xlabel("time [s]")
    for axis in axes:
        axis.grid(alpha=0.3)
        for stop in episode.stops:
            axis.axvline(_seconds(episode, stop.time_ns), color=STOP, linewidth=1.0, ls="--")
    _draw_legend(figure)
    part = path.with_suffix(".part.png")
    figure.savefig(part, dpi=DPI)
    part.replace(path)


def _channels(episode: Rehearsed) -> list[tuple[str, int]]:
    if episode.signal == "ee_pose":
        return [("x [m]", 0), ("y [m]", 1), ("z [m]", 2)]
    count = len(episode.demonstrated[0]) if episode.demonstrated else 0
    return [(f"joint {index + 1} [rad]", index) for index in range(count)]


def _headline(episode: Rehearsed) -> str:
    """What went wrong first, or that nothing did."""
    for chunk in episode.chunks:
        if chunk.refused:
            return _short(f"{_seconds(episode, chunk.due_ns):.1f} s: refused, {chunk.refused}")
    for stop in episode.stops:
        return _short(f"{_seconds(episode, stop.time_ns):.1f} s: {stop.sentence}")
    return "no chunk was refused, the arm never stopped"


def _short(sentence: str) -> str:
    if len(sentence) <= LONGEST_SENTENCE:
        return sentence
    return f"{sentence[: LONGEST_SENTENCE - 3]}..."


def _seconds(episode: Rehearsed, time_ns: int) -> float:
    return (time_ns - episode.start_ns) / 1e9


def _draw_chunks(axis: Axes, episode: Rehearsed) -> None:
    for chunk in episode.chunks:
        start_s = _seconds(episode, chunk.due_ns)
        axis.axvspan(start_s, start_s + _gap_s(episode), color=KINDS[chunk.kind], linewidth=0)
    axis.set_yticks([])
    axis.set_ylabel("chunks")


def _gap_s(episode: Rehearsed) -> float:
    """How wide a chunk is drawn: a little less than until the next one."""
    times_ns = [chunk.due_ns for chunk in episode.chunks]
    return 0.8 * float(np.median(np.diff(times_ns))) / 1e9 if len(times_ns) > 1 else 0.05


def _draw_channel(axis: Axes, episode: Rehearsed, column: int) -> None:
    for chunk in episode.chunks:
        values = getattr(chunk.chunk, episode.signal)
        if values is None:
            continue
        times_s = [_seconds(episode, int(t)) for t in chunk.chunk.step_times_ns()]
        color = KINDS["refused"] if chunk.refused else PREDICTED
        axis.plot(times_s, values[:, column], color=color, linewidth=0.7, alpha=0.6)
    times_s = [_seconds(episode, time_ns) for time_ns in episode.times_ns]
    for rows, color in ((episode.demonstrated, DEMONSTRATED), (episode.executed, EXECUTED)):
        axis.plot(times_s, [row[column] for row in rows], color=color, linewidth=1.3)


def _draw_grip(axis: Axes, episode: Rehearsed) -> None:
    axis.set_ylabel("grip closure")
    axis.set_ylim(-0.08, 1.08)
    for index, color in ((0, DEMONSTRATED), (1, EXECUTED)):
        times_s = [
            _seconds(episode, time_ns) for time_ns in episode.times_ns[: len(episode.grips)]
        ]
        axis.plot(times_s, [pair[index] for pair in episode.grips], color=color, linewidth=1.3)


def _draw_legend(figure: Figure) -> None:
    lines = [
        Line2D([], [], color=DEMONSTRATED, label="demonstrated"),
        Line2D([], [], color=EXECUTED, label="executed by the fake arm"),
        Line2D([], [], color=PREDICTED, label="chunks"),
        Line2D([], [], color=STOP, ls="--", label="stop"),
    ]
    patches = [Patch(color=color, label=f"chunk {kind}") for kind, color in KINDS.items()]
    figure.legend(handles=[*lines, *patches], loc="outside lower center", ncols=4, fontsize=8)
