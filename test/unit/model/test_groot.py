"""The facade: from an observation to actions, and what it says to wrong input."""

from __future__ import annotations

import copy as copies
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from checkpoints import observation

from groot_ros import geometry
from groot_ros.errors import UserError
from groot_ros.model.inference.loaded import Groot
from groot_ros.model.processing.modality import ActionType
from groot_ros.observation.types import Prefix


def test_actions_have_the_modalitys_shape_and_range(groot: Groot) -> None:
    answer = groot.predict(observation(groot.modality))
    assert {key: value.shape for key, value in answer.items()} == {
        "ee_pose": (16, 9),
        "grip": (16, 1),
    }
    assert all(value.dtype == np.float64 for value in answer.values())
    xyz = answer["ee_pose"][:, :3]
    assert np.all(xyz >= [0.35, -0.25, 0.1]) and np.all(xyz <= [0.65, 0.25, 0.5])
    assert np.all((answer["grip"] >= 0) & (answer["grip"] <= 1))


def test_the_seed_decides(groot: Groot) -> None:
    inputs = observation(groot.modality)
    first, second = groot.predict(inputs, seed=1), groot.predict(inputs, seed=1)
    other = groot.predict(inputs, seed=2)
    np.testing.assert_array_equal(first["ee_pose"], second["ee_pose"])
    assert not np.array_equal(first["ee_pose"], other["ee_pose"])


def test_without_a_seed_each_answer_differs(groot: Groot) -> None:
    inputs = observation(groot.modality)
    assert not np.array_equal(groot.predict(inputs)["grip"], groot.predict(inputs)["grip"])


def test_noise_can_be_given(groot: Groot) -> None:
    inputs = observation(groot.modality)
    noise = torch.randn(groot.noise_shape, generator=torch.Generator().manual_seed(5))
    given, seeded = groot.predict(inputs, noise=noise.numpy()), groot.predict(inputs, seed=5)
    np.testing.assert_array_equal(given["ee_pose"], seeded["ee_pose"])
    with pytest.raises(ValueError, match="noise has shape"):
        groot.predict(inputs, noise=np.zeros((3, 3)))


@pytest.mark.parametrize("part", ["video", "state", "language"])
def test_every_input_matters(groot: Groot, part: str) -> None:
    inputs, other = observation(groot.modality), observation(groot.modality, seed=9)
    other = replace(other, language="open the drawer")
    changed = replace(inputs, **{part: getattr(other, part)})
    before, after = groot.predict(inputs, seed=0), groot.predict(changed, seed=0)
    assert np.abs(before["ee_pose"] - after["ee_pose"]).max() > 1e-5


def test_an_untrained_network_moves_smoothly(groot: Groot) -> None:
    answer = groot.predict(observation(groot.modality), seed=0)
    assert np.abs(np.diff(answer["ee_pose"][:, :3], axis=0)).max() < 0.01
    others = [groot.predict(observation(groot.modality, seed=n), seed=0) for n in range(4)]
    assert np.std([other["ee_pose"] for other in others], axis=0).max() > 1e-3


def test_relative_poses_start_at_the_observed_one(relative_checkpoint: Path) -> None:
    groot = Groot.load(relative_checkpoint)
    assert groot.modality.actions[0].config.type is ActionType.EEF
    inputs = observation(groot.modality)
    answer = groot.predict(inputs, seed=0)["ee_pose"]
    relative = geometry.relative(
        geometry.pose9_to_matrix(inputs.state["ee_pose"][0]), geometry.pose9_to_matrix(answer)
    )
    reach = np.abs(relative[:, :3, 3]).max(axis=1)
    assert np.all(reach <= 0.1 * np.arange(1, 17) / 16 + 1e-9)


def test_a_prefix_is_continued(groot: Groot) -> None:
    inputs = observation(groot.modality)
    running = {key: value[4:10] for key, value in groot.predict(inputs, seed=1).items()}
    answer = groot.predict(inputs, seed=2, prefix=Prefix(running, frozen_steps=3))
    free = groot.predict(inputs, seed=2)
    for key, value in running.items():
        np.testing.assert_allclose(answer[key][:3], value[:3], atol=1e-6)
    assert not np.allclose(free["ee_pose"][:3], running["ee_pose"][:3], atol=1e-6)


def test_what_a_prefix_leaves_out_is_answered_anew(groot: Groot) -> None:
    """Such as actions that a codec ignores."""
    inputs = observation(groot.modality)
    running = {"ee_pose": groot.predict(inputs, seed=1)["ee_pose"][4:10]}
    answer = groot.predict(inputs, seed=2, prefix=Prefix(running, frozen_steps=3))
    np.testing.assert_allclose(answer["ee_pose"][:3], running["ee_pose"][:3], atol=1e-6)
    other = groot.predict(inputs, seed=3, prefix=Prefix(running, frozen_steps=3))
    assert not np.allclose(answer["grip"][:3], other["grip"][:3], atol=1e-6)
    for actions in ({}, {"ee_pos": running["ee_pose"]}):
        with pytest.raises(ValueError, match="expected some of ee_pose, grip"):
            groot.predict(inputs, prefix=Prefix(actions, frozen_steps=3))


def test_a_relative_prefix_refers_to_the_new_observation(relative_checkpoint: Path) -> None:
    groot = Groot.load(relative_checkpoint)
    before, now = observation(groot.modality), observation(groot.modality)
    pose = before.state["ee_pose"].copy()
    pose[:, 0] += 0.002
    now = replace(now, state={**now.state, "ee_pose": pose})
    running = {key: value[1:9] for key, value in groot.predict(before, seed=1).items()}
    answer = groot.predict(now, seed=2, prefix=Prefix(running, frozen_steps=8))
    np.testing.assert_allclose(answer["ee_pose"][:8], running["ee_pose"], atol=1e-5)


