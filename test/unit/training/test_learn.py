"""`make learn`, as small as it can be."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from groot_ros.cli.main import main


def test_from_demonstrations_to_a_contact_sheet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Other tests have several processes, which here would begin for an episode each.
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    output = tmp_path / "learn"
    arguments = ["--task=reach", "--demonstrations=2", "--steps=2", "--episodes=1", "--held-out=1"]
    arguments += ["--cubes", "red", "blue"]
    assert main(["learn", *arguments, f"--output={output}"]) == 0
    shown = capsys.readouterr().out
    summary = shown[shown.index("learnt to reach") :]
    for step in ("collect", "convert", "validate", "train", "inspect", "open loop", "evaluate"):
        assert f"\n  {step} " in summary
    result = json.loads((output / "evaluation/evaluation.json").read_text())
    assert (result["variant"], result["episodes"]) == ("ee_rot6d_joints_rel", 1)
    tasks = (output / "dataset/meta/tasks.jsonl").read_text()
    assert "reach the red cube" in tasks and "reach the blue cube" in tasks
    for name in ("contact_sheet.png", "open_loop.png", "open_loop.json"):
        assert (output / "evaluation" / name).stat().st_size > 0
    assert main(["learn", f"--output={output}"]) == 2
    assert "is there already" in capsys.readouterr().err


def test_a_mistake_of_a_step_is_told_when_all_else_is_quiet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "learn"
    assert main(["learn", "--quiet", "--demonstrations=0", f"--output={output}"]) == 2
    assert capsys.readouterr().err == "groot-ros: episodes is 0, expected 1 or more\n"
