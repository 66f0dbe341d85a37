"""The one exception for mistakes that a user can mend, and which sentences tell of the same."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """A user's mistake in one sentence: the thing, what was expected, how to mend it."""


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """A hint for a name that is unknown; empty where none of those that are known is near."""
    near = difflib.get_close_matches(name, list(names), n=1)
    return f"did you mean {near[0]}?" if near else ""


def kind_of_sentence(sentence: str) -> str:
    """What sentences have in common that differ in numbers alone."""
    return " ".join("".join(" " if c.isdigit() or c in ".-" else c for c in sentence).split())
