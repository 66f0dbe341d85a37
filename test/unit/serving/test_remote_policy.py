"""A policy whose model is in a server: what it answers, and what it does without one."""

from __future__ import annotations

import json
import runpy
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgpack
import numpy as np
import pytest
import yaml
from served_models import (
    GENEROUS_S,
    RecordingModel,
    expected_steps,
    gr00t_server,
    observation,
    openpi_server,
    positronic_server,
)
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve as serve_in_thread

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.envelope import measure_envelope
from groot_ros.chunks.grading import Grade, Verdict
from groot_ros.cli.main import main
from groot_ros.codecs.catalog import find_codec
from groot_ros.codecs.file import parse_codec
from groot_ros.errors import UserError
from groot_ros.observation.buffer import Ages
from groot_ros.observation.types import Prefix
from groot_ros.policies.inference import InferenceLoop
from groot_ros.policies.inference_types import Inference, Void
from groot_ros.policies.remote.connection import RemoteConfig
from groot_ros.policies.remote.policy import RemotePolicy
from groot_ros.policies.tried import chosen_strategy, remote_choice
from groot_ros.policy import PolicyLost
from groot_ros.robot.config import load_robot
from groot_ros.serving.gr00t_server import Gr00tServer
from groot_ros.signals.signals import arm_signals
from groot_ros.sim.trials import Trials
from groot_ros.training.closed_loop import Evaluation, evaluate
from groot_ros.wire import numpy_wire, nvidia_wire
from groot_ros.wire.bounded import WireError
from groot_ros.wire.flat import read_pose
from groot_ros.wire.nvidia_wire import Form
from groot_ros.wire.positronic import to_result

ROOT = Path(__file__).parents[3]


