"""Checkpoints that Positronic's GR00T integration made, against NVIDIA's processor of N1.6."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkpoints import RELATIVE_POSE, observation, spec
from networks import DATA

from groot_ros.model.inference.loaded import Groot
from groot_ros.model.processing.modality import ModalityConfig
from groot_ros.model.processing.state_action import ProcessorConfig, StateActionProcessor
from groot_ros.model.tiny.init import init_checkpoint

EMBODIMENT = "new_embodiment"
GOLDEN = np.load(DATA / "golden_positronic.npz")
"""What NVIDIA's processor of N1.6 makes of `numbers` in each configuration (docs/model.md)."""
ROT6D = {"ee_rot6d": ["ee_pose", "grip"], "ee_rot6d_q": ["ee_pose", "grip", "joint_position"]}
STATE = {
    "ee": ["ee_pose", "grip"],
    "ee_q": ["ee_pose", "grip", "joint_position"],
    "ee_rot6d": ROT6D["ee_rot6d"],
    "ee_rot6d_rel": ROT6D["ee_rot6d"],
    "ee_rot6d_q": ROT6D["ee_rot6d_q"],
    "ee_rot6d_q_rel": ROT6D["ee_rot6d_q"],
    "joints": ["grip", "joint_position"],
}
HORIZON = 16


def is_relative(name: str) -> bool:
    return name.endswith("_rel")


def action_keys(name: str) -> list[str]:
    return ["joint_position" if name == "joints" else "ee_pose", "grip"]


def modality(name: str) -> dict[str, Any]:
    """An entry of `modality_configs` as NVIDIA's processor writes it for a Positronic config."""
    pose, grip = action_keys(name)
    absolute_format = "XYZ_ROT6D" if "rot6d" in name else "DEFAULT"
    return {
        "video": {"delta_indices": [0], "modality_keys": ["exterior_image_1", "wrist_image"]},
        "state": {"delta_indices": [0], "modality_keys": STATE[name]},
        "action": {
            "delta_indices": list(range(HORIZON)),
            "modality_keys": [pose, grip],
            "action_configs": [
                {
                    "rep": "RELATIVE" if is_relative(name) else "ABSOLUTE",
                    "type": "NON_EEF",
                    "format": "DEFAULT" if is_relative(name) else absolute_format,
                    "state_key": pose,
                },
                {"rep": "ABSOLUTE", "type": "NON_EEF", "format": "DEFAULT", "state_key": None},
            ],
        },
        "language": {
            "delta_indices": [0],
            "modality_keys": ["annotation.language.language_instruction"],
        },
    }


def statistics(rng: np.random.Generator, shape: tuple[int, ...]) -> dict[str, Any]:
    low, high = rng.uniform(-1, -0.2, shape), rng.uniform(0.2, 1, shape)
    values = {
        "min": low,
        "max": high,
        "mean": (low + high) / 2,
        "std": (high - low) / 4,
        "q01": low * 0.9,
        "q99": high * 0.9,
    }
    return {kind: array.tolist() for kind, array in values.items()}


class Case:
    """Statistics, state, actions and a network's answer of a configuration, from its number."""

    def __init__(self, name: str) -> None:
        rng = np.random.default_rng([16, list(STATE).index(name)])
        dims = {"ee_pose": 9 if "rot6d" in name else 7, "grip": 1, "joint_position": 7}
        keys = action_keys(name)
        self.statistics: dict[str, Any] = {
            "state": {key: statistics(rng, (dims[key],)) for key in STATE[name]},
            "action": {key: statistics(rng, (dims[key],)) for key in keys},
        }
        if is_relative(name):
            self.statistics["relative_action"] = {"ee_pose": statistics(rng, (HORIZON, 9))}

        def draw(keys: list[str], rows: int, limit: float) -> dict[str, np.ndarray]:
            return {key: rng.uniform(-limit, limit, (rows, dims[key])) for key in keys}

        self.state = draw(STATE[name], 1, 1.2)
        self.actions = draw(keys, HORIZON, 1.2)
        self.answer = draw(keys, HORIZON, 1.3)
        kwargs = {
            "max_state_dim": 128,
            "max_action_dim": 128,
            "max_action_horizon": 50,
            "use_percentiles": False,
            "clip_outliers": True,
            "use_relative_action": True,
        }
        self.numbers = StateActionProcessor(
            ProcessorConfig.from_dict(kwargs),
            ModalityConfig.from_dict(modality(name), EMBODIMENT),
            {EMBODIMENT: self.statistics},
            EMBODIMENT,
            slot=10,
        )


@pytest.mark.parametrize("name", STATE)
def test_numbers_are_nvidias(name: str) -> None:
    case = Case(name)
    state = case.numbers.encode_state(case.state)
    actions, mask = case.numbers.encode_actions(case.actions, case.state)
    decoded = case.numbers.decode_actions(np.hstack(list(case.answer.values())), case.state)
    for kind, found in (
        ("state", state),
        ("actions", actions),
        ("decoded", np.hstack(list(decoded.values()))),
    ):
        golden = GOLDEN[f"{name}/{kind}"]
        rows, columns = golden.shape
        np.testing.assert_allclose(found[:rows, :columns], golden, rtol=0, atol=1e-6)
        assert not np.any(found[rows:]) and not np.any(found[:, columns:])
    valid = np.zeros((50, 128))
    valid[:HORIZON, : GOLDEN[f"{name}/actions"].shape[1]] = 1
    np.testing.assert_array_equal(mask, valid)


def test_relative_means_number_by_number() -> None:
    """Not in SE(3): the nine numbers of the observed pose are added to each step's."""
    case = Case("ee_rot6d_rel")
    answer = np.hstack(list(case.answer.values()))
    low, high = (
        np.array(case.statistics["relative_action"]["ee_pose"][k]) for k in ("min", "max")
    )
    difference = (np.clip(answer[:, :9], -1, 1) + 1) / 2 * (high - low) + low
    decoded = case.numbers.decode_actions(answer, case.state)
    np.testing.assert_allclose(decoded["ee_pose"], case.state["ee_pose"] + difference)


def test_a_relative_checkpoint_is_served(
    tmp_path: Path, edit_json: Callable[[Path, Callable[[dict[str, Any]], None]], None]
) -> None:
    init_checkpoint(tmp_path / "out", spec(RELATIVE_POSE, version="N1.6"))
    in_se3 = Groot.load(tmp_path / "out")

    def change(config: dict[str, Any]) -> None:
        configs = config["processor_kwargs"]["modality_configs"]
        configs[EMBODIMENT]["action"]["action_configs"][0].update(type="NON_EEF", format="DEFAULT")

    edit_json(tmp_path / "out" / "processor_config.json", change)
    groot = Groot.load(tmp_path / "out")
    inputs = observation(groot.modality)
    relative, pose = groot.predict(inputs, seed=0)["ee_pose"], inputs.state["ee_pose"]
    statistics = json.loads((tmp_path / "out" / "statistics.json").read_text())[EMBODIMENT]
    low, high = (np.array(statistics["relative_action"]["ee_pose"][k]) for k in ("min", "max"))
    assert np.all(relative - pose >= low - 1e-9) and np.all(relative - pose <= high + 1e-9)
    assert np.abs(relative - in_se3.predict(inputs, seed=0)["ee_pose"]).max() > 0.1
