from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from training_options import options

from groot_ros.errors import UserError
from groot_ros.training.checkpoints import checkpoints
from groot_ros.training.config import make_config
from groot_ros.training.held_out import HeldOut
from groot_ros.training.module import TrainingModule
from groot_ros.training.preparation import Prepared, prepare_training
from groot_ros.training.run import train
from groot_ros.viewer.training_run import TrainingRun


@pytest.fixture(scope="module")
def prepared(dataset: Path) -> Prepared:
    return prepare_training(make_config(options(dataset, Path("unused"), "x", eval_episodes=1)))


def test_the_seed_chooses_episodes_that_are_not_trained_on(
    dataset: Path, prepared: Prepared
) -> None:
    assert prepared.parts[0].held_out is not None
    held_out = [file.index for file in prepared.parts[0].held_out.files]
    assert len(held_out) == 1
    assert sorted([*held_out, *(file.index for file in prepared.parts[0].table.files)]) == [
        0,
        1,
        2,
    ]
    assert prepared.metadata["dataset"]["held_out"] == held_out
    found = set()
    for seed in range(8):
        given = options(dataset, Path("unused"), "x", eval_episodes=1, seed=seed)
        other = prepare_training(make_config(given)).parts[0].held_out
        assert other is not None
        found.add(other.files[0].index)
    assert found == {0, 1, 2}


class Oracle(TrainingModule):
    """Answers with normalised actions that it was given."""

    def __init__(self, prepared: Prepared, answers: torch.Tensor) -> None:
        super().__init__(prepared.network)
        self._answers = list(answers)

    def actions(self, inputs: object, noise: torch.Tensor) -> torch.Tensor:
        return torch.stack([self._answers.pop(0) for _ in noise])


def test_recorded_actions_have_no_error_and_others_their_mean_distance(
    prepared: Prepared,
) -> None:
    table, numbers = prepared.parts[0].table, prepared.parts[0].processor.numbers
    mean = {key: values.mean(axis=0) for key, values in prepared.parts[0].table.action.items()}
    measured = HeldOut(table, prepared.parts[0].processor, prepared.network.config, mean)
    rows = np.flatnonzero(table.end - np.arange(len(table)) >= 16)
    rows = rows[np.linspace(0, len(rows) - 1, len(measured)).astype(int)]
    chunks = [table.chunk(int(row), 16)[0] for row in rows]
    states = [{key: v[row : row + 1] for key, v in table.state.items()} for row in rows]
    answers = np.stack(
        [numbers.encode_actions(c, s)[0] for c, s in zip(chunks, states, strict=True)]
    )

    errors = measured.errors(Oracle(prepared, torch.from_numpy(answers)))
    assert errors["position_error_m"] < 1e-5 < errors["position_error_of_mean_m"]
    assert errors["share_of_mean"] < 1e-3

    errors = measured.errors(Oracle(prepared, torch.from_numpy(0.5 * answers)))
    decoded = [numbers.decode_actions(0.5 * a, s) for a, s in zip(answers, states, strict=True)]
    off = [d["ee_pose"][:, :3] - c["ee_pose"][:, :3] for d, c in zip(decoded, chunks, strict=True)]
    assert errors["mae/x"] == pytest.approx(np.abs(off)[..., 0].mean())
    distance_m = np.linalg.norm(np.stack(off)[:, -1], axis=-1).mean()
    assert errors["position_error_m"] == pytest.approx(distance_m)


def test_errors_are_measured_while_training_and_change_nothing(
    dataset: Path, tmp_path: Path
) -> None:
    weights = []
    for name, steps in (("often", 1), ("once", 4)):
        given = options(dataset, tmp_path, name, eval_episodes=1, eval_steps=steps)
        train(make_config({**given, "num_train_steps": 4}))
        newest = checkpoints(tmp_path / name)[-1]
        weights.append((newest / "model.safetensors").read_bytes())
        history = json.loads((newest / "trainer_state.json").read_text())["log_history"]
        measured = [entry["step"] for entry in history if "eval_mae/grip" in entry]
        assert measured == list(range(steps, 5, steps))
        told = TrainingRun.read(tmp_path / name)
        assert (told.state, told.step, told.predictions["step"]) == ("done", 4, 4)
        # What the Trainer sums up comes behind the last checkpoint.
        assert told.log[: len(history)] == history
        shown = told.predictions["samples"][0]
        assert len(shown["keys"]) == 2 and len(shown["keys"][0]["predicted"]) == 16
        assert (tmp_path / name / "report.html").is_file()
    assert weights[0] == weights[1]


def test_too_many_or_too_short_held_out_episodes_are_named(
    dataset: Path, prepared: Prepared
) -> None:
    with pytest.raises(UserError, match="eval_episodes is 3 .* none is left"):
        prepare_training(make_config(options(dataset, Path("unused"), "x", eval_episodes=3)))
