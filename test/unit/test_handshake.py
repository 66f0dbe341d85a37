"""A checkpoint is compared with variant and robot before anything moves."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from droid_folder import write_droid
from one_arm import ONE_ARM
from served_models import gr00t_server, openpi_server, positronic_server

from groot_ros.cli.main import main, parse
from groot_ros.codecs.catalog import codec_path, find_codec
from groot_ros.errors import UserError
from groot_ros.observation.types import Observation
from groot_ros.policies.checkpoint.config import LocalPolicyConfig
from groot_ros.policies.checkpoint.local import LoadedModel, load_model
from groot_ros.policies.factory import PolicyChoice, make_policy
from groot_ros.policies.remote.connection import Handshake, RemoteConfig
from groot_ros.policies.remote.handshake import check_remote_fit
from groot_ros.robot.config import load_robot, robot_path
from groot_ros.signals.signals import arm_signals

ROBOT = load_robot("sim")
SERVER = RemoteConfig("gr00t://box:5555", token_env="TOKEN")
HISTORIES = ("history of state", "history of video")
LAUNCHED = Path(__file__).parents[2] / "launch" / "policy.launch.py"
LAUNCH_ARGUMENTS = set(re.findall(r'"([a-z_]+)"', LAUNCHED.read_text()))


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One untrained checkpoint for each variant."""
    root = tmp_path_factory.mktemp("checkpoints")
    for name in ONE_ARM:
        assert main(["init-checkpoint", f"--variant={name}", f"--output={root / name}"]) == 0
    return root


def choice(checkpoints: Path, checkpoint: str, variant: str) -> PolicyChoice:
    return PolicyChoice(
        "local", variant, LocalPolicyConfig(str(checkpoints / checkpoint), device="cpu")
    )


def observation() -> Observation:
    rng = np.random.default_rng(0)
    return Observation(
        stamp_ns=5,
        images={
            name: rng.integers(0, 255, (48, 64, 3), np.uint8) for name in ("exterior", "wrist")
        },
        instruction="pick up the red cube",
        signals=arm_signals(
            ee_pose=np.array([0.5, 0.1, 0.3, 0.0, 1.0, 0.0, 0.0]),
            joint_position=np.array([0.0, -0.8, 0.0, -2.3, 0.0, 1.5, 0.8]),
            grip=0.2,
        ),
    )


