"""One network learns from the datasets of several robots."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import lerobot_dataset as lerobot
import numpy as np
import pytest
import torch
from lerobot_dataset import JOINTS, Flavour
from safetensors.torch import load_file
from training_options import options

from groot_ros.cli.main import main
from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.datasets.statistics import column_statistics, merge_statistics
from groot_ros.errors import UserError
from groot_ros.model.checkpoint.folder import CheckpointFolder
from groot_ros.policies.checkpoint.config import LocalPolicyConfig
from groot_ros.policies.factory import AUTO, PolicyChoice, chosen_codec, make_policy
from groot_ros.policies.tried import checkpoint_choice
from groot_ros.robot.config import load_robot
from groot_ros.training.checkpoints import checkpoints
from groot_ros.training.config import make_config
from groot_ros.training.data.mixture import BLOCK, Mixture
from groot_ros.training.open_loop import compare
from groot_ros.training.preparation import prepare_training
from groot_ros.training.run import train, training_samples

TAGS = ["new_embodiment", "my_so101"]


@pytest.fixture(scope="module")
def so101(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of another robot with one camera, and the codec that is drafted for it."""
    folder = tmp_path_factory.mktemp("mixture")
    names = [f"{joint}.pos" for joint in JOINTS]
    path = lerobot.write(folder / "so101", Flavour(names=names, v3=True, stills=True))
    command = ["codec", "draft", "--dataset", str(path), "--robot", "so101"]
    assert main([*command, "--output", str(folder / "so101.yaml")]) == 0
    return path


def mixed(dataset: Path, so101: Path, output: Path, name: str, **other: Any) -> dict[str, Any]:
    return options(
        dataset,
        output,
        name,
        **{
            "input_path": [str(dataset), str(so101)],
            "modality_config": ["ee_rot6d_q_rel", str(so101.with_suffix(".yaml"))],
            "embodiment": TAGS,
            **other,
        },
    )


