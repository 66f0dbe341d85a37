"""A wrench becomes a part of a model's state by a line in each of two files, and no code."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from arm_bags import ArmBag, write_bag
from test_signal_streams import TOPIC, wrenches

from groot_ros.cli.main import main
from groot_ros.codecs.catalog import codec_path
from groot_ros.data.bags.reader import open_bag
from groot_ros.data.conversion.verify import live_observations
from groot_ros.data.playback.episode_choice import EpisodeChoice
from groot_ros.data.playback.episodes import find_episodes
from groot_ros.data.playback.replay import BagSource
from groot_ros.policies.checkpoint.config import LocalPolicyConfig
from groot_ros.policies.factory import AUTO, PolicyChoice, chosen_codec, make_policy
from groot_ros.robot.config import load_robot, robot_path


def with_line(text: str, after: str, line: str) -> str:
    """A file's text with one more line."""
    assert after in text
    return text.replace(after, f"{after}\n{line}", 1)


def test_from_a_bag_to_what_the_policy_observes(tmp_path: Path) -> None:
    robot_file, codec_file = tmp_path / "cell.yaml", tmp_path / "feeling.yaml"
    text = robot_path("sim").read_text()
    robot_file.write_text(f"{text}\nsignals: {{wrench: {{topic: {TOPIC}}}}}\n")
    text = codec_path("ee_rot6d").read_text()
    codec_file.write_text(
        with_line(text, "  grip: {signal: grip}", "  wrench: {signal: wrench}")
        .replace("codec: ee_rot6d", "codec: feeling")
        .replace("modality_config: ee_rot6d\n", "")
    )
    arm = ArmBag(seconds=2.0)
    bag = write_bag(tmp_path / "bag", [*arm.messages(), *wrenches(arm)])

    dataset, runs = tmp_path / "dataset", tmp_path / "runs"
    convert = ["--bags", str(bag), "--robot", str(robot_file), "--codec", str(codec_file)]
    assert (
        main(["convert", *convert, "--workers=1", "--instruction=push", f"--output={dataset}"])
        == 0
    )
    modality = json.loads((dataset / "meta/modality.json").read_text())
    assert list(modality["state"]) == ["grip", "wrench", "ee_pose"]
    assert modality["state"]["wrench"] == {"start": 1, "end": 7}
    # Nothing but the dataset is needed from here on.
    codec_file.unlink()
    train = [f"--input_path={dataset}", f"--output_path={runs}", "--exp_name=a"]
    train += ["--modality_config=feeling", "--base_model=tiny", "--num_train_steps=2"]
    assert main(["train", *train, "--batch_size=2", "--save_steps=2"]) == 0

    robot = load_robot(robot_file)
    choice = PolicyChoice("local", AUTO, LocalPolicyConfig(str(runs / "a"), device="cpu", seed=1))
    file = chosen_codec(choice)
    assert (file.name, file.codec_name) == ("feeling", "feeling")
    policy = make_policy(choice, robot)
    assert "wrench" in policy.inputs.fields
    policy.open()
    codec = file.codec(robot)
    with open_bag(bag) as opened:
        [episode] = find_episodes(opened, EpisodeChoice(instruction="push"))
        observed = next(live_observations(BagSource(opened, robot, codec), episode, ()))
    columns = codec.encode(observed).state["wrench"]
    assert columns.shape == (1, 6)
    np.testing.assert_allclose(columns[0], observed.signals["wrench"])
    assert policy.predict(observed).signals["ee_pose"].shape == (16, 7)
    policy.close()
