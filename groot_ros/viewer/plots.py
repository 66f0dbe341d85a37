"""What the page draws over time."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from groot_ros.viewer.subject import Json

PLACE = ("x", "y", "z")
ROTATION = re.compile(r"r\d\d|[qr][wxyz]|roll|pitch|yaw")


@dataclass(frozen=True, kw_only=True)
class Plot:
    """Numbers over the times of an episode, drawn together."""

    title: str
    times_s: Sequence[float]
    lines: Sequence[Line]
    chunks: Sequence[ChunkLines] = ()

    def to_dict(self) -> Json:
        return {
            "title": self.title,
            "times_s": list(self.times_s),
            "lines": [line.to_dict() for line in self.lines],
            "chunks": [chunk.to_dict() for chunk in self.chunks],
        }


@dataclass(frozen=True, kw_only=True)
class ChunkLines:
    """What a policy wanted at a time, drawn over a plot; it is newest from `published_s` on."""

    published_s: float
    times_s: Sequence[float]
    lines: Sequence[Line]

    def to_dict(self) -> Json:
        return {
            "published_s": self.published_s,
            "times_s": list(self.times_s),
            "lines": [line.to_dict() for line in self.lines],
        }

    def of(self, names: Collection[str]) -> ChunkLines:
        """The same of some lines."""
        return replace(self, lines=[line for line in self.lines if line.name in names])


@dataclass(frozen=True, kw_only=True)
class Line:
    """One number of a plot; `is_action` draws it dashed, `color` is the number of its hue."""

    name: str
    values: Sequence[float | None]
    color: int
    is_action: bool = False

    def to_dict(self) -> Json:
        return {
            "name": self.name,
            "values": list(self.values),
            "color": self.color,
            "is_action": self.is_action,
        }


def make_lines(
    names: Sequence[str], values: NDArray[np.float64], is_action: bool = False
) -> list[Line]:
    """A line for each number of values (T, D); what is not finite is a gap."""
    return [
        Line(
            name=name,
            values=[value if np.isfinite(value) else None for value in column.tolist()],
            color=number,
            is_action=is_action,
        )
        for number, (name, column) in enumerate(zip(names, values.T, strict=True))
    ]


def frame_times_s(frames: int, fps: float) -> list[float]:
    """Times of an episode's frames."""
    return [round(frame / fps, 6) for frame in range(frames)]


def key_plots(
    title: str,
    lines: Sequence[Line],
    times_s: Sequence[float],
    chunks: Sequence[ChunkLines] = (),
) -> Iterator[Plot]:
    """The plots of a signal."""
    for name, names in key_parts(title, list(dict.fromkeys(line.name for line in lines))):
        yield Plot(
            title=name,
            times_s=times_s,
            lines=[line for line in lines if line.name in names],
            chunks=[chunk.of(names) for chunk in chunks],
        )


def key_parts(title: str, names: Sequence[str]) -> Iterator[tuple[str, Sequence[str]]]:
    """Titles and numbers of the plots of a signal; place and rotation of a pose apart."""
    places = [name for name in names if name in PLACE]
    others = [name for name in names if name not in PLACE]
    if places and others and all(ROTATION.fullmatch(name) for name in others):
        yield f"{title}: place", places
        yield f"{title}: rotation", others
    elif names:
        yield title, names
