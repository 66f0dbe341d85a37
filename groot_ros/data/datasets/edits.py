"""The edit list: what a person wants changed of the episodes of a dataset, or of bags.

It lies beside a dataset as `meta/edits.json`, changes nothing by itself, and is carried out by
`groot-ros dataset apply` or `groot-ros convert --edits`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any

from groot_ros.data.datasets.formats import find_format, format_names
from groot_ros.data.datasets.writer import INFO
from groot_ros.errors import UserError
from groot_ros.files import config_file
from groot_ros.files.folder_lock import waiting_lock
from groot_ros.files.typed import FileSection, KeyPath, Misfit, Text, typed, whole
from groot_ros.files.whole_file import write_whole

EDITS = "meta/edits.json"
FORMAT = 1
REMEDY = "mend it, or delete it to begin a new edit list"
MOST_FRAMES = 1 << 40


@dataclass(frozen=True, kw_only=True)
class Edit:
    """What is to become of an episode; None leaves it as it is."""

    discard: bool = False
    success: bool | None = None
    instruction: str | None = None
    start: int | None = None
    """The first frame that is kept."""
    end: int | None = None
    """The frame behind the last one that is kept."""

    def __bool__(self) -> bool:
        return self != Edit()

    def to_dict(self) -> dict[str, Any]:
        """What it changes, without the rest."""
        values = {f.name: (getattr(self, f.name), f.default) for f in fields(self)}
        return {name: value for name, (value, default) in values.items() if value is not default}


class EditKeys(FileSection, frozen=True, kw_only=True):
    """An edit as a file or a page says it."""

    discard: bool = False
    success: bool | None = None
    instruction: Text | None = None
    start: Annotated[int, whole(0, MOST_FRAMES)] | None = None
    end: Annotated[int, whole(1, MOST_FRAMES)] | None = None

    def __post_init__(self) -> None:
        if self.end is not None and self.end <= (self.start or 0):
            raise Misfit(f"is {self.end}, expected more than start, {self.start or 0}", "end")

    @property
    def edit(self) -> Edit:
        return Edit(
            discard=self.discard,
            success=self.success,
            instruction=self.instruction and self.instruction.strip(),
            start=self.start,
            end=self.end,
        )


class EditEntryKeys(EditKeys, frozen=True, kw_only=True):
    """An episode's entry of an edit list."""

    revision: Annotated[int, whole(0, MOST_FRAMES)] = 0


class EditFile(FileSection, frozen=True, kw_only=True):
    """An edit list; see `EditList`."""

    format: Annotated[int, whole(FORMAT, FORMAT)]
    dataset: str = ""
    episodes: dict[str, EditEntryKeys] = {}


@dataclass(frozen=True)
class EditEntry:
    """An episode's edit and how often it was changed."""

    edit: Edit = field(default_factory=Edit)
    revision: int = 0


@dataclass(frozen=True)
class EditList:
    """Entries by episode: its index in a dataset as text, or the name of a bag's episode."""

    episodes: Mapping[str, EditEntry] = field(default_factory=dict)
    dataset: str = ""
    """The fingerprint of the dataset that the indices count; empty for bags, or any."""

    @property
    def edits(self) -> dict[str, Edit]:
        """The edits that change something."""
        return {name: entry.edit for name, entry in self.episodes.items() if entry.edit}

    def to_dict(self) -> dict[str, Any]:
        entries = {
            name: {**entry.edit.to_dict(), "revision": entry.revision}
            for name, entry in self.episodes.items()
        }
        counted = {"dataset": self.dataset} if self.dataset else {}
        return {"format": FORMAT, **counted, "episodes": entries}

    @classmethod
    def read(cls, path: Path) -> EditList:
        """The list in a file; UserError where it is missing or names a key that is amiss."""
        try:
            content = config_file.read_json(path, REMEDY)
        except FileNotFoundError:
            raise UserError(f"there is no edit list {path}, expected a JSON file") from None
        file = typed(content, EditFile, KeyPath(str(path)))
        entries = {n: EditEntry(keys.edit, keys.revision) for n, keys in file.episodes.items()}
        return cls(entries, file.dataset)

    def write(self, path: Path) -> None:
        """Write it; a reader sees the old list or the new one."""
        write_whole(path, json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n")


class EditConflict(UserError):
    """Somebody else changed an episode's entry first, which is `current`."""

    def __init__(self, name: str, current: EditEntry) -> None:
        self.current = current
        super().__init__(
            f"episode {name} was edited elsewhere meanwhile (revision {current.revision}): look "
            "at that, then edit it again"
        )


class EditStore:
    """The edit list of a dataset, which several writers may change at the same time.

    A writer says which revision of an episode's entry it has seen; nothing is written where that
    is not the newest one any more, or where the dataset is another one by now.
    """

    def __init__(self, dataset: Path) -> None:
        self._dataset = dataset
        self.path = dataset / EDITS
        self.fingerprint = dataset_fingerprint(dataset)

    def read(self) -> EditList:
        """The list, empty where nothing was edited; UserError for that of another dataset."""
        if dataset_fingerprint(self._dataset) != self.fingerprint:
            raise UserError(
                f"{self._dataset} was changed meanwhile: open it again, then edit the episodes"
            )
        if not self.path.exists():
            return EditList(dataset=self.fingerprint)
        found = EditList.read(self.path)
        check_dataset(found, self.fingerprint, self.path)
        return EditList(found.episodes, self.fingerprint)

    def write(self, name: str, edit: Edit, revision: int) -> int:
        """Replace the edit of an episode, of which `revision` (0: none yet) was seen; the new one.

        EditConflict where another one was written meanwhile. An edit that changes nothing takes
        the episode's edit back.
        """
        with waiting_lock(self.path.parent):
            found = self.read()
            current = found.episodes.get(name, EditEntry())
            if current.revision != revision:
                raise EditConflict(name, current)
            entries = {**found.episodes, name: EditEntry(edit, revision + 1)}
            EditList(entries, self.fingerprint).write(self.path)
        return revision + 1


def check_dataset(edits: EditList, fingerprint: str, source: Path) -> None:
    """UserError for a list that says it was made for another dataset."""
    if edits.dataset not in ("", fingerprint):
        raise UserError(
            f"{source} was made for another dataset, or before this one was changed: {REMEDY}"
        )


def dataset_fingerprint(dataset: Path) -> str:
    """What an edit list knows a dataset by: a hash of its description and list of episodes."""
    digest = hashlib.sha256()
    patterns = [find_format(name).episode_list for name in format_names()]
    lists = (path for pattern in patterns for path in sorted(dataset.glob(pattern)))
    for path in (dataset / INFO, *lists):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def carry_edits(dataset: Path, other: Path) -> None:
    """Copy the edit list of a dataset to another one that begins with the same episodes."""
    if (dataset / EDITS).exists():
        found = EditList.read(dataset / EDITS)
        EditList(found.episodes, dataset_fingerprint(other)).write(other / EDITS)
