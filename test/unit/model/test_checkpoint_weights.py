"""Checkpoint folders: every tensor accounted for, both ways, and errors that say what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoints import spec
from safetensors.torch import load_file, save_file

from groot_ros.errors import UserError
from groot_ros.model.checkpoint import weights
from groot_ros.model.checkpoint.folder import CheckpointFolder
from groot_ros.model.checkpoint.load import load_network, save_checkpoint
from groot_ros.model.inference.loaded import Groot
from groot_ros.model.tiny.init import init_checkpoint

WEIGHTS = "model.safetensors"
EditJson = Callable[[Path, Callable[[dict[str, Any]], None]], None]


def rewrite(folder: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
    """Change the tensors of a folder."""
    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})


def resave(source: Path, target: Path) -> None:
    folder = CheckpointFolder(source)
    save_checkpoint(
        target,
        load_network(source),
        folder.processor_config,
        folder.statistics,
        json.loads((source / "embodiment_id.json").read_text()),
    )


def test_save_load_save_is_bit_identical(checkpoint: Path, tmp_path: Path) -> None:
    resave(checkpoint, tmp_path / "again")
    for file in (tmp_path / "again").iterdir():
        assert file.read_bytes() == (checkpoint / file.name).read_bytes(), file.name


def test_saving_in_shards(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "SHARD_BYTES", 4_000_000)
    resave(checkpoint, tmp_path / "sharded")
    index = json.loads((tmp_path / "sharded/model.safetensors.index.json").read_text())
    files = sorted(set(index["weight_map"].values()))
    assert files == [
        f"model-{n:05d}-of-{len(files):05d}.safetensors" for n in range(1, len(files) + 1)
    ]
    found = {}
    for file in files:
        tensors = load_file(tmp_path / "sharded" / file)
        assert all(index["weight_map"][name] == file for name in tensors)
        found |= tensors
    expected = load_file(checkpoint / WEIGHTS)
    assert index["metadata"]["total_size"] == sum(t.nbytes for t in expected.values())
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    network = load_network(tmp_path / "sharded")
    assert all(torch.equal(p, expected[name]) for name, p in network.named_parameters())


def test_the_same_seed_gives_the_same_folder(checkpoint: Path, tmp_path: Path) -> None:
    version = CheckpointFolder(checkpoint).config.version.name
    init_checkpoint(tmp_path / "again", spec(version=version), seed=0)
    for file in checkpoint.iterdir():
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes(), file.name


def test_every_loaded_weight_is_the_files(checkpoint: Path) -> None:
    stored = load_file(checkpoint / WEIGHTS)
    network = load_network(checkpoint, dtype=torch.bfloat16)
    for name, parameter in network.named_parameters():
        assert torch.equal(parameter, stored[name].bfloat16()), name
    names = network.backbone.names
    assert network.get_parameter(names.head) is network.get_parameter(names.embedding)


def test_verified_loading_compares_memory_with_the_files(checkpoint: Path) -> None:
    Groot.load(checkpoint, dtype="bfloat16", verify=True)
    network = load_network(checkpoint, slot=0)
    with torch.no_grad():
        network.action_head.vlln.weight[0] += 1
    with pytest.raises(UserError, match="1 tensors in memory differ .* action_head.vlln.weight"):
        weights.verify(network, checkpoint, slot=0)


def test_integers_are_no_weights(copy: Path) -> None:
    def damage(tensors: dict[str, torch.Tensor]) -> None:
        tensors["action_head.vlln.weight"] = tensors["action_head.vlln.weight"].int()

    rewrite(copy, damage)
    with pytest.raises(UserError, match="action_head.vlln.weight  I32 +F32 or BF16 or F16"):
        load_network(copy)


def test_one_slot_is_that_slots_weights(checkpoint: Path) -> None:
    stored = load_file(checkpoint / WEIGHTS)
    network = load_network(checkpoint, slot=1)
    for name, parameter in network.named_parameters():
        expected = stored[name][1:2] if weights.SLOT_WEIGHT.match(name) else stored[name]
        assert torch.equal(parameter, expected), name


def test_a_sliced_network_cannot_be_saved(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be saved"):
        save_checkpoint(tmp_path / "x", load_network(checkpoint, slot=0), {}, {}, {})


def test_a_stored_head_and_upper_layers_are_not_read(copy: Path) -> None:
    names = CheckpointFolder(copy).config.version.backbone.names

    def add(tensors: dict[str, torch.Tensor]) -> None:
        tensors[names.head] = torch.full_like(tensors[names.embedding], torch.nan)
        tensors[f"{names.text}layers.5.mlp.up_proj.weight"] = torch.full((3, 3), torch.nan)

    rewrite(copy, add)
    assert torch.isfinite(load_network(copy).get_parameter(names.head)).all()


def test_differences_are_a_table(copy: Path) -> None:
    missing, short = "action_head.vlln.weight", "action_head.model.proj_out_2.weight"

    def damage(tensors: dict[str, torch.Tensor]) -> None:
        del tensors[missing]
        tensors[short] = tensors[short][:10].clone()
        tensors["action_head.extra"] = torch.zeros(2, 3)

    rewrite(copy, damage)
    with pytest.raises(UserError) as error:
        load_network(copy)
    sentence, header, *rows = str(error.value).splitlines()
    assert sentence.startswith("3 tensors of the checkpoint do not fit")
    assert header.split() == ["tensor", "checkpoint", "network"]
    assert {tuple(row.split(maxsplit=2)) for row in rows} == {
        (missing, "missing", "96"),
        (short, "10x96", "96x96"),
        ("action_head.extra", "2x3", "no such tensor"),
    }


def test_a_long_table_is_cut(copy: Path) -> None:
    rewrite(copy, lambda tensors: tensors.clear())
    with pytest.raises(UserError, match=r"\.\.\. and \d+ more$"):
        load_network(copy)


def test_a_truncated_file(copy: Path) -> None:
    content = (copy / WEIGHTS).read_bytes()
    (copy / WEIGHTS).write_bytes(content[:-1000])
    with pytest.raises(UserError, match="corrupt or not completely copied .* copy it again"):
        load_network(copy)


@pytest.mark.parametrize("content", [b"", b"\xff" * 64, b"\x10" + b"\0" * 7 + b"not json at all!"])
def test_a_corrupt_header(copy: Path, content: bytes) -> None:
    (copy / WEIGHTS).write_bytes(content)
    with pytest.raises(UserError, match="corrupt or not completely copied"):
        load_network(copy)


def test_nan_in_weights(copy: Path) -> None:
    def damage(tensors: dict[str, torch.Tensor]) -> None:
        tensors["action_head.vlln.weight"][3] = torch.nan

    rewrite(copy, damage)
    with pytest.raises(UserError, match="tensor action_head.vlln.weight .* holds NaN"):
        load_network(copy)


def test_large_weights_are_no_nan(copy: Path) -> None:
    def enlarge(tensors: dict[str, torch.Tensor]) -> None:
        tensors["action_head.vlln.weight"][:] = 3e38

    rewrite(copy, enlarge)
    load_network(copy)


def test_a_missing_shard_is_named(copy: Path) -> None:
    index = {"weight_map": {"action_head.vlln.weight": "model-00002-of-00002.safetensors"}}
    rewrite(copy, lambda tensors: tensors.clear())
    (copy / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(UserError, match="model-00002-of-00002.safetensors not found"):
        load_network(copy)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("config.json", "config.json not found in .* expected a GR00T checkpoint folder"),
        ("processor_config.json", "processor_config.json not found"),
        ("statistics.json", "statistics.json not found"),
        (WEIGHTS, "neither model.safetensors nor its index or shards"),
    ],
)
def test_a_missing_file_is_named(copy: Path, file: str, message: str) -> None:
    (copy / file).unlink()
    with pytest.raises(UserError, match=message):
        Groot.load(copy)


def test_a_broken_json_file(copy: Path) -> None:
    (copy / "statistics.json").write_text("{")
    with pytest.raises(UserError, match="statistics.json is no valid JSON"):
        Groot.load(copy)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no folder"):
        Groot.load(tmp_path / "nothing")


def test_no_processor_kwargs(copy: Path) -> None:
    (copy / "processor_config.json").write_text("{}")
    with pytest.raises(UserError, match="has no processor_kwargs"):
        Groot.load(copy)


def test_processor_files_may_lie_in_a_folder_of_their_own(copy: Path) -> None:
    (copy / "processor").mkdir()
    for file in copy.glob("*.json"):
        if file.name != "config.json":
            file.rename(copy / "processor" / file.name)
    assert Groot.load(copy).modality.embodiment == "new_embodiment"


def test_a_fine_tunes_checkpoint_shares_its_parents_processor(copy: Path) -> None:
    step = copy / "checkpoint-2000"
    step.mkdir()
    for name in ("config.json", WEIGHTS):
        (copy / name).rename(step / name)
    assert Groot.load(step).modality.embodiment == "new_embodiment"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"max_state_dim": 64}, "max_state_dim 32, but the network of config.json has 64"),
        ({"max_action_dim": 8}, "max_action_dim 16, but the network of config.json has 8"),
        ({"action_horizon": 8}, "horizon 16, but the network of config.json has 8"),
        ({"state_history_length": 2}, "state delta_indices 1, but .* has 2"),
    ],
)
def test_processor_and_network_of_different_checkpoints(
    copy: Path, edit_json: EditJson, change: dict[str, int], message: str
) -> None:
    edit_json(copy / "config.json", lambda raw: raw.update(change))
    with pytest.raises(UserError, match=message):
        Groot.load(copy)


def test_a_slot_that_the_network_lacks(copy: Path, edit_json: EditJson) -> None:
    edit_json(copy / "embodiment_id.json", lambda slots: slots.update(new_embodiment=7))
    with pytest.raises(UserError, match="slot 7, but the network of config.json has 1"):
        Groot.load(copy)


def test_an_existing_folder_is_not_overwritten(checkpoint: Path) -> None:
    with pytest.raises(UserError, match="exists already"):
        init_checkpoint(checkpoint, spec())


def test_released_slots_without_a_file_of_slots(copy: Path) -> None:
    (copy / "embodiment_id.json").unlink()
    assert CheckpointFolder(copy).slots["new_embodiment"] == 10
    with pytest.raises(UserError, match="do not fit"):
        load_network(copy, slot=10)
