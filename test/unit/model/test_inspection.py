"""`groot-ros inspect` and `groot-ros benchmark model`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from networks import DATA, droid_config
from safetensors.torch import load_file, save_file

from groot_ros.benchmarks.model_configs import CONFIGS
from groot_ros.cli.main import parse
from groot_ros.errors import UserError
from groot_ros.model.checkpoint import inspection, memory
from groot_ros.model.checkpoint.folder import CheckpointFolder
from groot_ros.model.checkpoint.load import load_network
from groot_ros.model.networks.config import Gr00tConfig
from groot_ros.model.networks.network import Network


def run(*arguments: str) -> int:
    return parse(arguments)()


def test_what_a_checkpoint_says(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("inspect", str(checkpoint), "--json") == 0
    report = json.loads(capsys.readouterr().out)
    network = load_network(checkpoint)
    total = sum(p.numel() for p in network.parameters())
    version = network.config.version
    assert report["version"] == version.name
    assert report["parameters"]["total"] == total
    assert sum(report["parameters"].values()) == 2 * total
    assert report["dtypes"] == {"F32": report["tensors"]}
    assert report["bytes"] == (checkpoint / "model.safetensors").stat().st_size
    embodiment = report["embodiments"]["new_embodiment"]
    assert embodiment["slot"] == 0 and embodiment["statistics"] is True
    modality = embodiment["modality"]
    assert modality["state"] == {"grip": 1, "ee_pose": 9, "joint_position": 7}
    assert modality["action"]["ee_pose"] == {
        "size": 9,
        "rep": "ABSOLUTE",
        "type": "NON_EEF",
        "format": "DEFAULT",
        "state_key": None,
    }
    assert modality["horizon"] == 16
    assert report["images"]["tokens_of_a_square_picture"] == {"N1.6": 9, "N1.7": 1}[version.name]
    one_slot = sum(p.numel() for p in load_network(checkpoint, slot=0).parameters())
    serve = report["memory"]["serve_bfloat16_bytes"]
    assert 2 * one_slot < serve < 2.1 * one_slot + 1e6
    assert report["memory"]["fine_tune_bytes"] == 16 * total


def test_the_text_names_the_same(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("inspect", str(checkpoint))
    text = capsys.readouterr().out
    version = CheckpointFolder(checkpoint).config.version.name
    for part in (f"GR00T {version}", "new_embodiment (slot 0, statistics)", "ee_pose 9: ABSOLUTE"):
        assert part in text
    assert "x bytes per number + activations" in text
    assert "UNTRAINED" not in text


def test_untrained_slots_and_checksums(
    checkpoint: Path, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("inspect", str(checkpoint), "--weights")
    assert "slot is UNTRAINED initialisation" in capsys.readouterr().out
    before = inspection.inspect_weights(checkpoint)
    tensors = load_file(copy / "model.safetensors")
    tensors["action_head.state_encoder.layer1.b"][0, 3] = 1e-6
    save_file(tensors, copy / "model.safetensors", metadata={"format": "pt"})
    after = inspection.inspect_weights(copy)
    assert after["slots"]["new_embodiment"]["trained"] is True
    changed = dict(after["sha256"].items() - before["sha256"].items())
    assert list(changed) == ["action_head.state_encoder.layer1.b"]


def test_nan_is_found_without_loading(copy: Path) -> None:
    tensors = load_file(copy / "model.safetensors")
    tensors["action_head.vlln.weight"][0] = torch.inf
    save_file(tensors, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match="action_head.vlln.weight .* holds NaN"):
        inspection.inspect_weights(copy)


def test_the_released_configuration_trains_as_it_says(copy: Path) -> None:
    config = Gr00tConfig.from_dict(droid_config())
    network = Network.on_meta(config)
    found = inspection._memory(config, network, CheckpointFolder(copy))
    assert found["trainable_parameters"] == 3_144_016_000
    assert 5.6e9 < found["serve_bfloat16_bytes"] < 5.8e9
    frozen = {**droid_config(), "tune_llm": False, "tune_visual": False, "tune_top_llm_layers": 4}
    config = Gr00tConfig.from_dict(frozen)
    found = inspection._memory(config, network, CheckpointFolder(copy))
    head, layer = 1_620_515_968, 50_337_024 + 2 * 2048 - 4096
    assert found["trainable_parameters"] == pytest.approx(head + 4 * layer, rel=1e-3)


def test_statistics_may_be_missing(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (copy / "statistics.json").write_text("{}")
    run("inspect", str(copy))
    text = capsys.readouterr().out
    assert "no statistics" in text and "ee_pose ?" in text


@pytest.mark.parametrize(("config", "version"), [("tiny", "N1.7"), ("tiny_n16", "N1.6")])
def test_benchmark_measures_both_forms(
    config: str, version: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--config", config, "--device", "cpu", "--repeats", "2")
    assert run("benchmark", "model", *arguments, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["weights"], report["version"]) == ("random", version)
    for key in (
        "preprocess_ms",
        "backbone_ms",
        "head_ms",
        "total_ms",
        "plain_total_ms",
        "plain_head_ms",
        "peak_memory_bytes",
        "load_peak_bytes",
        "parameters",
    ):
        assert report[key] > 0, key
    assert report["total_p95_ms"] >= report["total_ms"]
    assert set(report["rewrites_ms"]) == {
        "keys_values_once",
        "visible_tokens_only",
        "modulation_once",
        "one_slot",
        "time_share_once",
        "layout_once",
    }
    run("benchmark", "model", *arguments)
    assert "random weights" in capsys.readouterr().out


def test_the_benchmarks_full_network_is_the_released_one() -> None:
    released = Gr00tConfig.from_dict(
        json.loads((DATA / "gr00t_n17_droid" / "config.json").read_text())
    )
    built = Gr00tConfig.from_dict(CONFIGS["full"])
    for field in ("dit", "vl_self_attention", "backbone", "select_layer", "max_action_dim"):
        assert getattr(built, field) == getattr(released, field)
    network = Network.on_meta(built)
    assert sum(p.numel() for p in network.parameters()) == 3_144_016_000


def test_too_little_memory_says_what_would_fit(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enough = 0.75 * (checkpoint / "model.safetensors").stat().st_size
    monkeypatch.setattr("groot_ros.model.checkpoint.load.available_bytes", lambda device: enough)
    with pytest.raises(UserError, match="bfloat16 needs 0.0 GB and would fit"):
        load_network(checkpoint)
    monkeypatch.setattr("groot_ros.model.checkpoint.load.available_bytes", lambda device: 1000)
    with pytest.raises(UserError, match="use a machine with more memory"):
        load_network(checkpoint)


def test_memory_of_this_process() -> None:
    memory.reset_peak()
    before = memory.resident_bytes()
    block = torch.ones(50_000_000, dtype=torch.uint8)
    assert memory.peak_bytes() - before > 40_000_000
    del block
    assert memory.available_bytes(torch.device("cpu")) > 0