@contextmanager
def websocket_server(handler: Callable[[Any], None]) -> Iterator[str]:
    """Anything that talks WebSocket, as its URL."""
    with serve_in_thread(handler, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join(GENEROUS_S)


def positronic_3(model: Any, **options: Any) -> Any:
    return positronic_server(model, protocol=3, **options)


SERVERS = pytest.mark.parametrize(
    "server", [gr00t_server, positronic_server, positronic_3, openpi_server]
)


def remote(url: str, variant: str = "ee_rot6d_joints", **options: Any) -> RemotePolicy:
    return RemotePolicy(
        RemoteConfig(url, **{"timeout_s": GENEROUS_S, **options}),
        find_codec(variant),
        load_robot("sim"),
    )


@contextmanager
def opened(url: str, variant: str = "ee_rot6d_joints", **options: Any) -> Iterator[RemotePolicy]:
    policy = remote(url, variant, **options)
    policy.open()
    try:
        yield policy
    finally:
        policy.close()


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


DROID = """
codec: pi05_droid
state:
  joint_position: {signal: joint_position}
  gripper_position: {signal: grip}
action:
  joint_position: {signal: joint_position}
  gripper_position: {signal: grip}
video:
  exterior_image_1_left: {camera: exterior}
  wrist_image_left: {camera: wrist, size: {width: 112, height: 112}}
fps: 20
"""


def their_array(array: np.ndarray) -> dict[bytes, Any]:
    """As openpi's msgpack_numpy has it."""
    numbers = {b"data": array.tobytes(), b"dtype": array.dtype.str, b"shape": array.shape}
    return {b"__ndarray__": True, **numbers}


@contextmanager
def their_openpi_server(rows: np.ndarray) -> Iterator[tuple[str, list[Any]]]:
    """Speaks first, answers the same rows always and an empty prompt with a traceback."""
    asked: list[Any] = []

    def handler(socket: Any) -> None:
        socket.send(msgpack.packb({"reset_pose": [0.0]}))
        with suppress(ConnectionClosed):
            while True:
                asked.append(msgpack.unpackb(socket.recv()))
                if not asked[-1]["prompt"]:
                    socket.send("Traceback (most recent call last):\n  ...\nKeyError: 'prompt'\n")
                    return
                timing = {"infer_ms": 1.5}
                socket.send(msgpack.packb({"actions": their_array(rows), "server_timing": timing}))

    with websocket_server(handler) as url:
        yield url.replace("ws://", "openpi://"), asked


def test_a_server_of_openpi_reads_and_answers_the_columns_of_the_codec(tmp_path: Path) -> None:
    codec = tmp_path / "pi05_droid.yaml"
    codec.write_text(DROID)
    rows = np.linspace(0.0, 0.5, 80).reshape(10, 8).astype(np.float32)
    with their_openpi_server(rows) as (url, asked):
        with opened(url, str(codec)) as policy:
            chunk = policy.predict(observation())
            assert (len(chunk), chunk.step_ns) == (10, 50_000_000)
            np.testing.assert_allclose(chunk.signals["joint_position"], rows[:, :7], atol=1e-7)
            np.testing.assert_allclose(chunk.signals["grip"], rows[:, 7], atol=1e-7)
            assert chunk.round_trip.server_s == pytest.approx(0.0015)
            with pytest.raises(UserError, match="says: KeyError: 'prompt'"):
                policy.predict(replace(observation(), instruction=""))
            with pytest.raises(PolicyLost):
                policy.predict(observation())
        assert {k: v.get(b"shape") for k, v in asked[0].items() if k != "prompt"} == {
            "observation/joint_position": [7],
            "observation/gripper_position": [1],
            "observation/exterior_image_1_left": [224, 224, 3],
            "observation/wrist_image_left": [112, 112, 3],
        }
        with (
            opened(url, "ee_rot6d") as policy,
            pytest.raises(
                UserError, match=r"8 columns, expected 10 for the codec's .*ee_pose\[9\]"
            ),
        ):
            policy.predict(observation())
        with pytest.raises(UserError, match="reads no JPEG: set policy_jpeg_quality to 0"):
            remote(url, jpeg_quality=90).open()
        with pytest.raises(UserError, match="openpi's is named openpi://127.0.0.1"):
            remote(url.replace("openpi://", "ws://")).open()


def test_a_server_of_positronic_at_openpi_is_named() -> None:
    with positronic_server(RecordingModel()) as url:
        session = url.replace("ws://", "openpi://") + "/api/v1/session"
        with pytest.raises(UserError, match="speaks Positronic's protocol: set policy_url to ws:"):
            remote(session).open()


@pytest.mark.parametrize(
    ("marker", "form"),
    [(nvidia_wire.MODALITY, Form.NPY), (nvidia_wire.NEW_MODALITY, Form.MSGPACK_NUMPY)],
)
def test_requests_have_the_form_of_nvidias_server(marker: str, form: Form) -> None:
    asked_in = []

    class Theirs(Gr00tServer):
        """Knows one form alone, and nothing of this package."""

        async def _handle(self, request: Any) -> Any:
            reply = await super()._handle(request)
            match request["endpoint"]:
                case "ping":
                    del reply["groot_ros"]
                case "get_modality_config":
                    fields = {part: entry["as_json"] for part, entry in reply.items()}
                    return {part: {marker: True, "as_json": fields[part]} for part in fields}
            return reply

        async def _answer(self, envelope: Any, body: bytes) -> None:
            asked_in.append(nvidia_wire.read(body).form)
            await super()._answer(envelope, body)

    model = RecordingModel("ee")
    with gr00t_server(model, kind=Theirs) as url, opened(url, "ee") as policy:
        chunk, meant = policy.predict(observation(0.42)), expected_steps(model, observation(0.42))
        np.testing.assert_allclose(chunk.signals["ee_pose"], meant["ee_pose"], atol=1e-6)
    assert [asked for asked in asked_in if asked] == [form]


class FlatServer(Gr00tServer):
    """Speaks as NVIDIA's N1.5 does: flat keys, no batch, no reset, JSON in the config."""

    async def _handle(self, request: Any) -> Any:
        match request["endpoint"]:
            case "reset":
                raise UserError("Unknown endpoint: reset")
            case "ping":
                return {"status": "ok", "message": "Server is running"}
            case "get_modality_config":
                config = await super()._handle(request)
                for part, entry in config.items():
                    fields = entry["as_json"]
                    keys = [
                        k if part == "language" else f"{part}.{k}" for k in fields["modality_keys"]
                    ]
                    kept = {"delta_indices": fields["delta_indices"], "modality_keys": keys}
                    entry["as_json"] = json.dumps(kept)
                return config
        data = request["data"]
        language = self._served.modality.language_key
        nested = {
            part: {
                key.removeprefix(f"{part}."): value[None]
                for key, value in data.items()
                if key.startswith(f"{part}.")
            }
            for part in ("video", "state")
        }
        nested["language"] = {language: [data[language]]}
        action, _ = await self._get_action({"observation": nested})
        flat = {f"action.{key}": values[0] for key, values in action.items()}
        return {**flat, "action.grip": flat["action.grip"][:, 0]}


def test_n15_servers_with_their_flat_keys_are_understood() -> None:
    model = RecordingModel("ee")
    with (
        gr00t_server(model, kind=FlatServer) as url,
        opened(url, "ee", action_rate_hz=10.0) as policy,
    ):
        policy.reset("pick up the red cube")
        chunk, meant = policy.predict(observation(0.42)), expected_steps(model, observation(0.42))
        np.testing.assert_allclose(chunk.signals["ee_pose"], meant["ee_pose"], atol=1e-6)
        np.testing.assert_allclose(chunk.signals["grip"], meant["grip"], atol=1e-6)
        assert chunk.step_ns == 100_000_000
        with pytest.raises(UserError, match="does not fit variant joints_traj"):
            remote(url, "joints_traj").open()


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {},
        [{"ee_pose": np.ones((1, 16, 9))}, {}],
        [{"ee_pose": np.ones((2, 16, 9)), "grip": np.ones((2, 16, 1))}, {}],
        [{"ee_pose": np.full((1, 16, 9), np.nan), "grip": np.ones((1, 16, 1))}, {}],
        [{"ee_pose": "x", "grip": 1}, {}],
    ],
)
def test_nonsense_of_a_server_is_a_sentence_and_no_chunk(answer: Any) -> None:
    class Nonsense(Gr00tServer):
        async def _get_action(self, data: dict[str, Any]) -> Any:
            return answer

    with (
        gr00t_server(RecordingModel(), kind=Nonsense) as url,
        opened(url) as policy,
        pytest.raises(UserError) as raised,
    ):
        policy.predict(observation())
    assert not isinstance(raised.value, PolicyLost)


