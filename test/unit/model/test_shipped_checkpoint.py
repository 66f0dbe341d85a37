"""The checkpoint that everybody meets first."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from groot_ros.cli.main import main
from groot_ros.policies.checkpoint.folder import shipped_checkpoint

MOST_BYTES = 8_000_000


def test_it_is_small_and_whole() -> None:
    folder = shipped_checkpoint()
    assert sum(file.stat().st_size for file in folder.iterdir()) < MOST_BYTES
    assert main(["inspect", str(folder), "--weights"]) == 0


def test_it_is_what_an_evaluation_takes_and_picks_up_a_cube(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--episodes=2", "--workers=1", "--json", f"--output={tmp_path}"]
    assert main(["evaluate", *arguments]) == 0
    assert json.loads(capsys.readouterr().out)["successes"] >= 1
