"""Mistakes and misfortunes: each is one sentence, and no checkpoint is lost."""

from __future__ import annotations

import json
import resource
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from training_options import options

from groot_ros.errors import UserError
from groot_ros.model.inference.loaded import Groot
from groot_ros.training import run
from groot_ros.training.callbacks import ProgressReport
from groot_ros.training.checkpoints import checkpoints
from groot_ros.training.config import make_config, read_yaml
from groot_ros.training.preparation import prepare_training
from groot_ros.training.run import train


@pytest.fixture
def own_dataset(dataset: Path, tmp_path: Path) -> Path:
    """A dataset that a test may change."""
    return Path(shutil.copytree(dataset, tmp_path / "own"))


class DiskThatFills(ProgressReport):
    """From the first checkpoint on no file may be larger than so many bytes."""

    largest = 0

    def on_save(self, *args: Any, **kwargs: Any) -> None:
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.largest, hard))


@pytest.fixture
def filling_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[DiskThatFills]]:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    monkeypatch.setattr(run, "ProgressReport", DiskThatFills)
    yield DiskThatFills
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("largest", [1_000_000, 20_000_000], ids=["weights", "optimizer"])
def test_a_full_disk_keeps_the_last_checkpoint(
    largest: int, dataset: Path, tmp_path: Path, filling_disk: type[DiskThatFills]
) -> None:
    filling_disk.largest = largest
    with pytest.raises(UserError, match="checkpoint-2 cannot be saved in .*: free space and go"):
        train(make_config(options(dataset, tmp_path, "full", save_steps=1)))
    (kept,) = checkpoints(tmp_path / "full")
    assert kept.name == "checkpoint-1"
    Groot.load(kept)
    assert not list((tmp_path / "full").glob(".partial"))


def test_a_device_that_is_not_there_is_named(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="device 'cuda:99' is not available on this machine"):
        train(make_config(options(dataset, tmp_path, "x", device="cuda:99")))


def test_another_rate_than_the_base_models_is_refused(
    dataset: Path, own_dataset: Path, tmp_path: Path
) -> None:
    base = train(make_config(options(dataset, tmp_path, "base", num_train_steps=1)))
    file = own_dataset / "meta" / "info.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "fps": 30}))
    given = options(own_dataset, tmp_path, "x", base_model=str(base))
    with pytest.raises(UserError, match="at 15 Hz, those of .* at 30 Hz: convert .* --fps 15"):
        prepare_training(make_config(given))


def test_longer_chunks_than_the_base_models_are_refused(
    dataset: Path, own_dataset: Path, tmp_path: Path
) -> None:
    base = train(make_config(options(dataset, tmp_path, "base", num_train_steps=1)))
    (file,) = (own_dataset / "meta").glob("groot_ros*.json")
    file.write_text(json.dumps({**json.loads(file.read_text()), "horizon": 24}))
    given = options(own_dataset, tmp_path, "x", base_model=str(base))
    with pytest.raises(UserError, match="have 24 steps, but checkpoint-1 answers with at most 16"):
        prepare_training(make_config(given))


def test_a_dataset_without_its_description_is_refused(own_dataset: Path, tmp_path: Path) -> None:
    (own_dataset / "meta" / "modality.json").unlink()
    with pytest.raises(UserError, match="no meta/modality.json, which names its columns"):
        prepare_training(make_config(options(own_dataset, tmp_path, "x")))


def test_a_damaged_dataset_is_refused_before_the_first_step(
    own_dataset: Path, tmp_path: Path
) -> None:
    file = own_dataset / "meta" / "info.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "total_frames": 3}))
    with pytest.raises(UserError, match="breaks the rules of its format: .*total_frames is 3"):
        train(make_config(options(own_dataset, tmp_path, "x")))
    assert not (tmp_path / "x").exists()
    train(make_config(options(own_dataset, tmp_path, "x", validate=False, num_train_steps=1)))


def test_a_learning_rate_below_zero_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"learning_rate is -1\.0, expected 0 or more"):
        make_config(options(tmp_path, tmp_path, "x", learning_rate=-1.0))


def test_a_number_without_a_point_is_a_number_in_yaml(tmp_path: Path) -> None:
    path = tmp_path / "options.yaml"
    path.write_text("learning_rate: 1e-4\nseed: 3\n")
    assert read_yaml(path) == {"learning_rate": 1e-4, "seed": 3}
    path.write_text("learning_rate: fast\n")
    with pytest.raises(UserError, match="learning_rate is 'fast', expected a number"):
        read_yaml(path)