@pytest.mark.parametrize("rate_hz", [-15.0, float("inf"), float("nan"), 1e-30])
def test_a_rate_that_none_can_have_is_refused(rate_hz: float) -> None:
    class Rated(Gr00tServer):
        async def _handle(self, request: Any) -> Any:
            reply = await super()._handle(request)
            if "groot_ros" in reply:
                reply["groot_ros"]["action_rate_hz"] = rate_hz
            return reply

    refused = pytest.raises(UserError, match="expected 0.1 to 1000: set action")
    with gr00t_server(RecordingModel(), kind=Rated) as url, refused:
        remote(url).open()


@pytest.mark.parametrize("keys", [[{}], [5], "language", [[]]])
def test_keys_that_are_no_texts_are_refused(keys: Any) -> None:
    class Keyed(Gr00tServer):
        async def _handle(self, request: Any) -> Any:
            reply = await super()._handle(request)
            if "language" in reply:
                reply["language"]["as_json"]["modality_keys"] = keys
            return reply

    with gr00t_server(RecordingModel(), kind=Keyed) as url, pytest.raises(UserError):
        remote(url).open()


@pytest.mark.parametrize("status", [np.zeros(3), np.zeros(0), {}, 5])
def test_a_status_that_is_no_text_is_not_ready(status: Any) -> None:
    def handler(socket: Any) -> None:
        socket.send(numpy_wire.pack({"status": status, "meta": {}}))

    with websocket_server(handler) as url, pytest.raises(UserError, match="cannot be reached"):
        remote(url).open()