@pytest.mark.parametrize(("steps", "frozen"), [(17, 2), (4, 5), (4, -1)])
def test_an_impossible_prefix(groot: Groot, steps: int, frozen: int) -> None:
    actions = {"ee_pose": np.tile(np.eye(4)[0], (steps, 1)), "grip": np.zeros((steps, 1))}
    actions["ee_pose"] = np.tile([0.5, 0, 0.3, 1, 0, 0, 0, -1, 0], (steps, 1))
    with pytest.raises(ValueError, match="does not fit a horizon of 16"):
        groot.predict(observation(groot.modality), prefix=Prefix(actions, frozen))


Change = Callable[[dict[str, Any]], None]


@pytest.mark.parametrize(
    ("part", "key", "value", "message"),
    [
        ("video", "wrist_image", None, "no video 'wrist_image', only 'exterior_image_1'"),
        ("video", "wrist_image", np.zeros((1, 9, 9, 3)), "'wrist_image' is float64"),
        ("video", "wrist_image", np.zeros((1, 9, 9, 4), np.uint8), r"\(1, height, width, 3\) RGB"),
        ("video", "wrist_image", np.zeros((9, 9, 3), np.uint8), "expected uint8"),
        ("video", "wrist_image", np.zeros((2, 9, 9, 3), np.uint8), "2 frames, expected 1"),
        ("state", "ee_pose", None, "no state 'ee_pose', only 'grip', 'joint_position'"),
        ("state", "ee_pose", np.zeros((1, 7)), r"shape \(1, 7\), expected \(1, 9\)"),
        ("state", "ee_pose", np.full((1, 9), np.nan), "'ee_pose' holds NaN"),
    ],
)
def test_wrong_observations(
    groot: Groot, part: str, key: str, value: np.ndarray | None, message: str
) -> None:
    inputs = observation(groot.modality)
    values = dict(getattr(inputs, part))
    if value is None:
        del values[key]
    else:
        values[key] = value
    with pytest.raises(UserError, match=message):
        groot.predict(replace(inputs, **{part: values}))


def test_wrong_embodiment_lists_the_right_ones(checkpoint: Path) -> None:
    with pytest.raises(UserError, match="embodiment 'gr1' but .* serves new_embodiment"):
        Groot.load(checkpoint, embodiment="gr1")


def test_several_embodiments_must_be_chosen_from(copy: Path) -> None:
    for name in ("statistics.json", "embodiment_id.json"):
        content = json.loads((copy / name).read_text())
        content["other"] = copies.deepcopy(content["new_embodiment"])
        (copy / name).write_text(json.dumps(content))
    processor = json.loads((copy / "processor_config.json").read_text())
    configs = processor["processor_kwargs"]["modality_configs"]
    configs["other"] = configs["new_embodiment"]
    (copy / "processor_config.json").write_text(json.dumps(processor))
    with pytest.raises(UserError, match="no embodiment is named .* new_embodiment, other"):
        Groot.load(copy)
    assert Groot.load(copy, embodiment="other").modality.embodiment == "other"


def test_no_gpu(checkpoint: Path) -> None:
    if torch.cuda.is_available():
        return
    with pytest.raises(UserError, match="device 'cuda' is not available"):
        Groot.load(checkpoint, device="cuda")


@pytest.mark.parametrize("name", ["toaster", "cuda:99"])
def test_no_such_device(checkpoint: Path, name: str) -> None:
    with pytest.raises(UserError, match=f"device '{name}' is not available"):
        Groot.load(checkpoint, device=name)


def test_unknown_dtype(checkpoint: Path) -> None:
    with pytest.raises(UserError, match="dtype 'int8' is unknown"):
        Groot.load(checkpoint, dtype="int8")


def test_bfloat16_on_the_cpu(checkpoint: Path, groot: Groot) -> None:
    inputs = observation(groot.modality)
    exact = groot.predict(inputs, seed=0)
    rounded = Groot.load(checkpoint, device="cpu", dtype="bfloat16").predict(inputs, seed=0)
    np.testing.assert_allclose(rounded["ee_pose"], exact["ee_pose"], atol=0.05)


def test_reserved_tokens_in_an_instruction(copy: Path, groot: Groot) -> None:
    processor = json.loads((copy / "processor_config.json").read_text())
    processor["processor_kwargs"]["formalize_language"] = False
    (copy / "processor_config.json").write_text(json.dumps(processor))
    token = groot.network.config.version.prompt.image_token
    inputs = replace(observation(groot.modality), language=f"lift {token}")
    with pytest.raises(UserError, match=f"holds the reserved {re.escape(token)}"):
        Groot.load(copy).predict(inputs)


def test_warming_up_changes_nothing(groot: Groot) -> None:
    inputs = observation(groot.modality)
    before = groot.predict(inputs, seed=0)
    groot.warm_up(observation(groot.modality, seed=5))
    np.testing.assert_array_equal(groot.predict(inputs, seed=0)["ee_pose"], before["ee_pose"])


def test_unknown_compile_mode(checkpoint: Path) -> None:
    with pytest.raises(
        UserError, match="compile mode 'fast' .* expected one of auto, off, default, max"
    ):
        Groot.load(checkpoint, compile="fast")


def test_metadata(groot: Groot, copy: Path) -> None:
    assert groot.metadata == {"variant": "ee_rot6d_joints"}
    (copy / "groot_ros.json").unlink()
    assert Groot.load(copy).metadata == {}
