from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from training_options import options

from groot_ros.errors import UserError
from groot_ros.share import share_file
from groot_ros.training.config import make_config
from groot_ros.training.preparation import prepare_training
from groot_ros.training.run import train


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
