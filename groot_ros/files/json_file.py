"""JSON files of a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from groot_ros.errors import UserError
from groot_ros.files import config_file

REMEDY = "copy the checkpoint again"


def read_json(path: Path, what: str) -> dict[str, Any]:
    """Content of a JSON file of a checkpoint; UserError when it is missing or broken."""
    try:
        content = config_file.read_json(path, REMEDY)
    except FileNotFoundError:
        raise UserError(
            f"{path.name} not found in {path.parent}: expected {what}, check the path"
        ) from None
    if not isinstance(content, dict):
        raise UserError(f"{path} holds no JSON object: {REMEDY}")
    return content
