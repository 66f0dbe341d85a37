"""openpi's client, unchanged, and the server for it; our client and a server of their messages."""

from __future__ import annotations

import json
import subprocess
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from served_models import GENEROUS_S, RecordingModel, expected_steps, observation
from test_websocket_servers import openpi, openpi_observation

from groot_ros.codecs.catalog import find_codec
from groot_ros.errors import UserError
from groot_ros.policies.remote.connection import RemoteConfig
from groot_ros.policies.remote.policy import RemotePolicy
from groot_ros.robot.config import load_robot

INSTALL = ("openpi-client==0.1.2", "typing-extensions")
CODEC = """
codec: pi05_droid
state:
  joint_position: {signal: joint_position}
  gripper_position: {signal: grip}
action:
  joint_position: {signal: joint_position}
  gripper_position: {signal: grip}
video:
  exterior_image_1_left: {camera: exterior}
  wrist_image_left: {camera: wrist}
fps: 15
"""


def test_openpi_client_is_answered(environment: Any, tmp_path: Path) -> None:
    theirs = environment("openpi", INSTALL)
    model = RecordingModel()
    sent = tmp_path / "observation.npz"
    np.savez(sent, **openpi_observation(model))
    with openpi(model, token="secret") as url:
        got = json.loads(theirs.run("openpi_ask.py", url.rsplit(":", 1)[1], sent))
    meant = expected_steps(model, observation(0.4))
    np.testing.assert_allclose(np.array(got["actions"])[:, :7], meant["ee_pose"], atol=1e-6)
    assert got["metadata"][-1] == "grip" and "infer_ms" in got["timing"]


def test_a_server_of_openpis_messages_is_asked(
    environment: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, codec, seen = environment("openpi", INSTALL), tmp_path / "codec.yaml", observation()
    codec.write_text(CODEC)
    monkeypatch.setenv("OPENPI_KEY", "secret")
    with subprocess.Popen(
        theirs.command("openpi_server.py"), env=theirs.variables, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout
        url = f"openpi://127.0.0.1:{int(server.stdout.readline())}"
        config = RemoteConfig(url, GENEROUS_S, token_env="OPENPI_KEY")
        policy = RemotePolicy(config, find_codec(str(codec)), load_robot("sim"))
        try:
            with closing(policy):
                policy.open()
                chunk = policy.predict(seen)
                with pytest.raises(UserError, match="says: ValueError: no prompt"):
                    policy.predict(replace(seen, instruction=""))
        finally:
            server.terminate()
    steps = np.arange(10)[:, None] * 0.01
    joints = seen.signals["joint_position"]
    np.testing.assert_allclose(chunk.signals["joint_position"], joints + steps, atol=1e-6)
    mean = np.mean(seen.images["exterior"]) / 255
    np.testing.assert_allclose(chunk.signals["grip"], mean, atol=1e-6)
