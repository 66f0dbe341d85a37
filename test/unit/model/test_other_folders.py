"""Folders that LeRobot's training writes, and weights that lie in other ways than NVIDIA's."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from checkpoints import observation
from safetensors.torch import load_file, save_file

from groot_ros.cli.main import main
from groot_ros.errors import UserError
from groot_ros.model.checkpoint.folder import CheckpointFolder
from groot_ros.model.checkpoint.lerobot import DECODE, ENCODE, PACK
from groot_ros.model.inference.loaded import Groot
from groot_ros.model.tiny.init import EMBODIMENT
from groot_ros.observation.types import ModelInput
from groot_ros.policies.checkpoint.folder import find_checkpoint

Values = dict[str, Any]


def pipeline(folder: Path, file: str, steps: dict[str, Values], tensors: str = "") -> None:
    """One of LeRobot's saved pipelines; `tensors` is a file of the first step."""
    entries: list[Values] = [{"registry_name": n, "config": c} for n, c in steps.items()]
    if tensors:
        entries[0]["state_file"] = tensors
    others = [{"registry_name": "device_processor", "config": {"device": "cpu"}}]
    (folder / file).write_text(json.dumps({"name": file, "steps": [*entries, *others]}))


def as_lerobot(source: Path, folder: Path, **config: Any) -> Path:
    """The tiny checkpoint as LeRobot saves a policy that began from it: the same answers."""
    folder.mkdir(parents=True)
    kwargs = json.loads((source / "processor_config.json").read_text())["processor_kwargs"]
    modality = kwargs["modality_configs"][EMBODIMENT]
    statistics = json.loads((source / "statistics.json").read_text())[EMBODIMENT]
    cameras = modality["video"]["modality_keys"]
    features = {f"observation.images.{key}": {"type": "VISUAL"} for key in cameras}
    (folder / "config.json").write_text(
        json.dumps(
            {
                "type": "groot",
                "model_version": "n1.7",
                "base_model_path": str(source.resolve()),
                "input_features": {**features, "observation.state": {"type": "STATE"}},
                **config,
            }
        )
    )
    pack = {
        "action_horizon": 16,
        "valid_action_horizon": 16,
        "max_state_dim": kwargs["max_state_dim"],
        "max_action_dim": kwargs["max_action_dim"],
        "embodiment_tag": EMBODIMENT,
        "embodiment_mapping": {EMBODIMENT: 0},
        "video_modality_keys": cameras,
        "formalize_language": True,
        "use_percentiles": False,
    }
    sizes = ("image_crop_size", "image_target_size", "shortest_image_edge", "crop_fraction")
    encode = {key: kwargs[key] for key in (*sizes, "use_albumentations")}
    without_language = {key: modality[key] for key in ("video", "state", "action")}
    decode = {"modality_config": without_language, "raw_stats": statistics}
    pipeline(folder, "policy_preprocessor.json", {PACK: pack, ENCODE: encode})
    pipeline(
        folder, "policy_postprocessor.json", {DECODE: {**decode, "use_relative_action": True}}
    )
    tensors = load_file(source / "model.safetensors")
    save_file({f"_groot_model.{n}": t for n, t in tensors.items()}, folder / "model.safetensors")
    for name in ("tokenizer.json", "tokenizer_config.json", "preprocessor_config.json"):
        if (source / name).exists():
            shutil.copy(source / name, folder)
    return folder


def same_answer(one: Path, other: Path) -> None:
    answers = []
    for path in (one, other):
        groot = Groot.load(path, device="cpu", dtype="float32")
        answers.append(groot.predict(observation(groot.modality), seed=3))
    for key, values in answers[0].items():
        np.testing.assert_array_equal(values, answers[1][key])


