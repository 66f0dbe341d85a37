from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from training_options import options

from groot_ros.cli.main import main
from groot_ros.data.datasets.statistics import column_statistics
from groot_ros.errors import UserError
from groot_ros.model.inference.loaded import Groot
from groot_ros.training.average import WeightAverage
from groot_ros.training.checkpoints import checkpoints
from groot_ros.training.config import make_config, read_yaml
from groot_ros.training.data.augmentation import Augmentation, ColorJitter
from groot_ros.training.data.pictures import hold_frames, prepare_pictures
from groot_ros.training.data.samples import Collator, SampleOptions, Samples
from groot_ros.training.module import TrainingModule
from groot_ros.training.open_loop import compare
from groot_ros.training.preparation import prepare_training
from groot_ros.training.run import train


@pytest.fixture(scope="module")
def run(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of six steps with checkpoints after three and six."""
    output = tmp_path_factory.mktemp("runs")
    train(make_config(options(dataset, output, "whole", state_dropout_prob=0.0)))
    return output / "whole"


def numbers(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def test_a_checkpoint_serves_without_any_other_file(run: Path, dataset: Path) -> None:
    comparison = compare(run, dataset, chunks=2)
    assert comparison.predicted["ee_pose"].shape == (2, 16, 9)
    model = Groot.load(checkpoints(run)[-1])
    assert model.metadata["variant"] == "ee_rot6d_joints_rel"
    assert model.metadata["dataset"]["episodes"] == 3


def test_training_changes_every_part(run: Path) -> None:
    first, last = map(numbers, checkpoints(run))
    for part in ("backbone.model.model.visual", "language_model.layers", "action_head.model"):
        assert any(not torch.equal(first[n], last[n]) for n in first if part in n), part


def test_a_resumed_run_ends_bit_by_bit_where_an_unbroken_one_does(
    run: Path, dataset: Path, tmp_path: Path
) -> None:
    shutil.copytree(run / "checkpoint-3", tmp_path / "whole" / "checkpoint-3")
    train(make_config(options(dataset, tmp_path, "whole", resume=True)))
    expected, found = numbers(run / "checkpoint-6"), numbers(tmp_path / "whole" / "checkpoint-6")
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_a_changed_option_is_not_resumed(run: Path, dataset: Path) -> None:
    changed = options(dataset, run.parent, "whole", resume=True, learning_rate=0.5)
    with pytest.raises(UserError, match=r"learning_rate was 0\.002, is 0\.5"):
        train(make_config(changed))


def test_an_existing_run_is_not_overwritten(run: Path, dataset: Path) -> None:
    with pytest.raises(UserError, match="has checkpoints already"):
        train(make_config(options(dataset, run.parent, "whole")))


# Training runs on machines that have neither ROS nor a simulator.
WITHOUT_ROS = """
import sys
sys.modules.update(dict.fromkeys(["rclpy", "mujoco", "mink"]))
from groot_ros.cli.main import main
sys.exit(main())
"""


def test_sigterm_saves_and_ends_with_zero(dataset: Path, tmp_path: Path) -> None:
    steps = {"num_train_steps": 100_000, "save_steps": 100_000, "logging_steps": 1}
    given = options(dataset, tmp_path, "stopped", **steps)
    command = [sys.executable, "-u", "-c", WITHOUT_ROS, "train"]
    command += [f"--{name}={value}" for name, value in given.items()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("step 2"):
                process.send_signal(signal.SIGTERM)
                break
        process.stdout.read()
        assert process.wait(120) == 0
    saved = checkpoints(tmp_path / "stopped")
    assert len(saved) == 1 and (saved[0] / "optimizer.pt").exists()


def test_a_loss_that_is_no_number_names_the_frame(dataset: Path, tmp_path: Path) -> None:
    given = options(dataset, tmp_path, "nan", learning_rate=1e18, max_grad_norm=1e18)
    with pytest.raises(UserError, match=r"the loss is .* episode \d, frame \d+"):
        train(make_config({**given, "num_train_steps": 40, "save_steps": 100}))
    assert not checkpoints(tmp_path / "nan")


def test_a_modality_config_of_another_codec_is_refused(dataset: Path, tmp_path: Path) -> None:
    given = options(dataset, tmp_path, "other", modality_config="ee")
    with pytest.raises(UserError, match="ee_rot6d_joints .* do not fit: use .* ee_rot6d_q"):
        train(make_config(given))


def test_missing_options_and_bases_are_one_sentence(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="exp_name is not given"):
        make_config(options(dataset, tmp_path, ""))
    with pytest.raises(UserError, match="not in the Hugging Face cache"):
        prepare_training(make_config(options(dataset, tmp_path, "x", base_model="nobody/nothing")))


def test_options_come_from_yaml_and_command_line(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "train.yaml"
    given = options(dataset, tmp_path, "yaml", num_train_steps=1)
    file.write_text(json.dumps({**given, "learning_rat": 1}))
    assert main(["train", "--config", str(file)]) == 2
    file.write_text(json.dumps(given))
    assert main(["train", "--config", str(file), "--save-steps", "1"]) == 0
    command = capsys.readouterr().out.splitlines()[-1].removeprefix("compare it: groot-ros ")
    shown = main([*command.split(), "--episodes=1", f"--output={tmp_path / 'shown'}"])
    assert shown == 0 and (tmp_path / "shown" / "open_loop.png").exists()
    assert capsys.readouterr().out.endswith(f"look at them: groot-ros view {tmp_path / 'shown'}\n")
    assert len(checkpoints(tmp_path / "yaml")) == 1


def test_few_checkpoints_and_fewer_optimizer_states_are_kept(
    dataset: Path, tmp_path: Path
) -> None:
    given = options(dataset, tmp_path, "few", save_steps=1, save_total_limit=3, optimizer_states=1)
    train(make_config({**given, "num_train_steps": 4}))
    folders = checkpoints(tmp_path / "few")
    assert [folder.name for folder in folders] == [f"checkpoint-{n}" for n in (2, 3, 4)]
    assert [(folder / "optimizer.pt").exists() for folder in folders] == [False, False, True]


def samples(dataset: Path, **choices: Any) -> Samples:
    prepared = prepare_training(make_config(options(dataset, Path("unused"), "samples")))
    return Samples(
        prepared.parts[0].table,
        prepared.parts[0].processor,
        prepared.network.config,
        SampleOptions(**choices),
    )


def test_every_pass_shows_every_row_once_in_another_order(dataset: Path) -> None:
    shown = samples(dataset, count=1000)
    count = len(shown.rows)
    first, second = ([shown.row(p * count + k) for k in range(count)] for p in (0, 1))
    assert sorted(first) == sorted(second) == list(range(count))
    assert first != second


def test_rows_of_an_operator_come_more_often(dataset: Path) -> None:
    prepared = prepare_training(make_config(options(dataset, Path("unused"), "weighted")))
    part = prepared.parts[0]
    count = len(part.table)
    corrected = np.arange(count) < count // 4
    shown = Samples(
        replace(part.table, intervention=corrected),
        part.processor,
        prepared.network.config,
        SampleOptions(count=40 * count, intervention_weight=3.0),
    )
    drawn = np.array([shown.row(k) for k in range(40 * count)])
    # A quarter of the rows with a weight of 3: half of what is drawn.
    assert np.mean(corrected[drawn]) == pytest.approx(0.5, abs=0.03)


def test_chunks_past_the_end_are_repeated_masked_or_dropped(dataset: Path) -> None:
    repeated = samples(dataset, count=1000)
    last_row = len(repeated.rows) - 1
    short = next(k for k in range(1000) if repeated.row(k) == last_row)
    assert repeated[short]["mask"][:, 0].sum() == 16
    masked = samples(dataset, count=1000, padding="mask")
    assert masked[short]["mask"][:, 0].sum() == 1
    dropped = samples(dataset, count=1000, padding="drop")
    assert len(dropped.rows) == len(repeated.rows) - 3 * 15


def test_held_pictures_are_those_of_the_videos(dataset: Path) -> None:
    prepared = prepare_training(make_config(options(dataset, Path("unused"), "pictures")))
    choices = SampleOptions(count=50)
    shown = Samples(
        prepared.parts[0].table,
        prepared.parts[0].processor,
        prepared.network.config,
        choices,
    )
    from_videos = [shown[k]["pictures"] for k in range(5)]
    shown.take_pictures_from(
        prepare_pictures(prepared.parts[0].table, prepared.parts[0].processor, 2)
    )
    for k, expected in enumerate(from_videos):
        assert torch.equal(shown[k]["pictures"], expected)


def test_changed_pictures_do_not_depend_on_where_they_come_from(dataset: Path) -> None:
    augmentation = Augmentation(True, 5.0, ColorJitter(brightness=0.3))
    shown = samples(dataset, count=50, augmentation=augmentation)
    from_videos = [shown[k]["pictures"] for k in (0, 1, 2, 1)]
    assert torch.equal(from_videos[1], from_videos[3])
    assert not torch.equal(from_videos[1], samples(dataset, count=50)[1]["pictures"])
    prepared = prepare_training(make_config(options(dataset, Path("unused"), "augmented")))
    shown.take_pictures_from(hold_frames(prepared.parts[0].table, prepared.parts[0].processor, 1))
    for k, expected in enumerate(from_videos[:3]):
        assert torch.equal(shown[k]["pictures"], expected)


def test_augmentation_comes_from_the_command_line(dataset: Path, tmp_path: Path) -> None:
    file = tmp_path / "train.yaml"
    given = options(dataset, tmp_path, "augmented", num_train_steps=1)
    file.write_text(json.dumps({**given, "color_jitter_params": {"hue": 0.08}}))
    words = "--random-crop --random-rotation-angle 5 --color-jitter-params brightness 0.3 hue 0.1"
    assert main(["train", "--config", str(file), *words.split()]) == 0
    saved = json.loads((tmp_path / "augmented" / "checkpoint-1" / "train.json").read_text())
    assert saved["color_jitter_params"] == "brightness 0.3 hue 0.1" and saved["random_crop"]
    config = make_config(read_yaml(file))
    assert config.augmentation == Augmentation(False, 0.0, ColorJitter(hue=0.08))


def test_a_hidden_state_changes_nothing(dataset: Path) -> None:
    given = options(dataset, Path("unused"), "hidden", state_dropout_prob=1.0)
    prepared = prepare_training(make_config(given))
    assert prepared.network.config.raw["state_dropout_prob"] == 1.0
    shown = Samples(
        prepared.parts[0].table,
        prepared.parts[0].processor,
        prepared.network.config,
        SampleOptions(count=2),
    )
    batch = Collator(prepared.parts[0].processor, prepared.network.config)([shown[0], shown[1]])
    module = TrainingModule(prepared.network).train()
    other = {**batch, "state": -batch["state"]}
    assert torch.equal(module(**batch)["loss"], module(**other)["loss"])


def test_a_batch_is_what_the_served_network_would_see(dataset: Path) -> None:
    prepared = prepare_training(make_config(options(dataset, Path("unused"), "batch")))
    choices = SampleOptions(count=50, noise_samples=2)
    shown = Samples(
        prepared.parts[0].table,
        prepared.parts[0].processor,
        prepared.network.config,
        choices,
    )
    batch = Collator(prepared.parts[0].processor, prepared.network.config)([shown[0], shown[1]])
    assert batch["noisy"].shape == (4, 16, 16)
    row, table = shown.row(0), prepared.parts[0].table
    state = {key: values[row : row + 1] for key, values in table.state.items()}
    expected, _ = table.chunk(row, 16)
    for key, values in expected.items():
        np.testing.assert_array_equal(values[0], table.action[key][row])
    np.testing.assert_array_equal(
        batch["state"][0].numpy(), prepared.parts[0].processor.numbers.encode_state(state)
    )
    noise = shown[0]["noise"][0]
    velocity = batch["velocity"][0].numpy()
    np.testing.assert_allclose(velocity, shown[0]["actions"] - noise, atol=1e-6)


def test_statistics_of_a_checkpoint_are_those_of_its_dataset(dataset: Path) -> None:
    prepared = prepare_training(make_config(options(dataset, Path("unused"), "statistics")))
    found = prepared.statistics["new_embodiment"]["action"]["grip"]
    assert found == column_statistics(prepared.parts[0].table.action["grip"])


def test_a_checkpoint_holds_the_average_and_training_its_own_weights(
    run: Path, dataset: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    train(make_config(options(dataset, tmp_path, "plain", ema_decay=0.0)))
    for name in ("checkpoint-3", "checkpoint-6"):
        own = load_file(run / name / "trained_weights.safetensors")
        plain, average = numbers(tmp_path / "plain" / name), numbers(run / name)
        assert all(torch.equal(plain[key], tensor) for key, tensor in own.items())
        assert any(not torch.equal(average[key], tensor) for key, tensor in own.items())
        assert {key for key in plain if key not in own} == {
            key for key in plain if "language_model.norm" in key
        }


def test_the_average_is_that_of_all_weights_with_the_stated_decay() -> None:
    network = torch.nn.Linear(1, 1, bias=False)
    average = WeightAverage(network, 0.5)
    expected = network.weight.item()
    for step in range(1, 40):
        torch.nn.init.constant_(network.weight, step)
        average.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
    with average.applied():
        assert network.weight.item() == pytest.approx(expected)
    assert network.weight.item() == 39


def test_statistics_of_the_base_model_are_kept_only_when_asked(
    run: Path, dataset: Path, tmp_path: Path
) -> None:
    base = Path(shutil.copytree(checkpoints(run)[-1], tmp_path / "base"))
    file = base / "statistics.json"
    statistics = json.loads(file.read_text())
    statistics["new_embodiment"]["action"]["grip"]["max"] = [7.0]
    file.write_text(json.dumps(statistics))
    given = options(dataset, Path("unused"), "second", base_model=str(base))
    for keep in (True, False):
        prepared = prepare_training(make_config({**given, "keep_statistics": keep}))
        found = prepared.statistics["new_embodiment"]["action"]["grip"]["max"]
        assert (found == [7.0]) == keep
        assert prepared.parts[0].was_trained
    with pytest.raises(UserError, match="begins from nothing"):
        make_config({**given, "base_model": "tiny", "keep_statistics": True})
    file.write_text(json.dumps({"other": statistics["new_embodiment"]}))
    with pytest.raises(UserError, match="no statistics of new_embodiment to keep, only of other"):
        prepare_training(make_config({**given, "keep_statistics": True}))
