from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from training_options import options

from groot_ros.errors import UserError
from groot_ros.model.inference.loaded import Groot
from groot_ros.training.checkpoints import checkpoints
from groot_ros.training.config import make_config
from groot_ros.training.held_out import HeldOut
from groot_ros.training.lora import plain_network
from groot_ros.training.module import TrainingModule
from groot_ros.training.preparation import prepare_training
from groot_ros.training.run import train


@pytest.fixture(scope="module")
def base(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small base model, trained for one step."""
    output = tmp_path_factory.mktemp("bases")
    return train(make_config(options(dataset, output, "base", num_train_steps=1)))


def lora_options(dataset: Path, output: Path, base: Path, **other: Any) -> dict[str, Any]:
    given = options(dataset, output, "lora", base_model=str(base), lora=True, num_workers=0)
    return {**given, "learning_rate": 0.01, "lora_rank": 4, "random_crop": False, **other}


@pytest.fixture(scope="module")
def run(dataset: Path, base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six steps of LoRA with checkpoints after three and six."""
    output = tmp_path_factory.mktemp("lora")
    train(make_config(lora_options(dataset, output, base, gradient_checkpointing=True)))
    return output / "lora"


def test_a_checkpoint_is_complete_and_as_large_as_its_base(run: Path, base: Path) -> None:
    before = load_file(base / "model.safetensors")
    after = load_file(checkpoints(run)[-1] / "model.safetensors")
    assert {n: t.shape for n, t in before.items()} == {n: t.shape for n, t in after.items()}
    changed = {
        name for name in before if not torch.equal(before[name].to(after[name]), after[name])
    }
    for part in ("language_model.layers.0.mlp", "action_head.model.transformer", "state_encoder"):
        assert any(part in name for name in changed), part
    assert not any("visual" in name or "embed_tokens" in name for name in changed)
    assert Groot.load(checkpoints(run)[-1]).modality.horizon == 16
    # Who may read the other files may read all of them.
    assert len({file.stat().st_mode for file in checkpoints(run)[-1].glob("*.*")}) == 1


def test_merging_changes_no_answer(dataset: Path, base: Path) -> None:
    given = lora_options(dataset, Path("unused"), base, bf16=False, tune_visual=True)
    prepared = prepare_training(make_config({**given, "eval_episodes": 1}))
    network, (part,) = prepared.network, prepared.parts
    generator = torch.Generator().manual_seed(0)
    for name, parameter in network.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.2, generator=generator)
    assert part.held_out is not None
    mean = {key: values.mean(axis=0) for key, values in part.table.action.items()}
    held_out = HeldOut(part.held_out, part.processor, network.config, mean)
    plain = plain_network(network, dict(network.named_parameters()), make_config(given))
    assert {name for name, _ in plain.named_parameters()} == set(
        load_file(base / "model.safetensors")
    )
    answers = [held_out.errors(TrainingModule(chosen.eval())) for chosen in (network, plain)]
    assert answers[0] == pytest.approx(answers[1], rel=1e-4)
    fresh = prepare_training(make_config({**given, "eval_episodes": 1})).network
    other = held_out.errors(TrainingModule(fresh.eval()))
    assert other["position_error_m"] != pytest.approx(answers[0]["position_error_m"], rel=1e-2)


def test_a_resumed_run_ends_where_an_unbroken_one_does(
    run: Path, dataset: Path, base: Path, tmp_path: Path
) -> None:
    shutil.copytree(run / "checkpoint-3", tmp_path / "lora" / "checkpoint-3")
    given = lora_options(dataset, tmp_path, base, gradient_checkpointing=True)
    train(make_config({**given, "resume": True}))
    for file in ("model.safetensors", "trained_weights.safetensors"):
        expected, found = (
            load_file(folder / "checkpoint-6" / file) for folder in (run, tmp_path / "lora")
        )
        assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_recomputed_activations_change_nothing(
    run: Path, dataset: Path, base: Path, tmp_path: Path
) -> None:
    train(make_config(lora_options(dataset, tmp_path, base)))
    expected, found = (
        load_file(folder / "checkpoint-6" / "model.safetensors")
        for folder in (run, tmp_path / "lora")
    )
    assert all(torch.equal(expected[name], found[name]) for name in expected)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"base_model": "tiny"}, "begins from nothing"),
        ({"ema_decay": 0.9}, "cannot be combined"),
        ({"lora_rank": 0}, "lora_rank is 0"),
    ],
)
def test_what_does_not_fit_lora_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make_config({**lora_options(Path("d"), Path("o"), Path("b")), **changes})
