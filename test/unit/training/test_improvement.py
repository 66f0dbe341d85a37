"""A checkpoint that is corrected, interrupted at every stage, and goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from training_options import options

from groot_ros.cli.main import main
from groot_ros.data.conversion.convert import convert
from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.datasets.writer import INTERVENTION
from groot_ros.errors import UserError
from groot_ros.improvement import rounds, simulated
from groot_ros.improvement.fine_tuning import fine_tuning_options
from groot_ros.improvement.learned import corrections_of
from groot_ros.improvement.rounds import improve
from groot_ros.improvement.scenes import Scenes
from groot_ros.improvement.simulated import Simulated
from groot_ros.improvement.state import FILE, Plan, Round, State
from groot_ros.training.config import make_config
from groot_ros.training.run import train

# Each with what a round says once it is over.
STAGES = {
    rounds.CORRECTING: "is_recorded",
    rounds.CONVERTING: "episodes",
    rounds.TUNING: "candidate",
    rounds.COMPARING: "after",
}


@pytest.fixture(scope="module")
def checkpoint(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that has learned next to nothing, so that the expert always takes over."""
    output = tmp_path_factory.mktemp("runs")
    return train(
        make_config(options(dataset, output, "first", num_train_steps=2, max_delay_steps=3))
    )


def make_site(checkpoint: Path, folder: Path) -> Simulated:
    return Simulated(
        scenes=Scenes(task="reach", count=2, time_limit_s=0.5, patience_s=0.2, executed_steps=8),
        wanted=1,
        conversion=corrections_of(
            checkpoint, "sim", folder, only_corrections=True, only_success=True
        ),
        convert_bags=convert,
        show=lambda items, doing, count: iter(items),
    )


def make_plan(checkpoint: Path, dataset: Path) -> Plan:
    return Plan(
        robot="sim",
        checkpoint=str(checkpoint),
        datasets=(str(dataset),),
        rounds=1,
        corrections=1,
        steps=3,
        learning_rate=1e-3,
        old_share=0.5,
        site={},
    )


def test_a_round_goes_on_wherever_it_was_interrupted(
    checkpoint: Path, dataset: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "improved"
    plan, site = make_plan(checkpoint, dataset), make_site(checkpoint, folder)
    for stage in STAGES:

        def interrupt(text: str, stage: str = stage) -> None:
            if f": {stage}" in text:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            improve(plan, site, folder, interrupt)
        [told] = json.loads((folder / FILE).read_text())["rounds"]
        over = [name for name, done in STAGES.items() if told[done]]
        assert over == list(STAGES)[: list(STAGES).index(stage)]
    said: list[str] = []
    state = improve(plan, site, folder, said.append)
    [done] = state.rounds
    assert said[0] == f"round 1 of 1: {rounds.COMPARING}" and "McNemar" in said[-1]
    assert (done.corrections, len(done.before), len(done.after)) == (1, 2, 2)
    # What is no better does not take the place of the checkpoint.
    assert sum(done.after) <= sum(done.before) and state.checkpoint == str(checkpoint)
    found = Dataset(folder / rounds.DATASET)
    [columns] = [found.columns(episode) for episode in found.episodes]
    assert columns[INTERVENTION].all() and np.ptp(columns["action"][:, :3], axis=0).max() > 0.05
    trained = json.loads((Path(done.candidate) / "train.json").read_text())
    assert trained["input_path"] == [str(dataset), str(folder / rounds.DATASET)]
    assert (trained["weights"], trained["init_from"]) == ([0.5, 0.5], str(checkpoint))
    # It goes on learning as the checkpoint has learned.
    assert json.loads((Path(done.candidate) / "config.json").read_text())["max_delay_steps"] == 3
    with pytest.raises(UserError, match="was begun with old_share 0.5, not 0.3"):
        improve(replace(plan, old_share=0.3), site, folder, said.append)


def test_a_correction_without_success_teaches_nothing(
    checkpoint: Path, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulated, "TIME_LIMIT_S", 1.0)
    site = make_site(checkpoint, tmp_path)
    site = replace(site, scenes=replace(site.scenes, task="pick"))
    with pytest.raises(UserError, match="in 5 scenes .* was never corrected with success"):
        improve(make_plan(checkpoint, dataset), site, tmp_path, print)
    # The expert did take over, too late.
    assert len(list((tmp_path / rounds.BAGS).rglob("metadata.yaml"))) == 5
    assert not json.loads((tmp_path / FILE).read_text())["rounds"][0]["is_recorded"]


def test_a_later_round_mixes_as_the_first_does(tmp_path: Path) -> None:
    """A candidate has learned of corrections, which are nothing that was there before."""
    own: dict[str, object] = {
        "input_path": ["a", "b"],
        "weights": [3.0, 1.0],
        "modality_config": ["x", "y"],
        "embodiment": ["left", "right"],
        "save_steps": 2,
    }
    first = tmp_path / "first"
    plan = replace(make_plan(first, tmp_path), datasets=("a", "b"))
    for name in ("first", "candidate"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        (folder / "train.json").write_text(json.dumps(own))
        mixed = fine_tuning_options(plan, str(folder), tmp_path / "new", tmp_path / "run")
        assert mixed["input_path"] == ("a", "b", str(tmp_path / "new"))
        assert mixed["weights"] == (0.375, 0.125, 0.5)
        assert mixed["modality_config"] == ("x", "y", "x")
        assert mixed["embodiment"] == ("left", "right", "left")
        # A crash costs no more than it did then.
        assert mixed["save_steps"] == 2
        own = mixed


def test_the_better_one_stays() -> None:
    done = Round(checkpoint="a", candidate="b", before=[True, False], after=[True, True])
    assert done.kept == "b" and done.summary()["after"]["successes"] == 2
    assert replace(done, after=[False, True]).kept == "a"


def test_a_program_reads_what_came_of_it_as_one_json_object(
    checkpoint: Path, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = {"by": "expert", **Scenes().to_dict()}
    state = State(replace(make_plan(checkpoint, dataset), site=site), tmp_path)
    state.rounds.append(
        Round(checkpoint=str(checkpoint), candidate="b", before=[True], after=[False])
    )
    state.write()
    options = ["--robot=sim", f"--checkpoint={checkpoint}", "--rounds=1", "--corrections=1"]
    options += ["--steps=3", "--learning-rate=1e-3", f"--output={tmp_path}", "--json"]
    assert main(["improve", *options]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["checkpoint"] == str(checkpoint) and told["rounds"][0]["result"]
    assert told["next"] == [f"groot-ros evaluate --checkpoint {checkpoint}"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--robot=sim", "--checkpoint=pretrained/sim_pick"], "has no train.json"),
        (["--robot=franka", "--by=expert"], "--by expert is of --robot sim"),
        (["--robot=sim", "--old-share=1"], "old-share is 1, expected above 0 and below 1"),
        (["--robot=sim", "--trials=0"], "trials is 0, expected 1 or more"),
        (["--robot=sim", "--executed-steps=-1"], "executed-steps is -1, expected 0 or more"),
        (["--robot=sim", "--cubes=purple"], "expected some of red,green,blue"),
        (["--robot=sim", "--learning-rate=-1"], "learning-rate is -1, expected 0 or more"),
        (["--robot=sim", "--dataset=gone"], "gone, which"),
    ],
)
def test_mistakes_are_one_sentence(
    arguments: list[str],
    said: str,
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "improved"
    given = [f"--checkpoint={checkpoint}", "--rounds=1", f"--output={output}", *arguments]
    assert main(["improve", *given]) == 2
    assert said in capsys.readouterr().err
    assert not output.exists()
