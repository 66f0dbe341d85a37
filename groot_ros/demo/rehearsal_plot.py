"""A rehearsed episode as a picture: the demonstration and what the executor made of it."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from groot_ros.demo.figure_file import save
from groot_ros.demo.motion_plot import (
    KINDS,
    PREDICTED,
    STOP,
    channels,
    draw_legend,
    draw_marks,
    draw_steps,
    make_rows,
    shortened,
)
from groot_ros.sim.rehearsal.result import Rehearsed

DEMONSTRATED, EXECUTED = "#222222", "#d94801"


def write_rehearsal_plot(episode: Rehearsed, path: Path) -> None:
    """Write a picture: a strip of one mark per chunk, below it a row per number of the signal."""
    size = len(episode.demonstrated[0]) if episode.demonstrated else 0
    rows = channels(episode.signal, size)
    figure, axes = make_rows([0.5] + [1.0] * (len(rows) + 1))
    figure.suptitle(f"{episode.name}: '{episode.instruction}'\n{_headline(episode)}", fontsize=10)
    times_s = [_seconds(episode, chunk.due_ns) for chunk in episode.chunks]
    draw_marks(axes[0], times_s, [chunk.kind for chunk in episode.chunks])
    axes[0].set_ylabel("chunks")
    for axis, (name, column) in zip(axes[1:-1], rows, strict=True):
        _draw_channel(axis, episode, column)
        axis.set_ylabel(name)
    _draw_grip(axes[-1], episode)
    axes[-1].set_xlabel("time [s]")
    for axis in axes:
        axis.grid(alpha=0.3)
        for stop in episode.stops:
            axis.axvline(_seconds(episode, stop.time_ns), color=STOP, linewidth=1.0, ls="--")
    draw_legend(figure, _meanings())
    save(figure, path)


def _headline(episode: Rehearsed) -> str:
    """What went wrong first, or that nothing did."""
    for chunk in episode.chunks:
        if chunk.refused:
            return shortened(f"{_seconds(episode, chunk.due_ns):.1f} s: refused, {chunk.refused}")
    for stop in episode.stops:
        return shortened(f"{_seconds(episode, stop.time_ns):.1f} s: {stop.sentence}")
    return "no chunk was refused, the arm never stopped"


def _seconds(episode: Rehearsed, time_ns: int) -> float:
    return (time_ns - episode.start_ns) / 1e9


def _draw_channel(axis: Axes, episode: Rehearsed, column: int) -> None:
    for chunk in episode.chunks:
        color = KINDS["refused"] if chunk.refused else PREDICTED
        draw_steps(
            axis,
            chunk.chunk,
            signal=episode.signal,
            column=column,
            begin_ns=episode.start_ns,
            color=color,
        )
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


def _meanings() -> list[Line2D]:
    return [
        Line2D([], [], color=DEMONSTRATED, label="demonstrated"),
        Line2D([], [], color=EXECUTED, label="executed by the fake arm"),
        Line2D([], [], color=PREDICTED, label="chunks"),
        Line2D([], [], color=STOP, ls="--", label="stop"),
    ]
