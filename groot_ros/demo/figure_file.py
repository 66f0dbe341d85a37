"""How figures become files."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

DPI = 110


def save(figure: Figure, path: Path) -> None:
    """Write a picture in the format of the path's ending, whole or not at all."""
    part = path.with_suffix(f".part{path.suffix}")
    figure.savefig(part, dpi=DPI)
    part.replace(path)
