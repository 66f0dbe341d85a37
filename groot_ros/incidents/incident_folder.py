"""The folder that holds the incidents, and how much of the disk they take."""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from groot_ros.files.folder_lock import lock
from groot_ros.files.part import PART_SUFFIX, part_path
from groot_ros.incidents.incident import INFO, Incident
from groot_ros.share import user_path

# Of what happened, so many words are in the name.
NAME_WORDS = 6
GOING = ".going"


def default_folder() -> Path:
    """Where incidents are kept unless somebody says otherwise: below ROS_HOME, like ROS's logs."""
    home = os.environ.get("ROS_HOME") or os.path.join("~", ".ros")
    return user_path(home) / "groot_ros" / "incidents"


class IncidentFolder:
    """Incidents of at most `most_bytes`; the oldest ones go first, never one that is written."""

    def __init__(self, path: Path, most_bytes: int) -> None:
        self.path = path
        self._most_bytes = most_bytes

    def new(self, incident: Incident) -> Path:
        """Where an incident is to be written; names begin with the time, so that they sort."""
        words = re.findall(r"[a-z]+", incident.events[0].sentence.lower())[:NAME_WORDS]
        time = datetime.fromisoformat(incident.saved)
        name = "_".join([time.strftime("%Y-%m-%d_%H-%M-%S"), *words])
        path, number = self.path / name, 1
        while path.exists() or part_path(path).exists():
            number += 1
            path = self.path / f"{name}_{number}"
        return path

    def unfinished(self) -> list[Path]:
        """What an executor left that was killed while it wrote."""
        parts = sorted(self.path.glob(f"*{PART_SUFFIX}"))
        return [part for part in parts if not _is_being_written(part)]

    def make_room(self, needed_bytes: int = 0) -> None:
        """Delete the oldest incidents until so much more may be written; 0: what was written last
        is left."""
        incidents = [path for path in _all_in(self.path) if not _is_being_written(path)]
        sizes = {incident: _size(incident) for incident in incidents}
        held = sum(sizes.values())
        for incident in incidents if needed_bytes else incidents[:-1]:
            if held + needed_bytes <= self._most_bytes:
                return
            held -= sizes[incident]
            _delete(incident)


def incidents_in(folder: Path) -> list[Path]:
    """All that are whole, the oldest first; others' files are none."""
    return [path for path in _all_in(folder) if not path.name.endswith(PART_SUFFIX)]


def _all_in(folder: Path) -> list[Path]:
    """Those and what was not finished, which sort by their time."""
    found = [path.parent for path in folder.glob(f"*/{INFO}")]
    return sorted(path for path in found if not path.name.endswith(GOING))


def _is_being_written(path: Path) -> bool:
    for file in path.glob("*.mcap") if path.name.endswith(PART_SUFFIX) else ():
        with suppress(FileNotFoundError), file.open("rb") as opened:
            if not lock(opened):
                return True
    return False


def _size(folder: Path) -> int:
    size = 0
    # Another executor may be deleting it.
    with suppress(FileNotFoundError):
        for file in folder.iterdir():
            size += file.stat().st_size
    return size


def _delete(folder: Path) -> None:
    """Whole, or not at all for whoever looks at it."""
    going = folder.with_name(f".{folder.name}{GOING}")
    with suppress(FileNotFoundError):
        folder.rename(going)
        shutil.rmtree(going, ignore_errors=True)
