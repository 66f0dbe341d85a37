"""A folder of N1.6 as NVIDIA's fine-tuning writes it, against NVIDIA's processor and networks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import networks
import numpy as np
import pytest
from networks import DATA
from safetensors.torch import save_file
from test_positronic import EMBODIMENT, HORIZON, modality, statistics

from groot_ros.model.checkpoint.folder import CheckpointFolder
from groot_ros.model.inference.loaded import Groot
from groot_ros.model.networks.config import Gr00tConfig
from groot_ros.model.networks.n16 import EAGLE_2B, N16
from groot_ros.model.networks.network import Network
from groot_ros.observation.types import ModelInput

GOLDEN = np.load(DATA / "golden_whole_n16.npz")
"""Token ids and actions that NVIDIA's N1.6 answers with (docs/model.md)."""
NAME = "ee_rot6d_q_rel"
DIMS = {"ee_pose": 9, "grip": 1, "joint_position": 7}
VIDEO = ("exterior_image_1", "wrist_image")


def write_folder(folder: Path, numbers: dict[str, Any]) -> None:
    """Seeded weights of a small network with the release's tokens, steps, sizes and slots."""
    raw = networks.tiny_n16()
    raw.update(
        action_horizon=50,
        max_state_dim=128,
        max_action_dim=128,
        max_seq_len=64,
        max_num_embodiments=32,
        state_dropout_prob=0.0,
    )
    backbone = raw["backbone_config"]
    tokens = ("image_token_id", "vision_start_token_id", "vision_end_token_id")
    backbone.update({token: EAGLE_2B[token] for token in tokens})
    backbone["text_config"]["vocab_size"] = EAGLE_2B["text_config"]["vocab_size"]
    network = Network(Gr00tConfig.from_dict(raw))
    networks.seed_weights(network)
    # The output head is stored on its own, as in the release.
    tensors = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    kwargs = {
        "modality_configs": {EMBODIMENT: modality(NAME)},
        "image_crop_size": [230, 230],
        "image_target_size": [256, 256],
        "use_albumentations": True,
        "random_rotation_angle": None,
        "color_jitter_params": None,
        "shortest_image_edge": 256,
        "crop_fraction": 0.95,
        "model_name": "nvidia/Eagle-Block2A-2B-v2",
        "model_type": "eagle",
        "formalize_language": True,
        "max_state_dim": 128,
        "max_action_dim": 128,
        "max_action_horizon": 50,
        "use_percentiles": False,
        "clip_outliers": True,
        "apply_sincos_state_encoding": False,
        "use_relative_action": True,
    }
    files = {
        "config.json": raw,
        "processor_config.json": {
            "processor_class": "Gr00tN1d6Processor",
            "processor_kwargs": kwargs,
        },
        "statistics.json": {EMBODIMENT: numbers},
        "embodiment_id.json": N16.slots,
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(dict(content)))


def test_answers_are_nvidias(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    config = modality(NAME)
    state_keys, action_keys = (config[part]["modality_keys"] for part in ("state", "action"))
    numbers = {
        "state": {key: statistics(rng, (DIMS[key],)) for key in state_keys},
        "action": {key: statistics(rng, (DIMS[key],)) for key in action_keys},
        "relative_action": {"ee_pose": statistics(rng, (HORIZON, 9))},
    }
    video = {key: rng.integers(0, 256, (1, 224, 224, 3), dtype=np.uint8) for key in VIDEO}
    state = {key: rng.uniform(-0.9, 0.9, (1, DIMS[key])).astype(np.float32) for key in state_keys}
    write_folder(tmp_path, numbers)

    def tokenize(instruction: str, image_tokens: Sequence[int]) -> list[int]:
        assert list(image_tokens) == [81, 81]
        return GOLDEN["ids"].tolist()

    # Eagle's vocabulary is no part of a checkpoint.
    monkeypatch.setattr(CheckpointFolder, "prompts", lambda folder: tokenize)
    groot = Groot.load(tmp_path, device="cpu", dtype="float32", verify=True)
    noise = networks.normal(5, "noise", (1, 50, 128))[0]
    actions = groot.predict(ModelInput(video, state, "Pick up the RED cube, please!"), noise=noise)
    assert groot.modality.slot == 10
    for key in action_keys:
        np.testing.assert_allclose(actions[key], GOLDEN[key], rtol=0, atol=1e-5)
