"""Drawings of a report as inline SVG, coloured by the classes of their page, and a legend."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 170, 60
BINS = 34
NARROWEST = 1e-6

LABEL_WIDTH, LINE_WIDTH, LINE_HEIGHT = 220, 700, 16
# Classes of the parts of a timeline and what they mean, for a legend.
FULL, THIN, QUIET, SILENT, FRAMES = "full", "thin", "nothing", "silent", "frames"
LEGEND = {
    FULL: "messages as usual for the stream",
    THIN: "fewer than usual",
    QUIET: "none, and none was needed",
    SILENT: "none, and steps were left out",
    FRAMES: "frames of the dataset",
}
# A stream that sends this share of its usual messages is thin, but for one that comes a little
# earlier or later. A slow stream is looked at over times in which it sends LEAST of them.
THIN_SHARE = 0.8
LEAST_MESSAGES = 4


def histogram(values: NDArray[Any]) -> str:
    """Bars of how often values (N,) occur."""
    values = np.asarray(values, dtype=np.float64)
    low, high = float(values.min()), float(values.max())
    if high - low < NARROWEST:
        # Nothing but rounding: one bar in the middle.
        low, high = low - NARROWEST, high + NARROWEST
    counts, _ = np.histogram(values, bins=BINS, range=(low, high))
    width = WIDTH / BINS
    bars = "".join(
        _rectangle(
            index * width,
            HEIGHT * (1 - height),
            width=width - 1,
            height=HEIGHT * height,
            kind=FRAMES,
        )
        for index, height in enumerate(counts / max(1, counts.max()))
        if height > 0
    )
    return _svg(WIDTH, HEIGHT, bars)


def timeline(source: dict[str, Any], fps: float) -> str:
    """What was received of each stream over an episode, and which times became frames."""
    lines = [*source["health"].items()]
    duration_s = max(source["duration_s"], 1e-9)
    frames_s = [_span_s(part, source, fps) for part in source["parts"]]
    scale, parts = LINE_WIDTH / duration_s, []
    for number, (topic, health) in enumerate(lines):
        parts.append(_label(topic, number))
        for begin_s, end_s, kind in stretches(health, duration_s, frames_s):
            parts.append(_bar(begin_s * scale, end_s * scale, number, kind))
    parts.append(_label("frames", len(lines)))
    for begin_s, end_s in frames_s:
        parts.append(_bar(begin_s * scale, min(end_s, duration_s) * scale, len(lines), FRAMES))
    height = (len(lines) + 1) * LINE_HEIGHT
    return _svg(LABEL_WIDTH + LINE_WIDTH, height, "".join(parts))


def legend() -> str:
    """What the colours of timelines mean, as HTML."""
    square = "<svg width='12' height='12'><rect class='{}' width='12' height='12'/></svg>"
    entries = (f"<span>{square.format(kind)} {words}</span>" for kind, words in LEGEND.items())
    return f"<p class='small legend'>{''.join(entries)}</p>"


def stretches(
    health: dict[str, Any], duration_s: float, frames_s: Sequence[tuple[float, float]]
) -> Iterator[tuple[float, float, str]]:
    """Times in s from, to and the class of what came of a stream, by its own usual rate.

    Where nothing came and yet all times became frames, nothing was missing: commands that ended
    before the episode did, a gripper that was not commanded.
    """
    counts: list[int] = health["density"]
    cell_s = duration_s / max(1, len(counts))
    usual_of_cell = (health["rate_hz"] or 0.0) * cell_s
    if usual_of_cell == 0:
        usual_of_cell = sum(counts) / max(1, len(counts))
    wide = math.ceil(LEAST_MESSAGES / usual_of_cell) if usual_of_cell else len(counts)
    groups = np.array_split(np.array(counts), max(1, len(counts) // max(1, wide)))
    usual_of_cell = float(np.median([group.mean() for group in groups])) if counts else 0.0
    sums, first = [int(group.sum()) for group in groups], 0
    for number, group in enumerate(groups):
        begin_s, end_s = first * cell_s, (first + len(group)) * cell_s
        first += len(group)
        # A stream that ends or begins within a cell fills a part of it.
        is_border = 0 in sums[max(0, number - 1) : number + 2]
        if sums[number] == 0:
            yield begin_s, end_s, QUIET if _is_inside(begin_s, end_s, frames_s) else SILENT
        elif sums[number] < THIN_SHARE * usual_of_cell * len(group) - 1 and not is_border:
            yield begin_s, end_s, THIN
        else:
            yield begin_s, end_s, FULL


def _is_inside(begin_s: float, end_s: float, spans_s: Sequence[tuple[float, float]]) -> bool:
    """Whether a stretch of a timeline became frames, but for what its cells are too wide for."""
    middle_s = (begin_s + end_s) / 2
    return any(first_s <= middle_s <= last_s for first_s, last_s in spans_s)


def _span_s(part: dict[str, Any], source: dict[str, Any], fps: float) -> tuple[float, float]:
    begin_s = (part["first_due_ns"] - source["start_ns"]) / 1e9
    return begin_s, begin_s + part["frames"] / fps


def _bar(begin: float, end: float, number: int, kind: str) -> str:
    x, y = LABEL_WIDTH + begin, number * LINE_HEIGHT + 2
    return _rectangle(x, y, width=end - begin, height=LINE_HEIGHT - 4, kind=kind)


def _label(text: str, number: int) -> str:
    y = number * LINE_HEIGHT + LINE_HEIGHT - 4
    return f"<text x='0' y='{y}' font-size='12'>{escape(text)}</text>"


def _rectangle(x: float, y: float, width: float, height: float, kind: str) -> str:
    return (
        f"<rect class='{kind}' x='{x:.1f}' y='{y:.1f}' width='{max(width, 0.5):.1f}' "
        f"height='{height:.1f}'/>"
    )


def _svg(width: float, height: float, content: str) -> str:
    return f"<svg viewBox='0 0 {width:g} {height:g}' width='{width:g}'>{content}</svg>"