@pytest.mark.parametrize("pose", [[], [1.0], [0.0] * 7, [[1.0] * 7] * 2, "x", [2**70, "x"]])
def test_a_pose_of_another_size_is_refused(pose: Any) -> None:
    with pytest.raises(WireError, match="is no pose of 7 numbers|holds no numbers"):
        read_pose({"pose": pose}, "pose")


@pytest.mark.parametrize(
    ("ready", "said"),
    [
        ({"protocol_version": 4}, "version 4 of Positronic's protocol, expected 1, 2, 3"),
        ({"protocol_version": "3"}, "version '3' of Positronic's protocol"),
        ({"protocol_version": 2}, "without a session_id"),
        ({"protocol_version": 3, "session_id": "s"}, "no tree of components"),
        (
            {"protocol_version": 3, "session_id": "s", "meta": {"local_stack": {"name": "warp"}}},
            "component 'warp'",
        ),
    ],
)
def test_a_protocol_that_is_not_understood_is_a_sentence(ready: Any, said: str) -> None:
    def handler(socket: Any) -> None:
        socket.send(numpy_wire.pack({"status": "ready", "meta": {}, **ready}))
        with suppress(ConnectionClosed):
            socket.recv()

    with websocket_server(handler) as url, pytest.raises(UserError, match=said):
        remote(url).open()


def test_a_session_of_protocol_2_is_named_in_requests_and_ended() -> None:
    model, received = RecordingModel("ee"), []
    steps = expected_steps(model, observation(0.42))

    def handler(socket: Any) -> None:
        ready = {"status": "ready", "meta": {}, "protocol_version": 2, "session_id": "s1"}
        socket.send(numpy_wire.pack(ready))
        while True:
            message = numpy_wire.unpack(socket.recv())
            received.append(message)
            if message.get("end_session"):
                socket.send(numpy_wire.pack(message))
                return
            socket.send(numpy_wire.pack({"result": to_result(steps, 0.1)}))

    with websocket_server(handler) as url:
        with opened(url, "ee", action_rate_hz=10.0) as policy:
            chunk = policy.predict(observation(0.42))
            np.testing.assert_allclose(chunk.signals["ee_pose"], steps["ee_pose"], atol=1e-6)
        asked, ended = received
        assert asked["session_id"] == "s1" and "robot_state.ee_pose" in asked["observation"]
        assert ended == {"session_id": "s1", "end_session": True}


def test_no_server_is_one_sentence() -> None:
    with pytest.raises(UserError, match="groot-ros serve"):
        policy = RemotePolicy(
            RemoteConfig("ws://127.0.0.1:1"), find_codec("ee"), load_robot("sim")
        )
        policy.open()


@pytest.mark.parametrize(
    "url", ["", "host:5555", "http://host", "gr00t://", "ws://host:99999", "ws://" + 99 * "x"]
)
def test_a_url_that_is_none_is_named(url: str) -> None:
    with pytest.raises(UserError, match="policy_url"):
        remote(url)


