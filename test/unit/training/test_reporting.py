from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from training_options import options

from groot_ros.errors import UserError
from groot_ros.training.config import make_config
from groot_ros.training.reporting import reporters
from groot_ros.training.run import train

WAIT_S = 60.0


def short(dataset: Path, output: Path) -> dict[str, object]:
    return options(dataset, output, "short", num_train_steps=2, logging_steps=1, eval_episodes=1)


def test_event_files_hold_the_loss_and_errors_per_channel(dataset: Path, tmp_path: Path) -> None:
    train(make_config({**short(dataset, tmp_path), "eval_steps": 1}))
    (file,) = (tmp_path / "short" / "runs").rglob("events.*")
    events = EventAccumulator(str(file)).Reload()
    losses = events.Scalars("train/loss")
    assert [event.step for event in losses] == [1, 2]
    assert all(0 < event.value < 10 for event in losses)
    for name in ("eval/mae/x", "eval/mae/grip", "eval/share_of_mean"):
        assert [event.step for event in events.Scalars(name)] == [1, 2]


@pytest.fixture
def wandb_key(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A key, and the end of the run that a test leaves behind."""
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setenv("WANDB_SILENT", "true")
    yield monkeypatch
    import wandb

    wandb.finish()
    wandb.teardown()


def test_wandb_writes_its_run_beside_the_checkpoints(
    dataset: Path, tmp_path: Path, wandb_key: pytest.MonkeyPatch
) -> None:
    wandb_key.setenv("WANDB_MODE", "offline")
    train(make_config(short(dataset, tmp_path)))
    import wandb

    wandb.finish()
    # The process that writes the file may still be at it.
    wandb.teardown()
    (run,) = (tmp_path / "short" / "wandb").glob("offline-run-*/*.wandb")
    deadline_s = time.monotonic() + WAIT_S
    while not all(name in run.read_bytes() for name in (b"train/loss", b"eval/share_of_mean")):
        assert time.monotonic() < deadline_s, "the numbers are not in the file"
        time.sleep(0.05)
    assert not list((tmp_path / "short").rglob("events.*"))


def test_wandb_out_of_reach_is_one_sentence(
    dataset: Path, tmp_path: Path, wandb_key: pytest.MonkeyPatch
) -> None:
    wandb_key.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    wandb_key.setenv("WANDB_INIT_TIMEOUT", "1")
    with pytest.raises(UserError, match="W&B cannot be reached .*: set WANDB_MODE=offline"):
        train(make_config(short(dataset, tmp_path)))


def test_wandb_that_is_not_installed_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setattr("sys.path", [])
    monkeypatch.setattr("sys.path_importer_cache", {})
    monkeypatch.delitem(sys.modules, "wandb", raising=False)
    with pytest.raises(UserError, match="the package wandb is missing: pip install wandb"):
        reporters()
