"""Datasets compared byte by byte."""

from __future__ import annotations

import re
from pathlib import Path

from groot_ros.data.review.report import REPORT

NAMES = re.compile(rb"<(title|h1)>.*?</\1>")


def contents(dataset: Path) -> dict[str, bytes]:
    """Every file below a dataset by its place; the report without title and heading, which are the
    dataset's name."""
    files = (path for path in dataset.rglob("*") if path.is_file())
    found = {str(path.relative_to(dataset)): path.read_bytes() for path in files}
    if REPORT in found:
        found[REPORT] = NAMES.sub(rb"<\1></\1>", found[REPORT])
    return found
