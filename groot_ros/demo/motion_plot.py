"""What pictures of motions with chunks share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from groot_ros.chunks.chunk import Chunk
from groot_ros.signals.kinds import POSE
from groot_ros.signals.signals import SignalSpec

# Told apart by lightness too.
KINDS = {"executed": "#c7e9c0", "slowed": "#fdae6b", "graded": "#9e6ebd", "refused": "#cb181d"}
STOP, PREDICTED = "#cb181d", "#9ecae1"
WIDTH_IN, ROW_IN = 11.0, 1.5
LONGEST_SENTENCE = 110


def channels(signal: SignalSpec, size: int) -> list[tuple[str, int]]:
    """The numbers of a signal that are drawn: their names, and where they are in its `size`."""
    drawn = 3 if signal.kind == POSE else size
    named = [signal.kind.axis(index) for index in range(drawn)]
    return [(f"{name} [{unit}]", index) for index, (name, unit) in enumerate(named)]


def make_rows(heights: Sequence[float]) -> tuple[Figure, Sequence[Axes]]:
    """A picture of rows above one another, with one time for all."""
    figure = Figure(figsize=(WIDTH_IN, ROW_IN * sum(heights)), layout="constrained")
    return figure, figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)


def shortened(sentence: str) -> str:
    """A sentence that fits above a picture."""
    if len(sentence) <= LONGEST_SENTENCE:
        return sentence
    return f"{sentence[: LONGEST_SENTENCE - 3]}..."


def draw_marks(axis: Axes, times_s: Sequence[float], kinds: Sequence[str]) -> None:
    """Draw a strip with one mark per chunk, each slightly narrower than the interval to the
    next."""
    width_s = 0.8 * float(np.median(np.diff(times_s))) if len(times_s) > 1 else 0.05
    for time_s, kind in zip(times_s, kinds, strict=True):
        axis.axvspan(time_s, time_s + width_s, color=KINDS[kind], linewidth=0)
    axis.set_yticks([])


def draw_steps(
    axis: Axes, chunk: Chunk, signal: SignalSpec, column: int, begin_ns: int, color: str
) -> None:
    """What a chunk says of a number of a signal, thin, in s since a time."""
    values = chunk.signals.get(signal.name)
    if values is not None:
        times_s = (chunk.step_times_ns() - begin_ns) / 1e9
        axis.plot(times_s, values[:, column], color=color, linewidth=0.7, alpha=0.6)


def draw_legend(figure: Figure, lines: Sequence[Line2D]) -> None:
    """What the lines and the marks mean."""
    marks = [Patch(color=color, label=f"chunk {kind}") for kind, color in KINDS.items()]
    figure.legend(handles=[*lines, *marks], loc="outside lower center", ncols=4, fontsize=8)
