"""GR00T N1.6 is trained by the same classes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from training_options import options

from groot_ros.codecs.catalog import find_codec
from groot_ros.model.inference.loaded import Groot
from groot_ros.model.tiny.for_robot import checkpoint_spec
from groot_ros.model.tiny.init import init_checkpoint
from groot_ros.robot.config import load_robot
from groot_ros.training.checkpoints import checkpoints
from groot_ros.training.config import make_config
from groot_ros.training.open_loop import compare
from groot_ros.training.preparation import prepare_training
from groot_ros.training.run import train


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base") / "n16"
    spec = checkpoint_spec(find_codec("ee_rot6d_joints_rel"), load_robot("sim"))
    init_checkpoint(folder, replace(spec, version="N1.6"))
    return folder


def test_a_fine_tune_changes_every_part_and_is_served(
    base: Path, dataset: Path, tmp_path: Path
) -> None:
    tuned = {"tune_llm": True, "tune_visual": True, "state_dropout_prob": 0.5}
    config = options(dataset, tmp_path, "n16", base_model=str(base), **tuned)
    train(make_config(config))
    first, last = (
        load_file(folder / "model.safetensors") for folder in checkpoints(tmp_path / "n16")
    )
    for part in (
        "vision_model.encoder.layers.0",
        "position_embedding",
        "mlp1.1",
        "language_model.model.layers.1",
        "language_model.model.norm",
        "action_head.model",
        "action_head.mask_token",
    ):
        assert any(not torch.equal(first[n], last[n]) for n in first if part in n), part
    assert all(torch.equal(first[n], last[n]) for n in first if "vision_model.head" in n)
    comparison = compare(tmp_path / "n16", dataset, chunks=2)
    assert comparison.predicted["ee_pose"].shape == (2, 16, 9)
    groot = Groot.load(checkpoints(tmp_path / "n16")[-1], verify=True)
    assert groot.network.config.version.name == "N1.6"


def test_what_is_frozen_by_default(base: Path, dataset: Path, tmp_path: Path) -> None:
    chosen = {"base_model": str(base), "tune_top_llm_layers": 1}
    defaults = {"tune_llm": False, "tune_visual": False}
    config = make_config(options(dataset, tmp_path, "frozen", **chosen, **defaults))
    network = prepare_training(config).network
    trained = {name for name, p in network.named_parameters() if p.requires_grad}
    layers = {name for name in trained if name.startswith("backbone.")}
    assert layers and all(".language_model.model.layers.1." in name for name in layers)
    assert all(n in trained for n, _ in network.named_parameters() if n.startswith("action_head."))
