"""A leader arm's bag to a policy of joint targets that the robot's executor follows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import yaml
from arm_bags import ArmBag, write_bag
from label_bags import observed, robot_values
from test_labels import LABELS, SECONDS, leader

from groot_ros.cli.main import main
from groot_ros.data.bags.reader import open_bag
from groot_ros.data.conversion.verify import live_observations
from groot_ros.data.playback.episode_choice import EpisodeChoice
from groot_ros.data.playback.episodes import find_episodes
from groot_ros.data.playback.replay import BagSource
from groot_ros.policies.checkpoint.config import LocalPolicyConfig
from groot_ros.policies.factory import AUTO, PolicyChoice, chosen_codec, make_policy
from groot_ros.robot.config import load_robot
from groot_ros.sim.rehearsal.rehearse import Conditions, rehearse


def test_joint_targets_from_a_leader_to_the_executor(tmp_path: Path) -> None:
    robot_file, dataset, runs = tmp_path / "mine.yaml", tmp_path / "dataset", tmp_path / "runs"
    values = robot_values(LABELS)
    # The motion of the bag is none of this arm's.
    del values["limits"]["points"]
    values["limits"] |= {"joint_lower": [-4.0] * 7, "joint_upper": [4.0] * 7}
    robot_file.write_text(yaml.safe_dump(values))
    arm = ArmBag(seconds=SECONDS)
    bag = write_bag(tmp_path / "bag", [*observed(arm), *leader(arm)])
    convert = ["--bags", str(bag), "--robot", str(robot_file), "--codec", "joints_rel"]
    assert (
        main(["convert", *convert, "--workers=1", "--instruction=push", f"--output={dataset}"])
        == 0
    )
    assert main(["validate", str(dataset)]) == 0
    train = [f"--input_path={dataset}", f"--output_path={runs}", "--exp_name=a"]
    train += ["--modality_config=joints_rel", "--base_model=tiny", "--num_train_steps=2"]
    assert main(["train", *train, "--batch_size=2", "--save_steps=2"]) == 0
    [processor] = sorted((runs / "a").rglob("processor_config.json"))[:1]
    text = json.loads(processor.read_text())
    [config] = text["processor_kwargs"]["modality_configs"].values()
    kinds = config["action"]["action_configs"]
    assert [(kind["rep"], kind["type"]) for kind in kinds] == [
        ("RELATIVE", "NON_EEF"),
        ("ABSOLUTE", "NON_EEF"),
    ]

    robot = load_robot(robot_file)
    choice = PolicyChoice("local", AUTO, LocalPolicyConfig(str(runs / "a"), device="cpu", seed=1))
    codec = chosen_codec(choice).codec(robot)
    policy = make_policy(choice, robot)
    policy.open()
    with open_bag(bag) as opened:
        [episode] = find_episodes(opened, EpisodeChoice(instruction="push"))
        source = BagSource(opened, robot, codec)
        observation = list(live_observations(source, episode, ()))[-1]
    chunk = policy.predict(observation)
    targets = chunk.signals["joint_position"]
    assert targets.shape == (16, 7) and np.all(np.isfinite(targets))
    # Whatever two steps have learned, it is relative to where the arm is.
    assert np.abs(targets - observation.signals["joint_position"]).max() < 0.2
    [result] = rehearse(policy, robot, [bag], Conditions(instruction="push"))
    assert len(result.times_ns) > 100
    assert [chunk.refused for chunk in result.chunks if chunk.refused] == []