@pytest.fixture(scope="module")
def run(dataset: Path, so101: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of both, the second one as often as the first, with checkpoints after 3 and 6."""
    output = tmp_path_factory.mktemp("runs")
    given = mixed(dataset, so101, output, "mixed", weights=[1, 1], eval_episodes=1, eval_steps=6)
    train(make_config(given))
    return output / "mixed"


def mixture(dataset: Path, so101: Path, **other: Any) -> Mixture:
    config = make_config(mixed(dataset, so101, Path("unused"), "x", **other))
    return training_samples(config, prepare_training(config))


def rows(samples: Mixture, numbers: range) -> list[tuple[int, int]]:
    """Dataset and row of samples."""
    turns = [samples.turn(k) for k in numbers]
    return [(part, samples.parts[part].row(own)) for part, own in turns]


def test_without_weights_a_pass_shows_every_row_of_every_dataset_once(
    dataset: Path, so101: Path
) -> None:
    samples = mixture(dataset, so101)
    counts = [len(part.rows) for part in samples.parts]
    everything = [(part, row) for part, count in enumerate(counts) for row in range(count)]
    first, second = (
        rows(samples, range(number * sum(counts), (number + 1) * sum(counts)))
        for number in range(2)
    )
    assert sorted(first) == sorted(second) == everything
    assert first != second
    # Again from another place on, as after an interruption.
    assert rows(mixture(dataset, so101), range(50, 60)) == first[50:60]


def test_weights_are_the_shares_of_the_samples(dataset: Path, so101: Path) -> None:
    samples = mixture(dataset, so101, weights=[1, 3])
    turns = [samples.turn(k) for k in range(BLOCK, 2 * BLOCK)]
    assert [part for part, _ in turns].count(1) == 7500
    assert sorted(own for part, own in turns if part == 0) == list(range(2500, 5000))
    assert samples.shares == [0.25, 0.75]
    early = [samples.turn(k)[0] for k in range(400)]
    assert 50 < early.count(0) < 150


def test_the_checkpoint_runs_with_each_robot(run: Path, dataset: Path, so101: Path) -> None:
    checkpoint = run / "checkpoint-6"
    folder = CheckpointFolder(checkpoint)
    assert folder.embodiments == TAGS and folder.slots == {TAGS[0]: 0, TAGS[1]: 1}
    for tag, robot, cameras in zip(TAGS, ("sim", "so101"), (2, 1), strict=True):
        choice = PolicyChoice("local", tag, LocalPolicyConfig(str(checkpoint), device="cpu"))
        file = chosen_codec(choice)
        assert file.embodiment_tag == tag and len(file.codec(load_robot(robot)).video.cameras)
        policy = make_policy(choice, load_robot(robot))
        policy.open()
        assert len(policy.inputs.cameras) == cameras
        policy.close()
    with pytest.raises(UserError, match=f"several robots: name one of {', '.join(TAGS)}"):
        chosen_codec(replace(choice, variant=AUTO))
    assert checkpoint_choice(run).variant == TAGS[0]
    assert compare(run, dataset, chunks=1).predicted["ee_pose"].shape == (1, 16, 9)
    assert compare(run, so101, chunks=1).predicted["joint_position"].shape == (1, 16, 5)


def test_each_embodiment_has_its_own_numbers(run: Path, so101: Path) -> None:
    statistics = json.loads((run / "checkpoint-6" / "statistics.json").read_text())
    assert list(statistics) == TAGS
    state = np.concatenate([lerobot.joints(index) for index in range(2)])
    own = statistics[TAGS[1]]["state"]["joint_position"]
    assert np.all(np.array(own["max"]) <= state[:, :5].max(axis=0) + 1e-6)
    log = json.loads((run / "checkpoint-6" / "trainer_state.json").read_text())["log_history"]
    measured = next(entry for entry in log if "eval_share_of_mean" in entry)
    assert {"eval_share_of_mean/dataset", "eval_share_of_mean/so101"} <= set(measured)
    assert "eval_mae/so101/shoulder_pan.pos" in measured
    told = json.loads((run / "checkpoint-6" / "groot_ros.json").read_text())
    assert [part["share"] for part in told["dataset"]["mixture"]] == [0.5, 0.5]
    assert "so101" in (run / "report.html").read_text()


def test_a_resumed_mixture_ends_bit_by_bit_where_an_unbroken_one_does(
    run: Path, dataset: Path, so101: Path, tmp_path: Path
) -> None:
    shutil.copytree(run / "checkpoint-3", tmp_path / "mixed" / "checkpoint-3")
    given = mixed(dataset, so101, tmp_path, "mixed", eval_episodes=1, eval_steps=6, resume=True)
    with pytest.raises(UserError, match=r"weights was \[1, 1\], is \[\]"):
        train(make_config(given))
    train(make_config({**given, "weights": [1, 1]}))
    expected, found = (
        load_file(folder / "checkpoint-6" / "model.safetensors")
        for folder in (run, tmp_path / "mixed")
    )
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_two_processes_train_a_mixture_as_one_does(dataset: Path, tmp_path: Path) -> None:
    given = options(dataset, tmp_path, "one", num_train_steps=4, save_steps=2, device="cpu")
    given |= {"input_path": [str(dataset)] * 2, "embodiment": TAGS, "weights": [1, 2]}
    # So that one process has more numbers to learn than the other.
    given |= {"modality_config": ["ee_rot6d_q_rel", "ee_rot6d_q"], "padding": "mask"}
    train(make_config(given))
    file = tmp_path / "train.yaml"
    file.write_text(json.dumps({**given, "exp_name": "two"}))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node=2", "-m", "groot_ros.cli.main", "train", "--config", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("wrote ") == 1
    folders = [checkpoints(tmp_path / name) for name in ("one", "two")]
    assert [folder.name for folder in folders[1]] == ["checkpoint-2", "checkpoint-4"]
    for one, two in zip(*folders, strict=True):
        for weights in ("model.safetensors", "trained_weights.safetensors"):
            expected, found = load_file(one / weights), load_file(two / weights)
            for name, tensor in expected.items():
                torch.testing.assert_close(found[name], tensor, rtol=0, atol=1e-4, msg=name)
    assert CheckpointFolder(folders[1][-1]).metadata["dataset"]["episodes"] == 6


def test_datasets_of_one_embodiment_have_one_set_of_ranges(dataset: Path, tmp_path: Path) -> None:
    again = shutil.copytree(dataset, tmp_path / "again")
    given = options(dataset, tmp_path, "x", input_path=[str(dataset), str(again)])
    prepared = prepare_training(make_config({**given, "weights": [1, 4]}))
    assert list(prepared.statistics) == ["new_embodiment"]
    alone = prepare_training(make_config(options(dataset, tmp_path, "x")))
    for group, keys in alone.statistics["new_embodiment"].items():
        for key, values in keys.items():
            found = prepared.statistics["new_embodiment"][group][key]
            for name in values:
                np.testing.assert_allclose(found[name], values[name], atol=1e-9)


def test_merged_statistics_are_those_of_the_whole() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(1.0, 2.0, (50, 3)), rng.normal(-3.0, 0.5, (150, 3))
    merged = merge_statistics([column_statistics(part) for part in (one, other)], [50, 150])
    whole = column_statistics(np.concatenate([one, other]))
    for name in ("mean", "std", "min", "max"):
        np.testing.assert_allclose(merged[name], whole[name])
    assert np.all(np.array(merged["q01"]) <= whole["q01"])
    assert np.all(np.array(merged["q99"]) >= whole["q99"])


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"embodiment": ""}, "both teach the embodiment new_embodiment, but their numbers differ"),
        ({"embodiment": ["a", "b", "c"]}, "embodiment has 3 values for 2 datasets"),
        ({"weights": [1]}, "weights has 1 numbers for 2 datasets"),
        ({"weights": [1, 0]}, "weights has 0, expected finite numbers above 0"),
        ({"weights": [1, -2.0]}, r"weights has -2\.0, expected"),
        ({"weights": [1, float("nan")]}, "weights has nan, expected"),
        ({"weights": [1, float("inf")]}, "weights has inf, expected"),
        ({"weights": [1, "x"]}, "weights has 'x', expected"),
    ],
)
def test_a_bad_mixture_is_one_sentence(
    dataset: Path, so101: Path, other: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        prepare_training(make_config(mixed(dataset, so101, Path("unused"), "x", **other)))


def test_the_command_line_takes_several(
    dataset: Path, so101: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--input_path", str(dataset), str(so101), "--weights", "1", "2.5"]
    words += ["--modality_config", "ee_rot6d_q_rel", str(so101.with_suffix(".yaml"))]
    file = tmp_path / "train.yaml"
    file.write_text(json.dumps(options(dataset, tmp_path, "cli", num_train_steps=1)))
    command = ["train", "--config", str(file), *words]
    assert main([*command, "--embodiment", TAGS[0]]) == 2
    assert "so101 both teach the embodiment" in capsys.readouterr().err
    assert main([*command, "--embodiment", *TAGS]) == 0
    said = capsys.readouterr().out
    assert "so101, 71.4% of the samples: 2 episodes, 55 samples, so101 on my_so101" in said
    last = said.splitlines()[-1].removeprefix("compare it: groot-ros ")
    assert last.endswith(f"{dataset} {so101}")
    shown = tmp_path / "shown"
    assert main([*last.split(), "--episodes=1", f"--output={shown}", "--json"]) == 0
    results = json.loads(capsys.readouterr().out)["datasets"]
    assert [len(result["channels"]) for result in results.values()] == [10, 6]
    for name, folder in zip(results, (dataset, so101), strict=True):
        content = json.loads((shown / name / "open_loop.json").read_text())
        assert content["dataset"] == str(folder) and (shown / name / "open_loop.png").exists()
    assert len(Dataset(so101).episodes) == 2


def test_several_are_validated_and_reported_each(
    dataset: Path, so101: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copies = [Path(shutil.copytree(path, tmp_path / path.name)) for path in (dataset, so101)]
    assert main(["validate", *map(str, copies), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["datasets"]
    assert [one["episodes"] for one in found] == [3, 2]
    (copies[0] / "meta" / "tasks.jsonl").write_text("")
    assert main(["validate", *map(str, copies)]) == 1
    said = capsys.readouterr().out
    assert f"{copies[0]}: 3 episodes, 75 frames, " in said
    assert f"{copies[1]}: 2 episodes, 55 frames, valid\nlook at it: " in said
    assert main(["dataset", "report", str(copies[1])]) == 0
    assert "so101" in (copies[1] / "report.html").read_text()
