"""What a check finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """A sentence about a key of the robot file or another thing; a doubt where it may be right all
    the same. `command` shows more of it or mends it, empty where the sentence says all."""

    key: str
    sentence: str
    is_doubt: bool = False
    command: str = ""

    def __str__(self) -> str:
        said = f"{'doubt' if self.is_doubt else 'wrong'}: {self.key}: {self.sentence}"
        return f"{said}\n  ==> {self.command}" if self.command else said
