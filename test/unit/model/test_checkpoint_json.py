"""JSON of a checkpoint that is incomplete or nonsense names its file and key."""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from groot_ros.cli.main import main
from groot_ros.errors import UserError
from groot_ros.model.checkpoint.folder import CheckpointFolder
from groot_ros.model.checkpoint.inspection import inspect_checkpoint
from groot_ros.model.networks.n17 import QWEN3_VL_PROCESSOR
from groot_ros.model.processing.images import PatchConfig
from groot_ros.policies.checkpoint.folder import checkpoint_variant, shipped_checkpoint

SMALL_FILES = ("config.json", "processor_config.json", "statistics.json", "groot_ros.json")
EMBODIMENT = "new_embodiment"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """The shipped checkpoint, its weights linked."""
    copy = tmp_path / "checkpoint"
    copy.mkdir()
    for file in shipped_checkpoint().iterdir():
        if file.suffix == ".safetensors":
            (copy / file.name).symlink_to(file)
        elif file.is_file():
            shutil.copy(file, copy / file.name)
    return copy


def change(folder: Path, name: str, edit: Callable[[Any], object]) -> None:
    file = folder / name
    values = json.loads(file.read_text())
    edit(values)
    file.write_text(json.dumps(values))


def modality(values: Any) -> Any:
    return values["processor_kwargs"]["modality_configs"][EMBODIMENT]


@pytest.mark.parametrize(
    ("name", "edit", "sentence"),
    [
        (
            "processor_config.json",
            lambda v: modality(v)["video"].pop("delta_indices"),
            f"processor_kwargs.modality_configs.{EMBODIMENT}.video.delta_indices is missing",
        ),
        (
            "processor_config.json",
            lambda v: modality(v)["state"].update(modality_keys={"a": 1}),
            "state.modality_keys is {'a': 1}, expected a list of names",
        ),
        (
            "processor_config.json",
            lambda v: modality(v).update(action=[]),
            "action is \\[\\], expected a mapping",
        ),
        (
            "processor_config.json",
            lambda v: v["processor_kwargs"].update(max_state_dim=10**30),
            "processor_kwargs.max_state_dim is 1000000.*, expected a whole number from 1 to 4096",
        ),
        (
            "processor_config.json",
            lambda v: v["processor_kwargs"].update(modality_configs=3),
            "processor_kwargs.modality_configs is 3, expected a mapping",
        ),
        (
            "config.json",
            lambda v: v.update(hidden_size=10**9),
            "config.json: hidden_size is 1000000000, expected a whole number from 1 to 65536",
        ),
        ("config.json", lambda v: v.update(model_type=["x"]), "model_type None, expected N1.6"),
        (
            "config.json",
            lambda v: v.update(noise_s=float("nan")),
            "noise_s is nan, expected a number",
        ),
        (
            "config.json",
            lambda v: v["backbone_config"]["text_config"].pop("hidden_size"),
            "backbone_config.text_config.hidden_size is missing",
        ),
        (
            "config.json",
            lambda v: v["backbone_config"]["text_config"].update(num_attention_heads=7),
            "config.json",
        ),
        (
            "statistics.json",
            lambda v: next(iter(v[EMBODIMENT]["state"].values())).update(q01=[["a"]], min="x"),
            "statistics.json: new_embodiment.state",
        ),
        ("statistics.json", lambda v: v.update({EMBODIMENT: 5}), "new_embodiment is 5, expected"),
        (
            "groot_ros.json",
            lambda v: v.update(action_rate_hz="fast"),
            "action_rate_hz is 'fast', expected a number",
        ),
        ("groot_ros.json", lambda v: v.update(envelope=[]), "envelope is \\[\\], expected a map"),
    ],
)
def test_the_file_and_the_key_are_named(
    checkpoint: Path, name: str, edit: Callable[[Any], object], sentence: str
) -> None:
    change(checkpoint, name, edit)
    with pytest.raises(UserError, match=sentence):
        inspect_checkpoint(checkpoint)
        folder = CheckpointFolder(checkpoint)
        folder.processor(folder.choose(None))


@pytest.mark.parametrize("name", SMALL_FILES)
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Expecting value"),
        (b"[" * 200_000, "nested too deeply"),
        (b"[]", "holds no JSON object"),
        (b'{"a": 1, "a": 2}', "there twice"),
        ("{}".encode("utf-16"), "expected UTF-8"),
        (b'{"a": ' + b"9" * 5000 + b"}", "a number of 5000 digits"),
    ],
    ids=["empty", "deep", "list", "twice", "utf-16", "number"],
)
def test_no_shape_of_a_file_ends_in_a_traceback(
    checkpoint: Path, name: str, content: bytes, reason: str
) -> None:
    (checkpoint / name).write_bytes(content)
    with pytest.raises(UserError, match=f"{name}.*{reason}"):
        inspect_checkpoint(checkpoint)


@pytest.mark.parametrize("key", ["merge_size", "patch_size", "temporal_patch_size"])
def test_a_preprocessor_config_of_another_network(checkpoint: Path, key: str) -> None:
    change(checkpoint, "preprocessor_config.json", lambda v: v.update({key: 3}))
    with pytest.raises(UserError, match=f"preprocessor_config.json has {key} 3, but the network"):
        inspect_checkpoint(checkpoint)


def test_a_tokenizer_that_its_library_panics_at(checkpoint: Path) -> None:
    prefix = "ä" * 300
    change(
        checkpoint,
        "tokenizer.json",
        lambda v: v["model"].update(continuing_subword_prefix=prefix),
    )
    with pytest.raises(UserError, match="the tokenizer in .* cannot be read"):
        CheckpointFolder(checkpoint).prompts()


@pytest.mark.parametrize("key", ["size", "image_mean", "patch_size"])
def test_a_preprocessor_config_without_a_key(key: str) -> None:
    values = {name: value for name, value in QWEN3_VL_PROCESSOR.items() if name != key}
    with pytest.raises(UserError, match=f"preprocessor_config.json: {key} is missing"):
        PatchConfig.from_dict(values)


def test_an_index_of_weights_that_is_none(checkpoint: Path) -> None:
    (checkpoint / "model.safetensors.index.json").write_text('{"weight_map": {"a": 5}}')
    with pytest.raises(UserError, match="index.json: weight_map.a is 5, expected the name"):
        inspect_checkpoint(checkpoint)


@pytest.mark.parametrize(
    "header", [b"[]", b"\xff", b'{"a": "x"}', b'{"a": {"shape": 5}}', b"[" * 90_000, b"{"]
)
def test_a_header_of_weights_that_is_none(checkpoint: Path, header: bytes) -> None:
    weights = checkpoint / "model.safetensors"
    weights.unlink()
    weights.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(UserError, match="is corrupt or not completely copied"):
        inspect_checkpoint(checkpoint)


def test_the_variant_of_a_broken_folder(checkpoint: Path) -> None:
    (checkpoint / "groot_ros.json").write_text("{")
    with pytest.raises(UserError, match="groot_ros.json is no valid JSON"):
        checkpoint_variant(checkpoint)


def test_weights_are_as_readable_as_the_other_files(tmp_path: Path) -> None:
    output = tmp_path / "out"
    arguments = ["--size=tiny", "--variant=ee_rot6d", f"--output={output}"]
    assert main(["init-checkpoint", *arguments]) == 0
    modes = {stat.S_IMODE(file.stat().st_mode) for file in output.iterdir()}
    assert len(modes) == 1 and {file.suffix for file in output.iterdir()} <= {
        ".json",
        ".safetensors",
    }
