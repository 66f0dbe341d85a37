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
from typing import Any

import numpy as np
import pytest
import zmq
from served_models import GENEROUS_S, gr00t_server, observation

from groot_ros.cli.main import main
from groot_ros.codecs.catalog import find_codec
from groot_ros.model.inference.loaded import Groot
from groot_ros.model.inference.selfcheck import seeded_observation
from groot_ros.model.processing.modality import ActionConfig, ActionKey
from groot_ros.model.tiny.init import CheckpointSpec, init_checkpoint
from groot_ros.model.tiny.tabletop import Workspace
from groot_ros.policies.checkpoint.config import LocalPolicyConfig
from groot_ros.policies.checkpoint.folder import shipped_checkpoint
from groot_ros.policies.checkpoint.local import LocalPolicy
from groot_ros.policies.remote.connection import RemoteConfig
from groot_ros.policies.remote.policy import RemotePolicy
from groot_ros.robot.config import load_robot
from groot_ros.serving.checkpoints import LocalCheckpoints
from groot_ros.serving.native import NativeModel
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


# Keys and horizons as NVIDIA's harness has them: gr00t/configs/data/embodiment_configs.py.
SIX = ("x", "y", "z", "roll", "pitch", "yaw")
TASK = "annotation.human.action.task_description"
HARNESS = {
    "libero_sim": (2, ("image", "wrist_image"), (*SIX, "gripper"), TASK, 40),
    "simpler_env_widowx": (1, ("image_0",), (*SIX, "pad", "gripper"), TASK, 8),
    "simpler_env_google": (
        0,
        ("image",),
        ("x", "y", "z", "rx", "ry", "rz", "rw", "gripper"),
        TASK,
        8,
    ),
    "gr1": (20, ("ego_view",), ("left_arm", "left_hand"), "task", 16),
}


@pytest.fixture(scope="module")
def simulators(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of several of NVIDIA's embodiments, in their slots."""
    folder = tmp_path_factory.mktemp("simulators") / "base"
    action = [ActionKey(key, 1, ActionConfig()) for key in (*SIX, "gripper")]
    spec = CheckpointSpec(
        state=dict.fromkeys((*SIX, "gripper"), 1),
        actions=action,
        video_keys=["image"],
        language_key=TASK,
        workspace=Workspace(np.zeros((2, 3))),
        horizon=40,
        embodiments=[f"slot_{slot}" for slot in range(32)],
    )
    init_checkpoint(folder, spec)
    config = json.loads((folder / "processor_config.json").read_text())
    modalities, statistics = {}, {}
    for tag, (_, cameras, state, language, horizon) in HARNESS.items():
        actions = state if tag == "gr1" else (*SIX, "gripper")
        keys = {"video": cameras, "state": state, "action": actions, "language": [language]}
        modalities[tag] = {
            part: {"modality_keys": list(names), "delta_indices": [0]}
            for part, names in keys.items()
        }
        modalities[tag]["action"]["delta_indices"] = list(range(horizon))
        of_one = {"min": [-1.0], "max": [1.0], "mean": [0.0], "std": [0.5]}
        of_one |= {"q01": [-1.0], "q99": [1.0]}
        statistics[tag] = {
            "state": dict.fromkeys(state, of_one),
            "action": dict.fromkeys(actions, of_one),
        }
    config["processor_kwargs"]["modality_configs"] = modalities
    for name, content in (
        ("processor_config", config),
        ("statistics", statistics),
        ("embodiment_id", {tag: entry[0] for tag, entry in HARNESS.items()}),
    ):
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize("tag", HARNESS)
@pytest.mark.parametrize("form", nvidia_wire.Form)
def test_nvidias_harness_gets_what_its_simulators_ask(
    simulators: Path, tag: str, form: nvidia_wire.Form
) -> None:
    slot, cameras, state, language, horizon = HARNESS[tag]
    model = NativeModel.load(LocalPolicyConfig(str(simulators), device="cpu"), tag)
    assert model.modality.slot == slot
    # Two environments side by side, which send more than the checkpoint reads.
    seen: dict[str, Any] = {
        **{f"video.{key}": np.zeros((2, 1, 256, 320, 3), np.uint8) for key in (*cameras, "other")},
        **{f"state.{key}": np.zeros((2, 1, 1), np.float32) for key in (*state, "other")},
        "annotation.human.coarse_action" if language == "task" else language: ("a", "b"),
    }
    with (
        gr00t_server(model) as url,
        zmq.Context() as context,
        context.socket(zmq.REQ) as socket,
    ):
        socket.set(zmq.LINGER, 0)
        socket.set(zmq.RCVTIMEO, int(GENEROUS_S * 1e3))
        socket.connect(url.replace("gr00t://", "tcp://"))

        def ask(observation: dict[str, Any]) -> Any:
            data = {"observation": observation, "options": None}
            socket.send(nvidia_wire.pack({"endpoint": "get_action", "data": data}, form))
            return nvidia_wire.unpack(socket.recv())

        actions, _ = ask(seen)
        assert actions.keys() == {f"action.{key.key}" for key in model.modality.actions}
        for values in actions.values():
            assert values.shape == (2, horizon, 1) and values.dtype == np.float32
        for key in list(seen):
            name = key.rpartition(".")[2]
            if name == "other":
                continue
            wrong = {(f"{k}_" if k == key else k): value for k, value in seen.items()}
            error = ask(wrong)["error"]
            part = key.partition(".")[0]
            expected = f"no {part} '{name}'" if part in ("video", "state") else "no language"
            assert expected in error and "get_modality_config" in error, error
            assert f"{name}_'" in error


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