def test_a_policy_of_lerobot_answers_as_the_checkpoint_it_holds(
    relative_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    folder = as_lerobot(relative_checkpoint, run / "checkpoints" / "000002" / "pretrained_model")
    assert find_checkpoint(run) == folder
    same_answer(relative_checkpoint, folder)
    assert main(["inspect", str(run), "--json"]) == 0
    assert EMBODIMENT in json.loads(capsys.readouterr().out)["embodiments"]
    assert main(["codec", "draft", "--checkpoint", str(run), "--robot", "franka"]) == 0
    assert "relative: [ee_pose]" in capsys.readouterr().out
    assert main(["export", "--checkpoint", str(run), "--output", str(tmp_path / "small")]) == 0
    assert Groot.load(tmp_path / "small").modality.embodiment == EMBODIMENT


def flat_policy(source: Path, folder: Path) -> dict[str, torch.Tensor]:
    """A policy of LeRobot that normalises the state and action of an arm as one vector each."""
    as_lerobot(source, folder)
    values = json.loads((folder / "policy_preprocessor.json").read_text())
    pack, encode = (step["config"] for step in values["steps"][:2])
    flags: Values = {"use_albumentations": False, "shortest_image_edge": None}
    pack.pop("video_modality_keys")
    pipeline(
        folder,
        "policy_preprocessor.json",
        {PACK: pack, ENCODE: encode | flags},
        "policy_preprocessor_step_0.safetensors",
    )
    unpack = {"groot_action_unpack_unnormalize_v2": {"env_action_dim": 7}}
    pipeline(folder, "policy_postprocessor.json", unpack)
    tensors = {
        "observation.state.min": torch.arange(7) - 3.0,
        "observation.state.max": torch.arange(7) + 3.0,
        "observation.state.count": torch.tensor([9]),
        "action.min": torch.full((7,), -2.0),
        "action.max": torch.full((7,), 4.0),
        "observation.images.front.mean": torch.zeros(3, 1, 1),
    }
    save_file(tensors, folder / "policy_preprocessor_step_0.safetensors")
    return tensors


def test_an_arm_in_one_vector_is_an_arm_and_a_gripper(
    relative_checkpoint: Path, tmp_path: Path
) -> None:
    flat_policy(relative_checkpoint, tmp_path / "flat")
    groot = Groot.load(tmp_path / "flat", device="cpu", dtype="float32")
    modality = groot.modality
    assert dict(modality.state) == {"single_arm": 6, "gripper": 1}
    assert [(key.key, key.dim) for key in modality.actions] == [("single_arm", 6), ("gripper", 1)]
    assert sorted(modality.video_keys) == ["exterior_image_1", "wrist_image"]
    assert modality.horizon == 16
    # Column by column the smallest value is -1 and the largest 1, as LeRobot's step has it.
    state = {"single_arm": np.arange(6)[None] - 3.0, "gripper": np.array([[9.0]])}
    encoded = groot.processor.numbers.encode_state(state)[0, :7]
    np.testing.assert_allclose(encoded, [-1] * 6 + [1])
    inputs = observation(modality)
    answer = groot.predict(ModelInput(inputs.video, state, inputs.language), seed=0)
    every = np.concatenate(list(answer.values()), axis=1)
    assert every.shape == (16, 7) and every.min() >= -2 and every.max() <= 4


def changed(folder: Path, file: str, step: str, **values: Any) -> None:
    """Another configuration of a step of one of its pipelines."""
    content = json.loads((folder / file).read_text())
    [config] = [s["config"] for s in content["steps"] if s["registry_name"] == step]
    config |= values
    (folder / file).write_text(json.dumps(content))


def test_one_vector_is_normalised_by_its_extremes_whatever_the_step_says(
    relative_checkpoint: Path, tmp_path: Path
) -> None:
    tensors = flat_policy(relative_checkpoint, tmp_path / "flat")
    tensors |= {
        f"{name}.{q}": torch.zeros(7)
        for name in ("observation.state", "action")
        for q in ("q01", "q99")
    }
    save_file(tensors, tmp_path / "flat" / "policy_preprocessor_step_0.safetensors")
    changed(tmp_path / "flat", "policy_preprocessor.json", PACK, use_percentiles=True)
    groot = Groot.load(tmp_path / "flat", device="cpu", dtype="float32")
    state = {"single_arm": np.arange(6)[None] - 3.0, "gripper": np.array([[9.0]])}
    encoded = groot.processor.numbers.encode_state(state)[0, :7]
    np.testing.assert_allclose(encoded, [-1] * 6 + [1])


def test_relative_actions_without_statistics_of_their_own_are_refused(
    relative_checkpoint: Path, tmp_path: Path
) -> None:
    folder = as_lerobot(relative_checkpoint, tmp_path / "a", use_relative_actions=True)
    Groot.load(folder, device="cpu", dtype="float32")
    changed(folder, "policy_postprocessor.json", DECODE, use_relative_action=False)
    with pytest.raises(UserError, match="LeRobot's generic relative actions"):
        Groot.load(folder, device="cpu", dtype="float32")


def test_a_base_that_leads_back_is_the_released_one(
    relative_checkpoint: Path, tmp_path: Path
) -> None:
    folder = as_lerobot(relative_checkpoint, tmp_path / "a")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "base_model_path": "."}))
    assert CheckpointFolder(folder).config.action_horizon == 40


