"""Edits of a page, merged with those that others make at the same time."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from groot_ros.data.datasets.edits import Edit, EditConflict, EditEntry, EditKeys, EditStore
from groot_ros.errors import UserError
from groot_ros.files.typed import KeyPath, typed
from groot_ros.viewer.subject import Json

FIELDS = frozenset(field.name for field in fields(Edit))
TRIES = 20


class Editing:
    """An edit list, changed field by field."""

    def __init__(self, store: EditStore) -> None:
        self._store = store

    def edits(self) -> dict[str, Json]:
        """What is to become of episodes, by what the list calls them."""
        return {name: asdict(edit) for name, edit in self._store.read().edits.items()}

    def obstacle(self, what: str) -> str:
        """Why `what` takes no edits, empty where it does; it can be looked at all the same."""
        folder = self._store.path.parent
        if not os.access(folder, os.W_OK):
            return f"{folder} cannot be written: copy the {what} to edit its episodes"
        return ""

    def change(self, name: str, frames: int, changes: Mapping[str, Any]) -> Json:
        """Set fields to what `now` says, but for those that are no longer what they `was`.

        These conflict and are left alone, the others are saved all the same. The answer has the
        edit as it is then, and what is in place of the conflicting ones.
        """
        wished = _wished(changes)
        for _ in range(TRIES):
            entry = self._store.read().episodes.get(name, EditEntry())
            seen = asdict(entry.edit)
            conflicts = {
                field: seen[field]
                for field, (was, now) in wished.items()
                if seen[field] != was and seen[field] != now
            }
            values = seen | {n: now for n, (_, now) in wished.items() if n not in conflicts}
            edit = _checked(values, name, frames)
            if edit == entry.edit:
                return {"edit": values, "conflicts": conflicts}
            try:
                self._store.write(name, edit, entry.revision)
            except EditConflict:
                continue
            except OSError as error:
                raise UserError(
                    f"{self._store.path} cannot be written ({error.strerror}): make its folder "
                    "writable"
                ) from None
            return {"edit": asdict(edit), "conflicts": conflicts}
        raise UserError(f"episode {name} is being edited all the time elsewhere: try again")


def _wished(changes: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    unknown = changes.keys() - FIELDS
    if unknown or not all(
        isinstance(change, dict) and {"was", "now"} <= change.keys() for change in changes.values()
    ):
        raise UserError(f"an edit has was and now of {', '.join(sorted(FIELDS))}")
    return {name: (change["was"], change["now"]) for name, change in changes.items()}


def _checked(values: Mapping[str, Any], name: str, frames: int) -> Edit:
    """UserError where an edit is none, or keeps nothing of the episode's frames."""
    source = f"the edit of episode {name}"
    edit = typed(values, EditKeys, KeyPath(source)).edit
    if (edit.start or 0) >= frames or (edit.end or 0) > frames:
        raise UserError(f"{source} goes from {edit.start} to {edit.end}, it has {frames} frames")
    return edit
