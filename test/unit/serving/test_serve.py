"""`groot-ros serve` with a real checkpoint, in a process of its own."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from served_models import GENEROUS_S, observation

from groot_ros.cli.main import main
from groot_ros.codecs.catalog import find_codec
from groot_ros.policies.checkpoint.folder import shipped_checkpoint
from groot_ros.policies.checkpoint.local import LocalPolicy, LocalPolicyConfig
from groot_ros.policies.remote.connection import RemoteConfig
from groot_ros.policies.remote.policy import RemotePolicy
from groot_ros.robot.config import load_robot
from groot_ros.serving.checkpoints import LocalCheckpoints

VARIANT = "ee_rot6d_rel"


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("experiment")
    output = folder / "checkpoint-000300"
    arguments = ["--size=tiny", f"--variant={VARIANT}", f"--output={output}"]
    assert main(["init-checkpoint", *arguments]) == 0
    return folder


@contextmanager
def serving(experiment: Path, protocol: str, *options: str) -> Iterator[str]:
    command = [sys.executable, "-m", "groot_ros.cli.verbs.serve", VARIANT, "--port", "0"]
    command += ["--checkpoints_dir", str(experiment), "--protocol", protocol, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        line = process.stdout.readline()
        found = re.search(r" at (\S+)$", line)
        assert found, line
        yield found[1]
        process.send_signal(signal.SIGINT)
        assert process.wait(GENEROUS_S) == 0


def test_checkpoints_have_the_names_that_clients_ask_for(experiment: Path) -> None:
    for folder, checkpoint in (
        (experiment, ""),
        (experiment, "checkpoint-000300"),
        (experiment / "checkpoint-000300", ""),
    ):
        checkpoints = LocalCheckpoints(LocalPolicyConfig(str(folder), checkpoint), VARIANT)
        assert checkpoints.default == "300" and checkpoints.names == ["300"]
        assert checkpoints.load("300").folder == experiment / "checkpoint-000300"


@pytest.mark.parametrize("protocol", ["gr00t", "positronic"])
def test_a_served_checkpoint_answers_like_one_in_this_process(
    experiment: Path, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "s3cret")
    variant, robot = find_codec(VARIANT), load_robot("sim")
    local = LocalPolicy(LocalPolicyConfig(str(experiment)), variant, robot)
    local.open()
    with serving(experiment, protocol, "--auth-token-env", "TOKEN") as url:
        remote = RemotePolicy(RemoteConfig(url, GENEROUS_S, token_env="TOKEN"), variant, robot)
        remote.open()
        here, there = local.predict(observation()), remote.predict(observation())
        remote.close()
    assert there.step_ns == here.step_ns and len(there) == len(here)
    # The untrained network hardly depends on the noise that it begins with.
    np.testing.assert_allclose(
        there.signals["ee_pose"][:, :3], here.signals["ee_pose"][:, :3], atol=0.02
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nonsense", f"--checkpoints_dir={shipped_checkpoint()}"], "codec 'nonsense' is unknown"),
        (["ee", "--checkpoints_dir=nowhere"], "checkpoints_dir 'nowhere' is not a folder"),
        (["ee", "--checkpoints_dir=x", "--auth-token-env=NOT_SET"], "NOT_SET holds no token"),
    ],
)
def test_mistakes_are_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", *arguments]) == 2
    assert sentence in capsys.readouterr().err


def test_the_benchmark_measures_every_protocol(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--requests=3", "--model-time=0", "--clients", "2", "--json"]
    assert main(["benchmark", "serve", *arguments]) == 0
    protocols = json.loads(capsys.readouterr().out)["protocols"]
    assert set(protocols) == {"gr00t", "positronic", "openpi"}
    for (row,) in protocols.values():
        assert row["clients"] == 2
        assert 0 < row["overhead_ms_p50"] <= row["overhead_ms_p99"] < GENEROUS_S * 1e3
