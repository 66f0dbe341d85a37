"""A checkpoint with the released DROID files: its network shrunk and untrained."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from groot_ros.model.checkpoint.load import save_checkpoint
from groot_ros.model.networks.config import Gr00tConfig
from groot_ros.model.networks.network import Network
from groot_ros.model.networks.versions import named_version
from groot_ros.model.tiny.backbones import BACKBONES
from groot_ros.model.tiny.init import WIDTH, CheckpointSpec, tiny_config
from groot_ros.model.tiny.initialize import initialize
from groot_ros.model.tiny.tabletop import Workspace
from groot_ros.model.tiny.tokenizer import tiny_tokenizer

RELEASED = Path(__file__).parents[1] / "data" / "gr00t_n17_droid"
DROID = "oxe_droid_relative_eef_relative_joint"
HORIZON = 40
TURN_RAD = 0.003
"""By which the first joint goes on in every step, whatever the network answers."""
SIZES = ("max_state_dim", "max_action_dim", "action_horizon", "max_num_embodiments")


def write_droid(folder: Path, video_history: Sequence[int] = (0,)) -> Path:
    """The folder, its processor_config.json the released one but for the history of pictures."""
    released = json.loads((RELEASED / "config.json").read_text())
    processor = json.loads((RELEASED / "processor_config.json").read_text())
    modality = processor["processor_kwargs"]["modality_configs"][DROID]
    modality["video"]["delta_indices"] = list(video_history)
    version, backbone = named_version("N1.7"), BACKBONES["N1.7"]
    tokenizer = tiny_tokenizer(version.prompt)
    sizes = backbone.config(WIDTH, tokenizer.get_vocab_size(), tokenizer.token_to_id)
    nothing = CheckpointSpec({}, [], [], "", Workspace(np.zeros((2, 3)), np.zeros((2, 7))), 40)
    raw = dict(tiny_config(nothing, version, sizes, backbone.vl_layers).raw)
    network = Network(Gr00tConfig.from_dict(raw | {key: released[key] for key in SIZES}))
    initialize(network, torch.Generator().manual_seed(0))
    extra = {"tokenizer.json": tokenizer.to_str(), **backbone.extra_files}
    save_checkpoint(folder, network, processor, {DROID: _statistics()}, {DROID: 24}, extra)
    return folder


def _between(low: np.ndarray, high: np.ndarray) -> dict[str, Any]:
    middle, quarter = (low + high) / 2, (high - low) / 4
    return {
        "min": low.tolist(),
        "max": high.tolist(),
        "mean": middle.tolist(),
        "std": quarter.tolist(),
        "q01": (middle - quarter).tolist(),
        "q99": (middle + quarter).tolist(),
    }


def _statistics() -> dict[str, Any]:
    """Relative actions that go on slowly however the network answers."""
    pose, joints, grip = (
        _between(np.full(size, low), np.full(size, high))
        for size, low, high in ((9, -1.0, 1.0), (7, -3.0, 3.0), (1, 0.0, 1.0))
    )
    steps = np.arange(1, HORIZON + 1)[:, None]
    turned = TURN_RAD * steps * np.eye(7)[0]
    same = np.tile([0.0, 0, 0, 1, 0, 0, 0, 1, 0], (HORIZON, 1))
    absolute = {"eef_9d": pose, "gripper_position": grip, "joint_position": joints}
    return {
        "state": absolute,
        "action": absolute,
        "relative_action": {
            "eef_9d": _between(same - 0.01, same + 0.01),
            "joint_position": _between(turned - 0.0002, turned + 0.0002),
        },
    }
