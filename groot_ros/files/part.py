"""Where a folder or a file lies while it is written."""

from __future__ import annotations

from pathlib import Path

PART_SUFFIX = ".part"


def part_path(path: Path) -> Path:
    """The place beside `path` of what gets that name once it is whole."""
    return path.with_name(path.name + PART_SUFFIX)
