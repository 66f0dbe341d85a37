"""A tiny checkpoint folder, made once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from checkpoints import RELATIVE_POSE, spec

from groot_ros.model.inference.loaded import Groot
from groot_ros.model.tiny.init import init_checkpoint


@pytest.fixture(scope="session", params=["N1.7", "N1.6"])
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with absolute actions, of each version; tests must not change it."""
    folder = tmp_path_factory.mktemp("model") / "tiny"
    init_checkpoint(folder, spec(version=request.param), seed=0)
    return folder


@pytest.fixture(scope="session")
def relative_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint whose poses are relative in SE(3)."""
    folder = tmp_path_factory.mktemp("model") / "relative"
    init_checkpoint(folder, spec(RELATIVE_POSE), seed=0)
    return folder


@pytest.fixture(scope="session")
def groot(checkpoint: Path) -> Groot:
    return Groot.load(checkpoint, device="cpu", dtype="float32")


@pytest.fixture
def copy(checkpoint: Path, tmp_path: Path) -> Path:
    """A checkpoint folder that a test may damage."""
    return Path(shutil.copytree(checkpoint, tmp_path / "copy"))


@pytest.fixture
def edit_json() -> Callable[[Path, Callable[[dict[str, Any]], None]], None]:
    """Change a JSON file through a function."""

    def edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return edit
