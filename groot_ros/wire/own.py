"""How a server of this package is known, whatever its protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OWN = "groot_ros"
"""Where it describes itself in what it says first."""


def described(said: Any) -> Mapping[str, Any] | None:
    """How a server of this package describes itself in what it says first; None of others."""
    found = said.get(OWN) if isinstance(said, dict) else None
    return found if isinstance(found, dict) else None
