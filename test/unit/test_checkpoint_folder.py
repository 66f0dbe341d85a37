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
        (tmp_path / "empty").mkdir()
        find_checkpoint(tmp_path / "empty")
    with pytest.raises(UserError, match="is not a folder"):
        find_checkpoint(tmp_path / "nowhere")


def test_the_only_task_of_a_folder_is_meant_and_one_of_several_is_named(tmp_path: Path) -> None:
    root = experiment(tmp_path, "pick/checkpoint-5", "pick/checkpoint-20")
    assert find_checkpoint(root) == root / "pick" / "checkpoint-20"
    experiment(root, "libero_10")
    with pytest.raises(UserError, match="several tasks, libero_10, pick: give one of these"):
        find_checkpoint(root)
    assert find_checkpoint(root, "libero_10") == root / "libero_10"
    assert find_checkpoint(root, "pick") == root / "pick" / "checkpoint-20"
    assert find_checkpoint(root, "pick/checkpoint-5") == root / "pick" / "checkpoint-5"
    with pytest.raises(UserError, match="no checkpoint 'place', found libero_10, pick"):
        find_checkpoint(root, "place")
    with pytest.raises(UserError, match="has no checkpoint"):
        find_checkpoint(root / "pick", "../libero_10")


def test_a_run_of_lerobot_holds_its_steps_in_checkpoints(tmp_path: Path) -> None:
    names = [f"checkpoints/{step}/pretrained_model" for step in ("020000", "100000")]
    root = experiment(tmp_path / "run", *names)
    (root / "checkpoints" / "last").symlink_to("100000")
    assert find_checkpoint(root) == root / names[1]
    assert find_checkpoint(root, "20000") == root / names[0]
    assert find_checkpoint(root / "checkpoints") == root / names[1]
    assert find_checkpoint(root / "checkpoints" / "last").resolve() == root / names[1]
    assert find_checkpoint(root / names[0]) == root / names[0]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"pytorch_model.bin": ""}, "pytorch_model.bin is pickled Python, .* never loaded"),
        (
            {"model.PT": "", "optimizer.pt": "", "pytorch_model.bin": ""},
            "model.PT, optimizer.pt, pytorch_model.bin are pickled Python",
        ),
        (
            {"adapter_config.json": '{"base_model_name_or_path": "nvidia/GR00T-N1.7-3B"}'},
            "PEFT adapter of nvidia/GR00T-N1.7-3B, not a whole model: merge it",
        ),
    ],
)
def test_what_lies_there_instead_is_named(
    tmp_path: Path, files: dict[str, str], message: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=message):
        find_checkpoint(tmp_path)
