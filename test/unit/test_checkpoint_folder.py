"""Which checkpoint a user means."""

from __future__ import annotations

from pathlib import Path

import pytest

from groot_ros.errors import UserError
from groot_ros.policies.checkpoint.folder import find_checkpoint


def experiment(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).mkdir(parents=True)
        (root / name / "config.json").write_text("{}")
    return root


def test_latest_step_counts_as_a_number(tmp_path: Path) -> None:
    root = experiment(tmp_path, "checkpoint-900", "checkpoint-1000", "logs")
    assert find_checkpoint(root).name == "checkpoint-1000"


@pytest.mark.parametrize("wanted", ["500", "checkpoint-500", "000500", "checkpoint-000500"])
def test_a_step_is_found_with_and_without_zeros(tmp_path: Path, wanted: str) -> None:
    root = experiment(tmp_path, "checkpoint-000500", "checkpoint-001000")
    assert find_checkpoint(root, wanted).name == "checkpoint-000500"


def test_a_checkpoint_folder_itself_or_one_by_name(tmp_path: Path) -> None:
    root = experiment(tmp_path, "best")
    assert find_checkpoint(root / "best") == root / "best"
    assert find_checkpoint(root, "best") == root / "best"


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    root = experiment(tmp_path / "run", "checkpoint-1", "checkpoint-20")
    with pytest.raises(UserError, match="no checkpoint '3', found checkpoint-1, checkpoint-20"):
        find_checkpoint(root, "3")
    with pytest.raises(UserError, match="holds neither config.json nor a checkpoint-N"):
        find_checkpoint(tmp_path)
    with pytest.raises(UserError, match="is not a folder"):
        find_checkpoint(tmp_path / "nowhere")
