from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file
from training_options import options

from groot_ros.errors import UserError
from groot_ros.model.inference.loaded import Groot
from groot_ros.share import share_file
from groot_ros.training.checkpoints import checkpoints
from groot_ros.training.config import make_config
from groot_ros.training.preparation import prepare_training
from groot_ros.training.run import train


def test_two_processes_train_as_one_does(dataset: Path, tmp_path: Path) -> None:
    given = options(dataset, tmp_path, "one", num_train_steps=4, save_steps=2, device="cpu")
    train(make_config(given))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node=2", "-m", "groot_ros.cli.main", "train"]
    command += [f"--{name}={value}" for name, value in {**given, "exp_name": "two"}.items()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("wrote ") == 1
    folders = [checkpoints(tmp_path / name) for name in ("one", "two")]
    assert [folder.name for folder in folders[1]] == ["checkpoint-2", "checkpoint-4"]
    for one, two in zip(*folders, strict=True):
        for file in ("model.safetensors", "trained_weights.safetensors"):
            expected, found = load_file(one / file), load_file(two / file)
            for name, tensor in expected.items():
                torch.testing.assert_close(found[name], tensor, rtol=0, atol=1e-4, msg=name)
    assert Groot.load(folders[1][-1]).metadata["dataset"]["episodes"] == 3


def test_the_parts_that_fsdp_spreads_are_parts_of_the_network(dataset: Path) -> None:
    config = yaml.safe_load(share_file("config/training/fsdp.yaml").read_text())
    names = config["fsdp_config"]["fsdp_transformer_layer_cls_to_wrap"].split(",")
    network = prepare_training(make_config(options(dataset, Path("unused"), "x"))).network
    assert set(names) <= {type(module).__name__ for module in network.modules()}


def test_a_moving_average_is_not_spread(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCELERATE_USE_DEEPSPEED", "true")
    with pytest.raises(UserError, match="does not go with DeepSpeed: add --ema_decay 0"):
        train(make_config(options(dataset, tmp_path, "x")))


def test_a_batch_that_cannot_be_shared_out_is_named(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(UserError, match="batch_size 4 cannot be divided over 3 processes"):
        train(make_config(options(dataset, tmp_path, "x")))