def test_a_server_that_dies_in_a_request_is_missed_at_once_and_found_again() -> None:
    model, gate = RecordingModel(), threading.Event()
    with ExitStack() as stack:
        url = stack.enter_context(gr00t_server(model, allow_kill=True))
        policy = stack.enter_context(opened(url, timeout_s=600.0))
        other = stack.enter_context(opened(url))
        first = policy.predict(observation())
        asked = threading.Event()
        model.before = lambda: (asked.set(), gate.wait(GENEROUS_S))
        lost: list[Exception] = []

        def ask() -> None:
            try:
                policy.predict(observation())
            except PolicyLost as error:
                lost.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        assert asked.wait(GENEROUS_S)
        other._connection._call("kill", None, GENEROUS_S)  # type: ignore[attr-defined]
        thread.join(GENEROUS_S)
        assert lost and "has gone" in str(lost[0])
        gate.set()
        model.before = lambda: None
    port = int(url.rsplit(":", 1)[1])
    with gr00t_server(model, port):
        chunk = wait_for_chunk(policy)
        np.testing.assert_allclose(chunk.signals["ee_pose"], first.signals["ee_pose"])
    policy.close()


def wait_for_chunk(policy: RemotePolicy) -> Any:
    deadline_s = time.monotonic() + GENEROUS_S
    while True:
        try:
            return policy.predict(observation())
        except PolicyLost:
            assert time.monotonic() < deadline_s


@SERVERS
def test_a_late_answer_is_a_loss_and_never_taken_for_the_next_one(server: Any) -> None:
    model, gate = RecordingModel(), threading.Event()
    with server(model) as url, opened(url, timeout_s=0.2) as policy:
        model.before = lambda: gate.wait(GENEROUS_S)
        with pytest.raises(PolicyLost, match="did not answer in 0.2 s"):
            policy.predict(observation(0.4))
        model.before = lambda: None
        gate.set()
        chunk = wait_for_chunk(policy)
        assert chunk.signals["ee_pose"][0, 0] == pytest.approx(0.5)


class Losing:
    """A policy that is lost in its second prediction and for some time after."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.lost = False

    def reset(self, instruction: str) -> None:
        self.calls.append("reset")
        if self.lost:
            raise PolicyLost("the server has gone")

    def predict(self, seen: Any, prefix: Any = None) -> Any:
        self.calls.append("predict")
        if self.lost:
            raise PolicyLost("the server has gone")
        steps = expected_steps(RecordingModel(), seen)
        return Chunk(
            seen.stamp_ns,
            100_000_000,
            signals=arm_signals(ee_pose=steps["ee_pose"], grip=steps["grip"]),
        )


def test_the_loop_tells_a_loss_once_and_goes_on_in_a_new_epoch() -> None:
    policy, published, epochs = Losing(), [], []
    warnings: list[str] = []
    stamps = iter(range(1, 1_000_000))
    enough, refused = threading.Event(), threading.Event()

    def publish(inference: Inference) -> None:
        published.append(inference.chunk.epoch)
        if len(published) == 2:
            policy.lost = True
        if len(published) == 4:
            enough.set()

    def observe(instruction: str, after_ns: int) -> Any:
        return observation(stamp_ns=next(stamps), size=8), Ages({}, 0.0)

    def void(void: Void) -> None:
        epochs.append(void.epoch)
        if len(epochs) == 2:
            refused.set()

    loop = InferenceLoop(
        policy=policy,  # type: ignore[arg-type]
        observe=observe,
        outlet=SimpleNamespace(publish=publish, void=void, warn=warnings.append),
        now_ns=lambda: 0,
        instruction="go",
    )
    first = loop.start()
    assert refused.wait(GENEROUS_S)
    deadline_s = time.monotonic() + GENEROUS_S
    while policy.calls[-3:] != ["reset"] * 3:
        assert time.monotonic() < deadline_s
    assert loop.waiting_for == "the server has gone" and len(warnings) == 1
    policy.lost = False
    assert enough.wait(GENEROUS_S)
    assert loop.close(GENEROUS_S)
    assert len(epochs) == 2 and epochs[1] > epochs[0] == first
    assert published[:2] == [first] * 2 and set(published[2:]) == {epochs[1]}
    assert loop.waiting_for == ""


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
