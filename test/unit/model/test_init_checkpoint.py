"""`groot-ros init-checkpoint` for every variant."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from checkpoints import observation
from one_arm import ONE_ARM

from groot_ros.cli.main import parse
from groot_ros.codecs.catalog import find_codec
from groot_ros.errors import UserError
from groot_ros.model.inference.loaded import Groot
from groot_ros.model.processing.modality import ActionFormat, ActionType
from groot_ros.robot.config import load_robot


def run(*arguments: str) -> int:
    return parse(["init-checkpoint", *arguments])()


@pytest.mark.parametrize("variant", ONE_ARM)
def test_the_codec_understands_the_answer(variant: str, tmp_path: Path) -> None:
    assert run("--variant", variant, "--output", str(tmp_path / "out")) == 0
    groot = Groot.load(tmp_path / "out")
    codec = find_codec(variant).codec(load_robot("sim"))
    features = codec.features
    assert groot.modality.state == {feature.key: feature.size for feature in features.state}
    assert groot.modality.video_keys == tuple(features.video)
    assert groot.modality.horizon == codec.timing.horizon
    steps = codec.decode(groot.predict(observation(groot.modality), seed=0))
    assert steps.steps == 16
    relative = groot.modality.actions[0].config
    assert relative.relative is find_codec(variant).relative
    if relative.relative:
        is_pose = groot.modality.actions[0].key == "ee_pose"
        expected = (
            (ActionType.EEF, ActionFormat.XYZ_ROT6D)
            if is_pose
            else (ActionType.NON_EEF, ActionFormat.DEFAULT)
        )
        assert (relative.type, relative.format) == expected


def test_what_the_handshake_reads(tmp_path: Path) -> None:
    run("--variant", "ee_rot6d_joints", "--output", str(tmp_path / "out"))
    metadata = json.loads((tmp_path / "out" / "groot_ros.json").read_text())
    robot = load_robot("sim")
    assert metadata["variant"] == metadata["codec"] == "ee_rot6d_joints"
    assert metadata["joints"] == list(robot.observations.joint_position.joints)
    assert metadata["cameras"] == {"exterior_image_1": "exterior", "wrist_image": "wrist"}
    assert metadata["base_frame"] == "fr3_link0"
    np.testing.assert_allclose(metadata["action_rate_hz"], 15.0, rtol=1e-6)


def test_answers_stay_in_the_robots_workspace(tmp_path: Path) -> None:
    run("--variant", "joints_traj", "--output", str(tmp_path / "out"))
    groot, limits = Groot.load(tmp_path / "out"), load_robot("sim").limits
    joints = groot.predict(observation(groot.modality), seed=0)["joint_position"]
    assert np.all(joints > limits.joint_lower) and np.all(joints < limits.joint_upper)


@pytest.mark.parametrize("variant", ["ee", "ee_rot6d_joints_rel", "joints_traj"])
def test_the_older_version(variant: str, tmp_path: Path) -> None:
    run("--variant", variant, "--gr00t", "N1.6", "--output", str(tmp_path / "out"))
    groot = Groot.load(tmp_path / "out")
    assert groot.network.config.version.name == "N1.6"
    codec = find_codec(variant).codec(load_robot("sim"))
    assert codec.decode(groot.predict(observation(groot.modality), seed=0)).steps == 16


def test_an_unknown_variant(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="codec 'nothing' is unknown"):
        run("--variant", "nothing", "--output", str(tmp_path / "out"))
