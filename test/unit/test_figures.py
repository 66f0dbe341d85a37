"""The figures of docs/ are drawn from the code as it is."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


def test_figures_of_motions_are_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(DOCS)
    figures = importlib.import_module("figures")
    monkeypatch.setattr(figures, "IMAGES", tmp_path)
    names = ("join", "fade", "stop", "governor")
    for name in names:
        getattr(figures, f"draw_{name}")()
    assert {path.name for path in tmp_path.iterdir()} == {f"runtime_{name}.svg" for name in names}
