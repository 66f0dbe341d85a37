"""Commands that a user is told and may copy."""

from __future__ import annotations

import shlex


def quoted(word: object) -> str:
    """A path or another word as a shell takes it: `my bag` -> `'my bag'`."""
    return shlex.quote(str(word))
