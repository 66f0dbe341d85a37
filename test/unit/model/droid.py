"""The released DROID checkpoint's processor, with statistics made up for it, and a small network
of random weights beside it, for comparison with what NVIDIA's code answers."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import networks
import numpy as np
import torch
from networks import DATA

from groot_ros.model.checkpoint import weights
from groot_ros.model.networks.config import Gr00tConfig
from groot_ros.model.networks.n17 import N17
from groot_ros.model.networks.network import Network
from groot_ros.model.tiny.tokenizer import tiny_tokenizer
from groot_ros.observation.types import ModelInput

DROID = "oxe_droid_relative_eef_relative_joint"
KWARGS = json.loads((DATA / "gr00t_n17_droid" / "processor_config.json").read_text())[
    "processor_kwargs"
]


def bounds(dim: int, low: float = -2.0, high: float = 3.0) -> dict[str, Any]:
    """Statistics whose percentiles differ from their extremes."""
    one = np.ones(dim)
    return {
        "min": (low * one).tolist(),
        "max": (high * one).tolist(),
        "mean": (0.25 * one).tolist(),
        "std": (0.5 * one).tolist(),
        "q01": (low / 2 * one).tolist(),
        "q99": (high / 2 * one).tolist(),
    }


def per_step(dim: int, steps: int = 40) -> dict[str, Any]:
    growth = np.arange(1, steps + 1)[:, None] * np.ones(dim)
    return {
        "min": (-0.1 * growth).tolist(),
        "max": (0.1 * growth).tolist(),
        "mean": (0 * growth).tolist(),
        "std": growth.tolist(),
        "q01": (-0.05 * growth).tolist(),
        "q99": (0.05 * growth).tolist(),
    }


def near_identity(steps: int = 40) -> dict[str, Any]:
    """Relative statistics of xyz + rot6d that hold a rotation in their middle."""
    rows = np.tile([0.0, 0, 0, 1, 0, 0, 0, 1, 0], (steps, 1))
    return per_step(9, steps) | {"min": (rows - 0.5).tolist(), "max": (rows + 0.5).tolist()}


DIMS = {"eef_9d": 9, "gripper_position": 1, "joint_position": 7}
STATISTICS: dict[str, Any] = {
    DROID: {
        "state": {key: bounds(dim) for key, dim in DIMS.items()},
        "action": {key: bounds(dim) for key, dim in DIMS.items()},
        "relative_action": {"eef_9d": near_identity(), "joint_position": per_step(7)},
    }
}
TOKENS = {
    "image_token_id": "<|image_pad|>",
    "video_token_id": "<|video_pad|>",
    "vision_start_token_id": "<|vision_start|>",
    "vision_end_token_id": "<|vision_end|>",
}
TEXT = "Put the RED marker in the cup, please!"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A variant of the released files: the frames that are seen, with black bars or without."""

    name: str
    history: tuple[int, ...]
    bars: bool


CASES = (
    Case(name="released", history=(0,), bars=False),
    Case(name="base", history=(-15, 0), bars=False),
    Case(name="april", history=(0,), bars=True),
)
"""As the released file says, with the base model's history, and between black bars as NVIDIA's
code had it until May 2026."""


def write_checkpoint(folder: Path) -> None:
    """The released processor beside a small network of random weights."""
    shutil.copy(DATA / "gr00t_n17_droid" / "processor_config.json", folder)
    tokenizer, raw = tiny_tokenizer(N17.prompt), networks.tiny()
    released = networks.droid_config()
    for key in ("max_state_dim", "max_action_dim", "action_horizon", "max_num_embodiments"):
        raw[key] = released[key]
    raw["max_seq_len"] = 64
    dit = raw["diffusion_model_cfg"]
    raw["input_embedding_dim"] = dit["num_attention_heads"] * dit["attention_head_dim"]
    raw["backbone_config"] |= {key: tokenizer.token_to_id(name) for key, name in TOKENS.items()}
    raw["backbone_config"]["text_config"]["vocab_size"] = tokenizer.get_vocab_size()
    (folder / "config.json").write_text(json.dumps(raw))
    (folder / "statistics.json").write_text(json.dumps(STATISTICS))
    tokenizer.save(str(folder / "tokenizer.json"))
    network = Network(Gr00tConfig.from_dict(raw))
    networks.seed_weights(network)
    weights.save(network.bfloat16(), folder)


def copy_checkpoint(checkpoint: Path, folder: Path, case: Case) -> None:
    """A copy whose processor is that of a case."""
    shutil.copytree(checkpoint, folder, dirs_exist_ok=True)
    file = folder / "processor_config.json"
    told = json.loads(file.read_text())
    kwargs = told["processor_kwargs"]
    kwargs["letter_box_transform"] = case.bars
    kwargs["modality_configs"][DROID]["video"]["delta_indices"] = list(case.history)
    file.write_text(json.dumps(told))


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


def noise() -> torch.Tensor:
    """What the actions (40, 132) of every case are denoised from."""
    return networks.normal(5, "noise", (1, 40, 132))[0]
