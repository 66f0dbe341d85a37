"""A robot file under construction: what is known, what is guessed, what only a person knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from groot_ros.errors import UserError
from groot_ros.files.typed import TODO

SEEN, GUESSED, ASKED = "seen", "guessed", "asked"


@dataclass(frozen=True)
class Entry:
    """A value of the file, `TODO` where it is not known, and what to say of it."""

    value: Any
    how: str
    note: str = ""


@dataclass
class RobotDraft:
    """Entries by dotted key, in the order of the file."""

    name: str
    entries: dict[str, Entry] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    """What was seen and is not in the file, and why."""

    def see(self, key: str, value: Any, note: str = "") -> None:
        """What was seen; the note becomes a comment."""
        self.entries[key] = Entry(value, SEEN, note)

    def guess(self, key: str, value: Any, note: str) -> None:
        """What is likely, and why."""
        self.entries[key] = Entry(value, GUESSED, note)

    def ask(self, key: str, question: str) -> None:
        """What only a person knows."""
        self.entries[key] = Entry(TODO, ASKED, question)

    def answer(self, key: str, value: Any) -> None:
        """What a person says, in the place of what was there."""
        at = list(self.entries)
        for other in at:
            if other.startswith(f"{key}.") or (key.startswith(f"{other}.") and other != key):
                del self.entries[other]
        self.entries[key] = Entry(value, SEEN)

    @property
    def open(self) -> dict[str, str]:
        """Questions that nobody has answered, by key."""
        return {key: entry.note for key, entry in self.entries.items() if entry.value == TODO}

    @property
    def guessed(self) -> dict[str, str]:
        """Why a value is likely, by key."""
        return {key: e.note for key, e in self.entries.items() if e.how == GUESSED}

    @property
    def text(self) -> str:
        """The file."""
        head = (
            f"# {self.name}, drafted by `groot-ros robot new`: look at every line with a comment, "
            "then `groot-ros robot check`."
        )
        return "\n".join([head, *_lines(self._tree(), "")]) + "\n"

    def _tree(self) -> dict[str, Any]:
        tree: dict[str, Any] = {}
        for key, entry in self.entries.items():
            *above, last = key.split(".")
            node = tree
            for part in above:
                node = node.setdefault(part, {})
            node[last] = entry
        return tree


def _lines(tree: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, node in tree.items():
        if isinstance(node, Entry):
            yield indent + _line(key, node)
        else:
            yield f"{indent}{key}:"
            yield from _lines(node, indent + "  ")


def _line(key: str, entry: Entry) -> str:
    flow = yaml.safe_dump({key: entry.value}, default_flow_style=True, width=10_000)
    line = flow.strip().removeprefix("{").removesuffix("}")
    said = {SEEN: entry.note, GUESSED: f"guessed: {entry.note}", ASKED: entry.note}[entry.how]
    return line + (f"  # {said}" if said else "")


def read_answer(text: str) -> tuple[str, Any]:
    """Key and value of `KEY=VALUE`, the value as YAML; UserError names a mistake."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip() or not value.strip():
        raise UserError(
            f"--set {text!r} is not KEY=VALUE, expected a key of the robot file and its value, "
            "such as --set output.rate=50"
        )
    return key.strip(), answered(key.strip(), value)


def answered(key: str, value: str) -> Any:
    """A value as a person types it; UserError where it is no YAML."""
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise UserError(
            f"{key} is {value!r}, expected a value as in YAML such as 50 or [0.1, 0.2]"
        ) from error
