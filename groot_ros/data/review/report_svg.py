"""Drawings of a report as inline SVG."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 170, 60
BINS = 34
NARROWEST = 1e-6

LABEL_WIDTH, LINE_WIDTH, LINE_HEIGHT = 220, 700, 16
GOOD, THIN, SILENT, FRAMES = "#4caf50", "#ffb300", "#e53935", "#1e88e5"
# A stream that sends this share of its usual messages is thin.
THIN_SHARE = 0.8


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
        _rectangle(index * width, HEIGHT * (1 - height), width - 1, HEIGHT * height, FRAMES)
        for index, height in enumerate(counts / max(1, counts.max()))
        if height > 0
    )
    return _svg(WIDTH, HEIGHT, bars)


def timeline(source: dict[str, Any], fps: float) -> str:
    """What was received of each stream over an episode, and which times became frames."""
    lines = [*source["health"].items()]
    parts = []
    for number, (topic, health) in enumerate(lines):
        parts.append(_label(topic, number))
        parts.append(_density(health["density"], number))
    parts.append(_label("frames", len(lines)))
    parts += [_part(part, source, fps, len(lines)) for part in source["parts"]]
    height = (len(lines) + 1) * LINE_HEIGHT
    return _svg(LABEL_WIDTH + LINE_WIDTH, height, "".join(parts))


def _density(counts: list[int], number: int) -> str:
    usual = float(np.median(counts)) if counts else 0.0
    width = LINE_WIDTH / max(1, len(counts))
    cells = []
    for index, count in enumerate(counts):
        colour = GOOD if count >= THIN_SHARE * usual and count else THIN if count else SILENT
        x = LABEL_WIDTH + index * width
        cells.append(_rectangle(x, number * LINE_HEIGHT + 2, width, LINE_HEIGHT - 4, colour))
    return "".join(cells)


def _part(part: dict[str, Any], source: dict[str, Any], fps: float, number: int) -> str:
    start_s = (part["first_due_ns"] - source["start_ns"]) / 1e9
    scale = LINE_WIDTH / max(source["duration_s"], 1e-9)
    x, width = LABEL_WIDTH + start_s * scale, part["frames"] / fps * scale
    width = min(width, LABEL_WIDTH + LINE_WIDTH - x)
    return _rectangle(x, number * LINE_HEIGHT + 2, width, LINE_HEIGHT - 4, FRAMES)


def _label(text: str, number: int) -> str:
    y = number * LINE_HEIGHT + LINE_HEIGHT - 4
    return f"<text x='0' y='{y}' font-size='12'>{escape(text)}</text>"


def _rectangle(x: float, y: float, width: float, height: float, colour: str) -> str:
    return (
        f"<rect x='{x:.1f}' y='{y:.1f}' width='{max(width, 0.5):.1f}' height='{height:.1f}' "
        f"fill='{colour}'/>"
    )


def _svg(width: float, height: float, content: str) -> str:
    return f"<svg width='{width:g}' height='{height:g}'>{content}</svg>"
