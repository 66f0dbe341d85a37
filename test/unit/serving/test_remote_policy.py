"""A policy whose model is in a server, whichever protocol it speaks: what it answers."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from remote_policies import SERVERS, opened, remote
from served_models import (
    RecordingModel,
    expected_steps,
    gr00t_server,
    observation,
    openpi_server,
    positronic_server,
)

from groot_ros.chunks.envelope import measure_envelope
from groot_ros.chunks.grading import Grade, Verdict
from groot_ros.cli.main import main
from groot_ros.codecs.catalog import find_codec
from groot_ros.codecs.draft import Foreign
from groot_ros.codecs.file import parse_codec
from groot_ros.errors import UserError
from groot_ros.observation.types import Prefix
from groot_ros.policies.remote.codec_draft import told_by_server
from groot_ros.policies.remote.connection import RemoteConfig, Scheme, Told, schemes
from groot_ros.policies.remote.policy import RemotePolicy
from groot_ros.policies.tried import chosen_strategy, remote_choice
from groot_ros.robot.config import load_robot
from groot_ros.sim.trials import Trials
from groot_ros.training.closed_loop import Evaluation, evaluate

ROOT = Path(__file__).parents[3]


def test_the_example_of_a_client_gets_its_chunk() -> None:
    example = runpy.run_path(str(ROOT / "examples/python/client.py"))
    model = RecordingModel("ee_rot6d_joints")
    with gr00t_server(model) as url:
        chunk = example["main"](url, "ee_rot6d_joints")
    assert chunk.signals.steps == 16
    assert model.asked[-1].language == "pick up the red cube"


@SERVERS
@pytest.mark.parametrize("variant", ["ee", "ee_rot6d_joints", "ee_rot6d_rel", "joints_traj"])
def test_chunks_are_those_of_the_model_in_this_process(server: Any, variant: str) -> None:
    model, seen = RecordingModel(variant), observation(0.42, stamp_ns=7)
    steps = expected_steps(model, seen)
    with server(model) as url, opened(url, variant) as policy:
        policy.reset("pick up the red cube")
        chunk = policy.predict(seen)
        assert (chunk.stamp_ns, chunk.step_ns, len(chunk)) == (7, model.step_ns, 16)
        for got, meant in (
            (chunk.signals.get("ee_pose"), steps.get("ee_pose")),
            (chunk.signals.get("joint_position"), steps.get("joint_position")),
            (chunk.signals.get("grip"), steps.get("grip")),
        ):
            if meant is None:
                assert got is None
            else:
                np.testing.assert_allclose(got, meant, atol=1e-6)
        assert chunk.round_trip.server_s > 0 and chunk.round_trip.network_s > 0
        local = model.codec.encode(seen)
        for key, video in model.asked[-1].video.items():
            np.testing.assert_array_equal(video, local.video[key])


@SERVERS
def test_jpeg_sends_pictures_that_are_nearly_the_same(server: Any) -> None:
    model, seen = RecordingModel(), observation()
    gradient = np.tile(np.arange(224, dtype=np.uint8)[:, None], (224, 1, 3))
    seen.images.update(wrist=gradient)  # type: ignore[attr-defined]
    with server(model) as url, opened(url, jpeg_quality=90) as policy:
        policy.predict(seen)
        video = model.asked[-1].video
        assert np.abs(video["wrist_image"][0].astype(int) - gradient).max() < 8
        noise = seen.images["exterior"]
        assert not np.array_equal(video["exterior_image_1"][0], noise)


@SERVERS
def test_a_server_of_another_variant_or_robot_is_refused(server: Any) -> None:
    with server(RecordingModel("ee_rot6d")) as url:
        with pytest.raises(UserError, match="does not fit variant ee_rot6d_joints"):
            remote(url).open()
        franka = RemotePolicy(RemoteConfig(url), find_codec("ee_rot6d"), load_robot("ur5e"))
        with pytest.raises(UserError, match="base frame"):
            franka.open()


@SERVERS
def test_the_token_comes_from_the_environment(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLICY_TOKEN", "secret")
    with server(RecordingModel(), token="secret") as url:
        with opened(url, token_env="POLICY_TOKEN") as policy:
            assert len(policy.predict(observation())) == 16
        with pytest.raises(UserError, match="[Tt]oken|Unauthorized"):
            remote(url).open()
        with pytest.raises(UserError, match="OTHER"):
            remote(url, token_env="OTHER").open()


@SERVERS
def test_the_envelope_of_the_checkpoint_grades_what_is_seen_here(server: Any) -> None:
    model = RecordingModel()
    rng = np.random.default_rng(0)
    episodes = [(rng.normal(size=(50, 17)), rng.normal(size=(50, 10))) for _ in range(3)]
    model.envelope = measure_envelope(model.codec.modality(), episodes, 10.0)
    with server(model) as url, opened(url) as policy:
        assert policy.predict(observation()).verdict == Verdict()
        policy.reset("again")
        strange = observation().replaced({"joint_position": np.full(7, 90.0)})
        verdict = policy.predict(strange).verdict
        assert verdict.grade is Grade.HOLD and "joint_position" in verdict.reason
    model.envelope = {"rate_hz": "nonsense"}
    with server(model) as url, pytest.raises(UserError, match="envelope"):
        remote(url).open()


def test_a_chunk_is_continued() -> None:
    model = RecordingModel("ee_rot6d")
    with gr00t_server(model) as url, opened(url, "ee_rot6d") as policy:
        assert policy.no_continuation == ""
        running_chunk = policy.predict(observation())
        policy.predict(observation(), Prefix(running_chunk, frozen_steps=3))
        continued = model.continued[-1]
        assert continued and continued.frozen_steps == 3
        codec = model.codec
        columns = codec.action.parts[0].columns(running_chunk.signals["ee_pose"])
        np.testing.assert_allclose(continued.steps["ee_pose"], columns, atol=1e-6)


@pytest.mark.parametrize(
    ("server", "scheme"), [(positronic_server, "ws"), (openpi_server, "openpi")]
)
def test_a_server_that_cannot_continue_a_chunk_is_known_when_it_is_opened(
    server: Any, scheme: str
) -> None:
    with server(RecordingModel()) as url, opened(url) as policy:
        assert policy.no_continuation == f"policies at {scheme}:// cannot continue a chunk"


@pytest.mark.parametrize(
    "url", ["", "host:5555", "http://host", "gr00t://", "ws://host:99999", "ws://" + 99 * "x"]
)
def test_a_url_that_is_none_is_named(url: str) -> None:
    with pytest.raises(UserError, match="policy_url"):
        remote(url)


def test_a_servers_model_is_tried_in_the_simulator() -> None:
    model = RecordingModel()
    with gr00t_server(model) as url:
        choice = remote_choice(url, "ee_rot6d_joints")
        assert chosen_strategy("auto", choice) == "auto"
        evaluation = Evaluation(choice, Trials("pick", 1, time_limit_s=0.5))
        (outcome,) = evaluate(evaluation)
    assert not outcome.succeeded and model.asked


def test_a_codec_is_drafted_from_a_server(capsys: pytest.CaptureFixture[str]) -> None:
    model = RecordingModel("ee_rot6d_joints")
    with gr00t_server(model) as url:
        assert main(["codec", "draft", "--url", url, "--robot", "sim"]) == 0
    values = yaml.safe_load(capsys.readouterr().out)
    drafted = parse_codec(values, "mine", "mine.yaml").codec(load_robot("sim")).features
    ours = model.codec.features
    assert [f.key for f in drafted.state] == [f.key for f in ours.state]
    assert [f.key for f in drafted.action] == [f.key for f in ours.action]
    assert drafted.video == ours.video and values["fps"] == 10
    with openpi_server(model) as url:
        assert main(["codec", "draft", "--url", url]) == 2
    assert "does not tell what its model reads" in capsys.readouterr().err
    with positronic_server(RecordingModel()) as url:
        assert main(["codec", "draft", "--url", url]) == 2
    assert "has the codec itself, so there is none to draft" in capsys.readouterr().err


def test_a_codec_is_drafted_from_a_server_of_a_protocol_of_ones_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = {"video": "top", "state": "arm", "action": "arm", "language": "task"}
    entry = {part: {"modality_keys": [key], "delta_indices": [0]} for part, key in keys.items()}
    closed: list[str] = []

    class Own:
        def __init__(self, config: RemoteConfig, codec: object) -> None:
            self._url = config.url

        def ask(self, timeout_s: float) -> Told:
            return Told(description={}, entry=entry, fps=20, sizes={"top": (320, 240)})

        def close(self) -> None:
            closed.append(self._url)

    own: Any = Own
    monkeypatch.setitem(schemes(), "lab", Scheme(port=1, client=own, whose="the lab's"))
    told = told_by_server("lab://box")
    assert isinstance(told, Foreign)
    assert [seen.key for seen in (*told.state, *told.action)] == ["arm", "arm"]
    assert (told.video, told.fps, told.horizon) == ({"top": (320, 240)}, 20, 1)
    assert closed == ["lab://box"]
