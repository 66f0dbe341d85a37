"""Positronic's client and server of 0.4.1, unchanged, against what is here."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from served_models import (
    GENEROUS_S,
    RecordingModel,
    expected_steps,
    observation,
    positronic_server,
)

from groot_ros.codecs.catalog import find_codec
from groot_ros.policies.remote.codec_draft import told_by_server
from groot_ros.policies.remote.connection import RemoteConfig
from groot_ros.policies.remote.policy import RemotePolicy
from groot_ros.robot.config import load_robot
from groot_ros.wire.positronic import to_flat

# Of its many requirements, those that its client and its description of GR00T import.
POSITRONIC = (
    (
        "positronic-model-server[websocket]==0.3.1",
        "positronic-eval-vocabulary==0.6.0",
        "opentelemetry-api",
        "scipy",
        "configuronic",
        "pos3",
        "attrs",
        "coloredlogs",
        "mujoco",
        "pydantic",
        "av",
        "pyarrow",
        "opencv-python-headless",
    ),
    ("--no-deps", "positronic==0.4.1"),
)
DROID = """
codec: droid
state:
  eef_9d: {signal: ee_pose, as: xyz_rot6d}
  gripper_position: {signal: grip}
  joint_position: {signal: joint_position}
action:
  eef_9d: {ignored: true, size: 9}
  gripper_position: {signal: grip}
  joint_position: {signal: joint_position}
video:
  exterior_image_1_left: {camera: exterior, size: {width: 320, height: 180}, fit: pad}
  wrist_image_left: {camera: wrist, size: {width: 320, height: 180}, fit: pad}
language: annotation.language.language_instruction
fps: 15
horizon: 40
"""


@pytest.mark.parametrize("version", [1, 3])
def test_positronics_client_is_answered(environment: Any, tmp_path: Path, version: int) -> None:
    theirs = environment("positronic", *POSITRONIC)
    model = RecordingModel()
    sent = tmp_path / "observation.npz"
    np.savez(sent, **to_flat(observation(0.4)))
    options = {"token": "secret", "protocol": version, "ee_site": "gripper"}
    with positronic_server(model, **options) as url:
        got = json.loads(theirs.run("positronic_client.py", url.rsplit(":", 1)[1], sent))
    assert (got["version"], got["alive"], len(got["grips"])) == (version, None, 16)
    meant = expected_steps(model, observation(0.4))
    np.testing.assert_allclose(got["poses"], meant["ee_pose"][:, :3], atol=1e-5)
    np.testing.assert_allclose(got["grips"], meant["grip"], atol=1e-6)
    assert bool(got["frames"]) is (version == 1)


def test_positronics_server_of_groot_is_understood(
    environment: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = environment("positronic", *POSITRONIC)
    monkeypatch.setenv("POLICY_TOKEN", "secret")
    codec = tmp_path / "droid.yaml"
    codec.write_text(DROID)
    command = theirs.command("positronic_droid_server.py")
    pipes = {name: subprocess.PIPE for name in ("stdin", "stdout")}
    with subprocess.Popen(command, env=theirs.variables, text=True, **pipes) as server:
        assert server.stdin and server.stdout
        url = f"ws://127.0.0.1:{int(server.stdout.readline())}"
        drafted = told_by_server(url, "oxe_droid_relative_eef_relative_joint", "POLICY_TOKEN")
        config = RemoteConfig(url, GENEROUS_S, token_env="POLICY_TOKEN")
        policy = RemotePolicy(config, find_codec(str(codec)), load_robot("sim"))
        policy.open()
        seen = observation(0.4)
        chunk = policy.predict(seen)
        policy.close()
        server.stdin.close()
        drafts_end, asked, ended = json.loads(server.stdout.read())
    assert [key.key for key in drafted.state] == list(asked["state"])
    assert {key.key for key in drafted.action} == {"joint_position", "gripper_position"}
    assert dict(drafted.video) == dict.fromkeys(asked["video"], (320, 180))
    assert (drafted.fps, drafted.horizon) == (15, None)
    assert (len(chunk), chunk.step_ns) == (40, round(1e9 / 15))
    meant = seen.signals["joint_position"] + 0.001 * np.arange(40)[:, None]
    np.testing.assert_allclose(chunk.signals["joint_position"], meant, atol=1e-6)
    assert asked["video"]["wrist_image_left"] == [1, 1, 180, 320, 3]
    assert asked["state"]["eef_9d"] == [1, 1, 9] and asked["text"] == [["pick up the red cube"]]
    assert (drafts_end, ended) == ("ended", "ended")
