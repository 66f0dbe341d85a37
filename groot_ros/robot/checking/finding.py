"""What a check finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """A sentence about a key of the robot file; a doubt where it may be right all the same."""

    key: str
    sentence: str
    is_doubt: bool = False

    def __str__(self) -> str:
        return f"{'doubt' if self.is_doubt else 'wrong'}: {self.key}: {self.sentence}"
