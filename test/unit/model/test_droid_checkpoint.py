"""A folder made of the released DROID configuration, its network shrunk, weights random."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import networks
import numpy as np
import pytest
import torch
from droid import DIMS, DROID, STATISTICS
from pictures import picture

from groot_ros.model.checkpoint import weights
from groot_ros.model.inference.loaded import Groot
from groot_ros.model.networks.config import Gr00tConfig
from groot_ros.model.networks.n17 import N17
from groot_ros.model.networks.network import Network
from groot_ros.model.tiny.tokenizer import tiny_tokenizer
from groot_ros.observation.types import ModelInput


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("droid")
    shutil.copy(networks.DATA / "gr00t_n17_droid" / "processor_config.json", folder)
    tokenizer, raw = tiny_tokenizer(N17.prompt), networks.tiny()
    released = networks.droid_config()
    for key in ("max_state_dim", "max_action_dim", "action_horizon", "max_num_embodiments"):
        raw[key] = released[key]
    raw["max_seq_len"] = 64
    raw["backbone_config"]["image_token_id"] = tokenizer.token_to_id("<|image_pad|>")
    raw["backbone_config"]["text_config"]["vocab_size"] = tokenizer.get_vocab_size()
    (folder / "config.json").write_text(json.dumps(raw))
    (folder / "statistics.json").write_text(json.dumps(STATISTICS))
    tokenizer.save(str(folder / "tokenizer.json"))
    network = Network(Gr00tConfig.from_dict(raw))
    networks.seed_weights(network)
    weights.save(network.bfloat16(), folder)
    return folder


def test_it_answers_with_its_three_action_keys(folder: Path) -> None:
    groot = Groot.load(folder)
    assert groot.modality.embodiment == DROID
    assert groot.modality.slot == 24
    inputs = ModelInput(
        video={key: picture(180, 320)[None] for key in groot.modality.video_keys},
        state={
            "eef_9d": np.array([[0.5, 0, 0.3, 1, 0, 0, 0, -1, 0]]),
            "gripper_position": np.array([[0.2]]),
            "joint_position": np.full((1, 7), 0.1),
        },
        language="Put the marker in the cup.",
    )
    answer = groot.predict(inputs, seed=0)
    assert {key: value.shape for key, value in answer.items()} == {
        key: (40, dim) for key, dim in DIMS.items()
    }
    assert all(np.all(np.isfinite(value)) for value in answer.values())
    # Joints are relative: by their statistics step t is within 0.1 t of the observed ones.
    reach = np.abs(answer["joint_position"] - 0.1).max(axis=1)
    assert np.all(reach <= 0.1 * np.arange(1, 41) + 1e-9)
    assert np.all((answer["gripper_position"] >= -1) & (answer["gripper_position"] <= 1.5))


def test_the_slots_weights_are_the_embodiments(folder: Path) -> None:
    stored = weights.stored_tensors(folder)
    name = "action_head.state_encoder.layer1.W"
    assert stored[name].shape[0] == 32 and stored[name].dtype == "BF16"
    groot = Groot.load(folder, dtype="bfloat16", verify=True)
    found = groot.prepared.network.action_head.state_encoder.layer1.W
    expected = networks.normal(0, name, stored[name].shape) * 0.5 / stored[name].shape[-1] ** 0.5
    assert torch.equal(found[0], expected[24].bfloat16())
