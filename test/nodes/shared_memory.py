"""What a process leaves in shared memory, where other processes beside it have theirs."""

from __future__ import annotations

import contextlib
from pathlib import Path

SHM = Path("/dev/shm")


def segments() -> set[Path]:
    """All that there are."""
    return set(SHM.iterdir())


def mapped_segments(pids: str = "[0-9]*") -> set[Path]:
    """Files in shared memory that processes have open."""
    found: set[Path] = set()
    for maps in Path("/proc").glob(f"{pids}/maps"):
        with contextlib.suppress(OSError):
            lines = [line.split() for line in maps.read_text().splitlines()]
            found |= {Path(line[5]) for line in lines if line[5:] and SHM in Path(line[5]).parents}
    return found


def left_of(new: set[Path]) -> set[Path]:
    """Those of a process that has ended which are still there. A port belongs to all who use it;
    the last one removes it."""
    left = {segment for segment in new if segment.exists()}
    return left - {path for path in mapped_segments() if "port" in path.name}
