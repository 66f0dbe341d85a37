"""What a test is marked as, by where its file lies: `fast ros slow gpu interop`."""

from __future__ import annotations

from pathlib import Path

FOLDERS = {"launch": "ros", "nodes": "ros", "interop": "interop"}
FILES = {"test_gpu.py": "gpu"}
# Files of test/unit that take seconds, unless they are of the motion or the rooms. A new one is
# fast until it is named.
SLOW = frozenset(Path(__file__).with_name("slow_files.txt").read_text().split())


def mark_of(path: Path) -> str:
    """The mark of all tests of a file."""
    if mark := FOLDERS.get(path.parent.name) or FILES.get(path.name):
        return mark
    return "slow" if path.stem.removeprefix("test_") in SLOW else "fast"
