"""`groot-ros selfcheck`: the same for the same files, other for others, bounded in memory."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from droid_folder import DROID, write_droid
from safetensors.torch import load_file, save_file

from groot_ros.cli.main import main
from groot_ros.model.checkpoint import load


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["selfcheck", *arguments, "--json"]) == code
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    return report


def test_two_runs_agree_and_other_weights_do_not(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, again = told(capsys, str(copy)), told(capsys, str(copy.parent))
    for key in ("files", "tensors", "answer", "observation_sha256", "versions"):
        assert first[key] == again[key]
    weights = copy / "model.safetensors"
    own = first["files"][weights.name]
    assert own["sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert first["tensors"]["count"] == len(load_file(weights))
    assert first["times"]["inference_s"] > 0 and first["memory"]["process_peak_bytes"] > 1e7
    pose = first["answer"]["ee_pose"]
    assert pose["shape"] == [16, 9] and len(pose["first"]) == 9
    tensors = load_file(weights)
    tensors["action_head.action_decoder.layer2.b"] += 0.5
    save_file(tensors, weights)
    other = told(capsys, str(copy))
    assert other["files"][weights.name] != own
    assert other["answer"]["ee_pose"]["sha256_of_2_decimals"] != pose["sha256_of_2_decimals"]
    assert other["tensors"] == first["tensors"]


def test_droids_files_with_a_history_are_checked_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_droid(tmp_path / "droid", (-15, 0))
    report = told(capsys, str(folder))
    assert (report["embodiment"], report["slot"]) == (DROID, 24)
    assert {key: answer["shape"] for key, answer in report["answer"].items()} == {
        "eef_9d": [40, 9],
        "gripper_position": [40, 1],
        "joint_position": [40, 7],
    }
    assert main(["selfcheck", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "joint_position 40 x 7" in said and "model.safetensors" in said


def test_what_does_not_fit_is_still_hashed(
    copy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "available_bytes", lambda device: 1000)
    report = told(capsys, str(copy), code=1)
    assert "GB free" in report["refused"] and "answer" not in report
    assert report["tensors"]["count"] > 100 and report["files"]
