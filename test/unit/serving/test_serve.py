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
import zmq
from served_models import GENEROUS_S, observation

from groot_ros.cli.main import main
from groot_ros.codecs.catalog import find_codec
from groot_ros.model.inference.loaded import Groot
from groot_ros.model.inference.selfcheck import seeded_observation
from groot_ros.policies.checkpoint.config import LocalPolicyConfig
from groot_ros.policies.checkpoint.folder import shipped_checkpoint
from groot_ros.policies.checkpoint.local import LocalPolicy
from groot_ros.policies.remote.connection import RemoteConfig
from groot_ros.policies.remote.policy import RemotePolicy
from groot_ros.robot.config import load_robot
from groot_ros.serving.checkpoints import LocalCheckpoints
from groot_ros.wire import nvidia_wire
from groot_ros.wire.gr00t import to_observation

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
    what = [VARIANT, "--protocol", protocol] if protocol else []
    command = [sys.executable, "-m", "groot_ros.cli.main", "serve", *what, "--port", "0"]
    command += ["--checkpoints_dir", str(experiment), *options]
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


def test_a_checkpoint_is_served_in_its_own_keys_nested_and_flat(experiment: Path) -> None:
    folder = experiment / "checkpoint-000300"
    groot = Groot.load(folder, device="cpu")
    inputs = seeded_observation(groot.modality, groot.processor.numbers.statistics)
    here = groot.predict(inputs, seed=0)
    nested = to_observation(inputs, groot.modality.language_key, 0)
    flat = {
        **{f"video.{key}": array for key, array in nested["video"].items()},
        **{f"state.{key}": array for key, array in nested["state"].items()},
        groot.modality.language_key: [inputs.language],
    }
    with (
        serving(experiment, "", "--native", "--device", "cpu") as url,
        zmq.Context() as context,
        context.socket(zmq.REQ) as socket,
    ):
        socket.set(zmq.LINGER, 0)
        socket.connect(url.replace("gr00t://", "tcp://"))
        for seen, prefix in ((nested, ""), (flat, "action.")):
            request = {"endpoint": "get_action", "data": {"observation": seen}}
            socket.send(nvidia_wire.pack(request))
            assert socket.poll(GENEROUS_S * 1000)
            actions, _ = nvidia_wire.unpack(socket.recv())
            assert actions.keys() == {prefix + key for key in here}
            for key, values in here.items():
                assert actions[prefix + key].shape == (1, *values.shape)
                # The noise of the server is another one.
                np.testing.assert_allclose(actions[prefix + key][0], values, atol=0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "the variant is missing: .* or --native for none"),
        ([VARIANT, "--native"], "leave out the variant and --protocol"),
        (["--native", "--protocol", "positronic"], "leave out the variant and --protocol"),
        ([VARIANT, "--embodiment", "x"], "--embodiment is of --native alone"),
    ],
)
def test_what_contradicts_native_is_said(
    experiment: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert main(["serve", *options, "--checkpoints_dir", str(experiment)]) == 2
    assert re.search(message, capsys.readouterr().err)
