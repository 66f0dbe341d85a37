"""Bags of two arms to a dataset, a network, and its answers for both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from arm_bags import ArmBag, conversion, joints, pose, write_bag
from two_arms import ARMS, LEAD_S, closure, messages, own_time, robot_values

from groot_ros.cli.main import main
from groot_ros.data.bags.reader import open_bag
from groot_ros.data.conversion.convert import convert
from groot_ros.data.conversion.verify import live_observations, verify
from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.playback.episode_choice import EpisodeChoice
from groot_ros.data.playback.episodes import find_episodes
from groot_ros.data.playback.replay import BagSource
from groot_ros.data.review.validate import validate
from groot_ros.errors import UserError
from groot_ros.geometry import pose_to_pose9
from groot_ros.policies.checkpoint.config import LocalPolicyConfig
from groot_ros.policies.factory import AUTO, PolicyChoice, chosen_codec, make_policy
from groot_ros.robot.config import load_robot, parse_robot
from groot_ros.sim.rehearsal.rehearse import Conditions, rehearse

SECONDS = 2.0


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bags") / "bag"
    return write_bag(path, messages(ArmBag(seconds=SECONDS, camera_hz=15.0)))


@pytest.fixture(scope="module")
def robot_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("robots") / "pair.yaml"
    path.write_text(yaml.safe_dump(robot_values()))
    return path


def converted(bag: Path, robot_file: Path, codec: str, folder: Path) -> Dataset:
    report = convert(conversion(bag, folder, codec=codec, robot=str(robot_file)))
    assert report.exit_code == 0 and validate(folder).problems == []
    assert verify(bag, str(robot_file), codec, folder).is_equal
    return Dataset(folder)


def test_joints_and_grippers_of_two_arms_are_fourteen_numbers_and_two(
    bag: Path, robot_file: Path, tmp_path: Path
) -> None:
    dataset = converted(bag, robot_file, "joints_2", tmp_path / "out")
    keys = ["left_joint_position", "left_grip", "right_joint_position", "right_grip"]
    assert list(dataset.places("action")) == keys == list(dataset.places("state"))
    assert dataset.own["joints"][6:8] == ["left/fr3_joint7", "right/fr3_joint1"]
    [episode] = dataset.episodes
    columns = dataset.columns(episode)
    rows, times_s = columns["action"], columns["timestamp"]
    assert rows.shape[1] == 16 and len(rows) > 20
    # All arms of a row are of one time, each where its own leader is then.
    begin_s = rows[0, 0] / 0.05 - 2.0 - LEAD_S
    for index, arm in enumerate(ARMS):
        wanted = [joints(own_time(arm, begin_s + t + LEAD_S)) for t in times_s]
        np.testing.assert_allclose(rows[:, 8 * index : 8 * index + 7], wanted, atol=1e-5)
        grips = [closure(arm, begin_s + t + LEAD_S) for t in times_s]
        np.testing.assert_allclose(rows[:, 8 * index + 7], grips, atol=0.021)


def test_a_tiny_network_learns_from_two_arms_and_answers_for_both(
    bag: Path, robot_file: Path, tmp_path: Path
) -> None:
    dataset, runs = tmp_path / "dataset", tmp_path / "runs"
    arguments = ["--bags", str(bag), "--robot", str(robot_file), "--codec", "joints_2_rel"]
    assert (
        main(["convert", *arguments, "--workers=1", "--instruction=lift", f"--output={dataset}"])
        == 0
    )
    train = [f"--input_path={dataset}", f"--output_path={runs}", "--exp_name=a"]
    train += ["--modality_config=joints_2_rel", "--base_model=tiny", "--num_train_steps=2"]
    assert main(["train", *train, "--batch_size=2", "--save_steps=2"]) == 0
    robot = load_robot(robot_file)
    choice = PolicyChoice("local", AUTO, LocalPolicyConfig(str(runs / "a"), device="cpu", seed=1))
    codec = chosen_codec(choice).codec(robot)
    policy = make_policy(choice, robot)
    policy.open()
    with open_bag(bag) as opened:
        [episode] = find_episodes(opened, EpisodeChoice(instruction="lift"))
        observation = list(live_observations(BagSource(opened, robot, codec), episode, ()))[-1]
    chunk = policy.predict(observation)
    for arm in ARMS:
        targets = chunk.signals[f"{arm}/joint_position"]
        assert targets.shape == (16, 7)
        # Whatever two steps have learned, each arm's is relative to where that arm is.
        assert np.abs(targets - observation.signals[f"{arm}/joint_position"]).max() < 0.3
        assert chunk.signals[f"{arm}/grip"].shape == (16,)
    # The motion of the bag is none that keeps the arms' own ranges.
    values = robot_values()
    for each in values["arms"].values():
        each["limits"] |= {"joint_lower": [-4.0] * 7, "joint_upper": [4.0] * 7}
    wide = parse_robot(values, "pair.yaml")
    [result] = rehearse(policy, wide, [bag], Conditions(instruction="lift"))
    assert len(result.times_ns) > 100 and len(result.executed[-1]) == 14
    assert [done.refused for done in result.chunks if done.refused] == []
    moved = np.ptp(np.array(result.executed), axis=0)
    assert moved[:7].max() > 0.0 and moved[7:].max() > 0.0


def test_poses_of_two_hands_are_those_of_their_own_commands(
    bag: Path, robot_file: Path, tmp_path: Path
) -> None:
    dataset = converted(bag, robot_file, "ee_rot6d_2", tmp_path / "out")
    [episode] = dataset.episodes
    columns = dataset.columns(episode)
    rows, times_s = columns["action"], columns["timestamp"]
    begin_s = (rows[0, 0] - 0.4) / 0.05 - LEAD_S
    for index, arm in enumerate(ARMS):
        wanted = [pose_to_pose9(pose(own_time(arm, begin_s + t + LEAD_S))) for t in times_s]
        np.testing.assert_allclose(rows[:, 10 * index : 10 * index + 9], wanted, atol=1e-4)


def test_a_codec_of_one_arm_names_what_a_pair_has_instead(bag: Path, robot_file: Path) -> None:
    with pytest.raises(UserError, match=r"no observations.joint_pos.* mean left/joint"):
        chosen = PolicyChoice("sway", "joints", LocalPolicyConfig("", device="cpu", seed=1))
        chosen_codec(chosen).codec(load_robot(robot_file))