def test_pictures_of_a_policy_without_albumentations_are_bicubic(
    relative_checkpoint: Path, tmp_path: Path
) -> None:
    flat_policy(relative_checkpoint, tmp_path / "flat")
    crop = CheckpointFolder(tmp_path / "flat").images().crop
    assert (crop.interpolation, crop.albumentations) == ("bicubic", False)
    edge = crop.target_size[0] if crop.target_size else 0
    assert crop.crop_size == (round(0.75 * edge),) * 2


def test_an_older_policy_of_lerobot_is_named(relative_checkpoint: Path, tmp_path: Path) -> None:
    folder = as_lerobot(relative_checkpoint, tmp_path / "old")
    pipeline(folder, "policy_preprocessor.json", {"groot_pack_inputs_v3": {}})
    with pytest.raises(UserError, match=r"no step groot_n1_7_pack.*older ones are GR00T N1\.5"):
        Groot.load(folder)


def test_a_policy_whose_base_is_not_here_is_the_released_network(
    relative_checkpoint: Path, tmp_path: Path
) -> None:
    folder = as_lerobot(relative_checkpoint, tmp_path / "hub", base_model_path="nvidia/absent")
    config = CheckpointFolder(folder).config
    assert (config.select_layer, config.action_horizon, config.dit.num_layers) == (16, 40, 32)


def test_weights_that_the_index_does_not_list_are_ignored(copy: Path) -> None:
    whole = Groot.load(copy, device="cpu", dtype="float32")
    inputs = observation(whole.modality)
    expected = whole.predict(inputs, seed=1)
    tensors = load_file(copy / "model.safetensors")
    names = sorted(tensors)
    half = {"model-00001-of-00002.safetensors": names[::2]}
    half["model-00002-of-00002.safetensors"] = names[1::2]
    for file, part in half.items():
        save_file({name: tensors[name] for name in part}, copy / file)
    wrong = {name: torch.zeros_like(tensor) for name, tensor in tensors.items()}
    save_file({**wrong, "stray": torch.zeros(3)}, copy / "model.safetensors")
    save_file(wrong, copy / "model-old.safetensors")
    (copy / "pytorch_model.bin").write_bytes(b"\x80\x04never read")
    index = {"weight_map": {name: file for file, part in half.items() for name in part}}
    (copy / "model.safetensors.index.json").write_text(json.dumps(index))
    found = Groot.load(copy, device="cpu", dtype="float32").predict(inputs, seed=1)
    np.testing.assert_array_equal(
        np.concatenate(list(found.values()), 1), np.concatenate(list(expected.values()), 1)
    )


def test_a_shard_that_is_missing_without_an_index_is_named(copy: Path) -> None:
    (copy / "model.safetensors").rename(copy / "model-00002-of-00003.safetensors")
    with pytest.raises(UserError, match="model-00001-of-00003.safetensors not found"):
        Groot.load(copy)


def test_an_index_names_files_beside_it_alone(copy: Path) -> None:
    index = {"weight_map": {"a": "../model.safetensors"}}
    (copy / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(UserError, match="expected the name of a file beside it"):
        Groot.load(copy)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.pth"])
def test_pickled_weights_are_named_as_what_they_are(copy: Path, name: str) -> None:
    (copy / "model.safetensors").rename(copy / name)
    with pytest.raises(UserError, match=f"{name} is pickled Python, which may run any code"):
        Groot.load(copy)


def test_an_output_head_stands_for_the_embedding_that_was_left_out(copy: Path) -> None:
    whole = Groot.load(copy, device="cpu", dtype="float32")
    names = CheckpointFolder(copy).config.version.backbone.names
    tensors = load_file(copy / "model.safetensors")
    tensors[names.head] = tensors.pop(names.embedding)
    save_file(tensors, copy / "model.safetensors")
    other = Groot.load(copy, device="cpu", dtype="float32")
    inputs = observation(whole.modality)
    for key, values in whole.predict(inputs, seed=1).items():
        np.testing.assert_array_equal(values, other.predict(inputs, seed=1)[key])