def test_a_small_network_takes_one_thread_unless_the_user_says_how_many(
    checkpoints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = torch.get_num_threads()
    for said, threads in (("2", 2), ("", 1)):
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        if said:
            monkeypatch.setenv("OMP_NUM_THREADS", said)
        torch.set_num_threads(2)
        make_policy(choice(checkpoints, "ee", "ee"), ROBOT).open()
        assert torch.get_num_threads() == threads
    torch.set_num_threads(before)


@pytest.mark.parametrize("variant", ONE_ARM)
def test_every_variant_answers_a_finite_chunk(checkpoints: Path, variant: str) -> None:
    policy = make_policy(choice(checkpoints, variant, variant), ROBOT)
    policy.open()
    chunk = policy.predict(observation())
    assert (chunk.stamp_ns, len(chunk)) == (5, 16)
    assert 1e9 / chunk.step_ns == pytest.approx(15.0, abs=0.01)
    motion = "joint_position" if variant.startswith("joints") else "ee_pose"
    assert list(chunk.signals) == [motion, "grip"]
    assert np.all(np.isfinite(chunk.signals[motion]))
    assert np.all((chunk.signals["grip"] >= 0) & (chunk.signals["grip"] <= 1))
    policy.close()
    policy.open()
    assert len(policy.predict(observation())) == 16


@pytest.mark.parametrize(
    ("checkpoint", "variant", "row"),
    [
        ("ee_rot6d_joints", "ee_joints", "ee_pose[9]"),
        ("ee_rot6d_joints", "ee_rot6d", "variant:=auto robot:=sim checkpoints_dir:="),
        ("ee_rot6d", "ee_rot6d_joints", "joint_position[7]"),
        ("ee_rot6d_rel", "ee_rot6d", "relative"),
        ("ee_rot6d", "ee_rot6d_traj", "codec"),
        ("joints_traj", "ee", "joint_position[7] grip[1]"),
    ],
)
def test_another_variant_is_refused_with_a_table(
    checkpoints: Path, checkpoint: str, variant: str, row: str
) -> None:
    policy = make_policy(choice(checkpoints, checkpoint, variant), ROBOT)
    with pytest.raises(UserError) as caught:
        policy.open()
    table = str(caught.value)
    assert f"does not fit variant {variant} and robot sim" in table
    assert row in table and "how to mend it" in table


def test_another_robot_is_refused_with_a_table(checkpoints: Path) -> None:
    streams = ROBOT.observations
    joints = dataclasses.replace(
        streams.joint_position, joints=streams.joint_position.joints[::-1]
    )
    camera = dataclasses.replace(streams.cameras["wrist"], key="left_wrist_image")
    cameras = {"exterior": streams.cameras["exterior"], "wrist": camera}
    observations = dataclasses.replace(streams, joint_position=joints, cameras=cameras)
    robot = dataclasses.replace(ROBOT, observations=observations, base_frame="world")
    policy = make_policy(choice(checkpoints, "ee_rot6d_joints", "ee_rot6d_joints"), robot)
    with pytest.raises(UserError) as caught:
        policy.open()
    rows = str(caught.value).splitlines()
    assert [row.split("  ")[1] for row in rows[2:]] == ["cameras", "joints", "base frame"]
    assert_commands(rows[2:])


def test_a_checkpoint_of_a_robot_that_does_not_ship_says_what_it_was_made_for(
    checkpoints: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "my checkpoint"
    shutil.copytree(checkpoints / "ee_rot6d", folder)
    own = folder / "groot_ros.json"
    own.write_text(json.dumps(json.loads(own.read_text()) | {"robot": "lab"}))
    file = tmp_path / "my robot.yaml"
    file.write_text(robot_path("ur5e").read_text().replace("robot: ur5e", "robot: mine"))
    shown = f"groot-ros robot check '{file}' --base-frame fr3_link0 --joints fr3_joint1 "
    for variant, remedy in (("ee_rot6d", shown), ("ee", f"robot:='{file}' ")):
        with pytest.raises(UserError) as caught:
            make_policy(
                PolicyChoice("local", variant, LocalPolicyConfig(str(folder))), load_robot(file)
            ).open()
        rows = str(caught.value).splitlines()[2:]
        assert any(remedy in row for row in rows)
        assert_commands(rows)


def assert_commands(rows: list[str]) -> None:
    """The last column of each is a command that the launch file or the verb takes."""
    for row in rows:
        command = shlex.split(re.search(r"(groot-ros|ros2 launch) .*", row)[0])  # type: ignore[index]
        if command[0] == "groot-ros":
            parse(command[1:])
            continue
        assert command[:4] == ["ros2", "launch", "groot_ros", "policy.launch.py"]
        given = dict(argument.split(":=", 1) for argument in command[4:])
        assert set(given) <= LAUNCH_ARGUMENTS, row
        load_robot(given["robot"])
        if given["variant"] != "auto":
            find_codec(given["variant"])


@pytest.mark.parametrize(
    ("handshake", "variant", "robot", "kinds", "remedy"),
    [
        (
            Handshake(description={"variant": "ee_rot6d", "codec": "ee_rot6d"}),
            "ee",
            "sim",
            ["codec"],
            "policy_url:=gr00t://box:5555 policy_token_env:=TOKEN variant:=ee_rot6d",
        ),
        (
            Handshake(description={"base_frame": "world", "robot": "franka"}),
            "ee",
            "sim",
            ["base frame"],
            "robot:=franka policy:=remote",
        ),
        (
            Handshake(description={"base_frame": "world", "joints": ["a"], "robot": "lab"}),
            "ee_rot6d_joints",
            "sim",
            ["joints", "base frame"],
            "groot-ros robot check sim --base-frame world --joints a",
        ),
        (
            Handshake(
                description={},
                state_keys=("ee_pose", "grip"),
                action_keys=("ee_pose", "grip"),
                video_keys=("exterior_image_1", "wrist_image"),
                relative=False,
            ),
            "joints_rel",
            "sim",
            ["state", "action", "actions"],
            "variant:=ee",
        ),
        (
            # Its codec under another name: it is not drafted once more.
            Handshake(
                description={
                    "variant": "lab",
                    "codec_file": find_codec("ee").values,
                    "robot": "franka",
                },
                state_keys=("ee_pose", "grip"),
                video_keys=("top",),
            ),
            "ee",
            "sim",
            ["cameras"],
            "robot:=franka policy:=remote policy_url:=gr00t://box:5555",
        ),
        (
            Handshake(
                description={"codec_file": "nonsense"},
                state_keys=("arm",),
                action_keys=("arm",),
                video_keys=("top",),
                state_history=(-1, 0),
                video_history=(-1, 0),
                pictures={"wrist_image": (1, 2, "crop")},
            ),
            "ee",
            "sim",
            ["state", "action", "cameras", "picture wrist_image", *HISTORIES],
            "codec draft --url gr00t://box:5555 --token-env TOKEN --robot sim --output mine.yaml",
        ),
    ],
)
def test_what_mends_a_server_that_does_not_fit_is_a_command(
    handshake: Handshake, variant: str, robot: str, kinds: list[str], remedy: str
) -> None:
    file, config = find_codec(variant), load_robot(robot)
    with pytest.raises(UserError) as caught:
        check_remote_fit(SERVER, handshake, file, file.codec(config), config)
    rows = str(caught.value).splitlines()[2:]
    assert [row.split("  ")[1] for row in rows] == kinds
    assert all(remedy in row for row in rows)
    assert_commands(rows)


def test_users_files_that_are_named_like_shipped_ones_are_told_by_their_paths(
    tmp_path: Path,
) -> None:
    (codec := tmp_path / "ee.yaml").write_text(codec_path("ee").read_text())
    (own := tmp_path / "sim.yaml").write_text(robot_path("sim").read_text())
    file, robot = find_codec(str(codec)), load_robot(own)
    for told, words in (
        ({"robot": "franka"}, f"variant:={codec}"),
        ({}, f"groot-ros robot check {own} "),
    ):
        handshake = Handshake(description={"base_frame": "world", **told})
        with pytest.raises(UserError) as caught:
            check_remote_fit(SERVER, handshake, file, file.codec(robot), robot)
        rows = str(caught.value).splitlines()[2:]
        assert words in rows[0]
        assert_commands(rows)


def test_without_a_checkpoint_there_is_one_sentence() -> None:
    policy = make_policy(PolicyChoice("local", "ee"), ROBOT)
    with pytest.raises(UserError, match="checkpoints_dir is empty: give the folder"):
        policy.open()
    with pytest.raises(UserError, match="policy 'magic' is unknown, expected one of local, re"):
        make_policy(PolicyChoice("magic", "ee"), ROBOT)


def test_the_last_column_drafts_a_codec_that_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_droid(tmp_path / "droid", (-15, 0))
    robot = load_robot("franka")
    with pytest.raises(UserError) as caught:
        make_policy(PolicyChoice("local", "ee", LocalPolicyConfig(str(folder))), robot).open()
    rows = str(caught.value).splitlines()[2:]
    kinds = ["state", "action", "cameras", "actions", "history of video"]
    assert [row.split("  ")[1] for row in rows] == kinds
    commands = {row.partition("groot-ros ")[2] for row in rows}
    assert len(commands) == 1
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(commands.pop())) == 0
    make_policy(PolicyChoice("local", "mine.yaml", LocalPolicyConfig(str(folder))), robot).open()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    """A model whose codec does not ship."""
    folder = tmp_path_factory.mktemp("lab")
    text = (
        codec_path("ee_rot6d_joints").read_text().replace("codec: ee_rot6d_joints", "codec: lab")
    )
    (file := folder / "lab.yaml").write_text(text.replace("width: 224", "width: 320"))
    made = ["init-checkpoint", f"--variant={file}", f"--output={folder / 'model'}"]
    assert main(made) == 0
    config = LocalPolicyConfig(str(folder / "model"), device="cpu")
    return load_model(config, find_codec(str(file)), ROBOT)


@pytest.mark.parametrize("server", [gr00t_server, positronic_server, openpi_server])
def test_the_last_column_takes_the_codec_of_a_server_of_this_package(
    server: Any, lab: LoadedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOKEN", "secret")
    with server(lab, token="secret") as url:
        config = RemoteConfig(url, token_env="TOKEN")
        with pytest.raises(UserError) as caught:
            make_policy(PolicyChoice("remote", "ee", remote=config), ROBOT).open()
        rows = str(caught.value).splitlines()[2:]
        assert any(row.split("  ")[1] == "codec" for row in rows)
        commands = {row.partition("groot-ros ")[2] for row in rows}
        assert len(commands) == 1
        assert main(shlex.split(commands.pop())) == 0
        assert find_codec("mine.yaml").values == lab.variant.values
        policy = make_policy(PolicyChoice("remote", "mine.yaml", remote=config), ROBOT)
        policy.open()
        assert len(policy.predict(observation())) == 16
        policy.close()
