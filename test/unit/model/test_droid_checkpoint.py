"""A folder made of the released DROID configuration, its network shrunk, weights random, against
NVIDIA's N1.7 from pictures, words and states to actions."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import networks
import numpy as np
import pytest
import torch
from droid import DIMS, DROID, STATISTICS

from groot_ros.model.checkpoint import weights
from groot_ros.model.inference.loaded import Groot
from groot_ros.model.networks.config import Gr00tConfig
from groot_ros.model.networks.n17 import N17
from groot_ros.model.networks.network import Network
from groot_ros.model.tiny.tokenizer import tiny_tokenizer
from groot_ros.observation.types import ModelInput

GOLDEN = np.load(networks.DATA / "golden_whole_droid.npz")
"""Actions that NVIDIA's N1.7 answers with (docs/model.md)."""
TOKENS = {
    "image_token_id": "<|image_pad|>",
    "video_token_id": "<|video_pad|>",
    "vision_start_token_id": "<|vision_start|>",
    "vision_end_token_id": "<|vision_end|>",
}
TEXT = "Put the RED marker in the cup, please!"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("droid")
    shutil.copy(networks.DATA / "gr00t_n17_droid" / "processor_config.json", folder)
    tokenizer, raw = tiny_tokenizer(N17.prompt), networks.tiny()
    released = networks.droid_config()
    for key in ("max_state_dim", "max_action_dim", "action_horizon", "max_num_embodiments"):
        raw[key] = released[key]
    raw["max_seq_len"] = 64
    raw["backbone_config"] |= {key: tokenizer.token_to_id(name) for key, name in TOKENS.items()}
    raw["backbone_config"]["text_config"]["vocab_size"] = tokenizer.get_vocab_size()
    (folder / "config.json").write_text(json.dumps(raw))
    (folder / "statistics.json").write_text(json.dumps(STATISTICS))
    tokenizer.save(str(folder / "tokenizer.json"))
    network = Network(Gr00tConfig.from_dict(raw))
    networks.seed_weights(network)
    weights.save(network.bfloat16(), folder)
    return folder


def seen(frames: int) -> ModelInput:
    """Pictures as DROID's, and states of which some are outside their percentiles."""
    rng = np.random.default_rng(frames)
    rows = np.linalg.qr(rng.standard_normal((3, 3)))[0][:2].reshape(-1)
    state = {
        "eef_9d": np.concatenate([rng.uniform(-0.6, 0.6, 3), rows]),
        "gripper_position": rng.uniform(-1.2, 1.6, 1),
        "joint_position": rng.uniform(-2.5, 2.5, 7),
    }
    return ModelInput(
        video={
            key: rng.integers(0, 256, (frames, 180, 320, 3), dtype=np.uint8)
            for key in ("exterior_image_1_left", "wrist_image_left")
        },
        state={key: values[None].astype(np.float32) for key, values in state.items()},
        language=TEXT,
    )


@pytest.mark.parametrize(
    ("name", "history", "bars"),
    [("released", [0], False), ("base", [-15, 0], False), ("april", [0], True)],
)
def test_answers_are_nvidias(
    folder: Path, tmp_path: Path, name: str, history: list[int], bars: bool
) -> None:
    """As the released file says, with the base model's history, and between black bars as its code
    had it until May 2026."""
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    file = tmp_path / "processor_config.json"
    told = json.loads(file.read_text())
    kwargs = told["processor_kwargs"]
    kwargs["letter_box_transform"] = bars
    kwargs["modality_configs"][DROID]["video"]["delta_indices"] = history
    file.write_text(json.dumps(told))
    groot = Groot.load(tmp_path, device="cpu", dtype="float32", verify=True)
    assert (groot.modality.embodiment, groot.modality.slot) == (DROID, 24)
    noise = networks.normal(5, "noise", (1, 40, 132))[0]
    answer = groot.predict(seen(len(history)), noise=noise)
    assert list(answer) == list(DIMS)
    for key, values in answer.items():
        np.testing.assert_allclose(values, GOLDEN[f"{name}/{key}"], rtol=0, atol=1e-5)


def test_the_slots_weights_are_the_embodiments(folder: Path) -> None:
    stored = weights.stored_tensors(folder)
    name = "action_head.state_encoder.layer1.W"
    assert stored[name].shape[0] == 32 and stored[name].dtype == "BF16"
    groot = Groot.load(folder, dtype="bfloat16", verify=True)
    found = groot.network.action_head.state_encoder.layer1.W
    expected = networks.normal(0, name, stored[name].shape) * 0.5 / stored[name].shape[-1] ** 0.5
    assert torch.equal(found[0], expected[24].bfloat16())
