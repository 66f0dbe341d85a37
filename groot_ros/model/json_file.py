"""JSON files of a checkpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from groot_ros.errors import UserError


def read_json(path: Path, what: str) -> dict[str, Any]:
    """Content of a JSON file of a checkpoint; UserError when it is missing or broken."""
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        raise UserError(
            f"{path.name} not found in {path.parent}: expected {what}, check the path"
        ) from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}): copy the checkpoint again") from None
    if not isinstance(content, dict):
        raise UserError(f"{path} holds no JSON object: copy the checkpoint again")
    return content
