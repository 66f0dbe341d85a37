"""The server for NVIDIA's clients, over real sockets."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import zmq
from served_models import GENEROUS_S, RecordingModel, gr00t_server, observation

from groot_ros.errors import UserError
from groot_ros.serving.gr00t_server import Gr00tServer
from groot_ros.wire import nvidia_wire
from groot_ros.wire.gr00t import to_observation


@contextmanager
def server(model: RecordingModel, **options: Any) -> Iterator[str]:
    with gr00t_server(model, **options) as url:
        yield url.replace("gr00t://", "tcp://")


class Client:
    """A REQ socket as NVIDIA's PolicyClient has one."""

    def __init__(self, url: str) -> None:
        self.socket = zmq.Context.instance().socket(zmq.REQ)
        self.socket.set(zmq.LINGER, 0)
        self.socket.set(zmq.RCVTIMEO, int(GENEROUS_S * 1e3))
        self.socket.connect(url)

    def received(self, message: bytes) -> nvidia_wire.Received:
        self.socket.send(message)
        return nvidia_wire.read(self.socket.recv())

    def raw(self, message: bytes) -> Any:
        return self.received(message).value

    def call(self, endpoint: str, **fields: Any) -> Any:
        return self.raw(nvidia_wire.pack({"endpoint": endpoint, **fields}))

    def get_action(self, model: RecordingModel, x: float = 0.5, jpeg: int = 0) -> Any:
        seen = to_observation(model.codec.encode(observation(x)), model.codec.language, jpeg)
        return self.call("get_action", data={"observation": seen, "options": None})

    def close(self) -> None:
        self.socket.close()


def test_endpoints_answer_as_nvidias_server_does() -> None:
    model = RecordingModel()
    with server(model) as url:
        client = Client(url)
        ping = client.call("ping")
        assert (ping["status"], ping["message"]) == ("ok", "Server is running")
        assert client.call("reset", data={"options": None}) == {}
        config = client.call("get_modality_config")
        assert list(config) == ["video", "state", "action", "language"]
        assert config["state"]["modality_keys"] == ["grip", "ee_pose", "joint_position"]
        assert config["action"]["delta_indices"] == list(range(16))
        assert len(config["action"]["action_configs"]) == 2
        action, info = client.get_action(model, x=0.4)
        assert action["ee_pose"].shape == (1, 16, 9) and action["ee_pose"].dtype == np.float32
        np.testing.assert_allclose(action["ee_pose"][0, :, 0], 0.4 + 0.001 * np.arange(16), 1e-5)
        assert info["server_timing"]["infer_ms"] > 0
        (asked,) = model.asked
        assert asked.language == "pick up the red cube"
        np.testing.assert_array_equal(asked.video["wrist_image"][0], observation().images["wrist"])
        client.close()


@pytest.mark.parametrize("form", nvidia_wire.Form)
def test_arrays_are_answered_in_the_form_that_they_came_in(form: nvidia_wire.Form) -> None:
    model = RecordingModel()
    with server(model) as url:
        client = Client(url)
        seen = to_observation(model.codec.encode(observation(0.4)), model.codec.language, 0)
        request = {"endpoint": "get_action", "data": {"observation": seen, "options": None}}
        reply = client.received(nvidia_wire.pack(request, form))
        assert reply.form is form
        np.testing.assert_allclose(reply.value[0]["ee_pose"][0, 0, 0], 0.4, rtol=1e-6)
        client.close()


def test_a_batch_is_answered_in_its_order() -> None:
    model = RecordingModel()
    one, two = (
        to_observation(model.codec.encode(observation(x)), model.codec.language, 0)
        for x in (0.4, 0.6)
    )
    both = {
        part: {key: np.concatenate([one[part][key], two[part][key]]) for key in one[part]}
        for part in ("video", "state")
    }
    both["language"] = {key: one["language"][key] * 2 for key in one["language"]}
    with server(model) as url:
        client = Client(url)
        action, _ = client.call("get_action", data={"observation": both})
        np.testing.assert_allclose(action["ee_pose"][:, 0, 0], [0.4, 0.6], rtol=1e-6)
        client.close()


def test_mistakes_are_named_and_the_next_request_is_answered() -> None:
    model = RecordingModel()
    with server(model) as url:
        client = Client(url)
        whole = to_observation(model.codec.encode(observation()), model.codec.language, 0)

        def of_state(**state: Any) -> Any:
            return {"data": {"observation": {**whole, "state": {**whole["state"], **state}}}}

        for request, sentence in (
            ({"endpoint": "fly"}, "Unknown endpoint: fly"),
            ({"endpoint": "kill"}, "kill is off"),
            ({"endpoint": "get_action"}, "no 'video'"),
            ({"data": {"observation": {**whole, "state": {}}}}, "no 'state'"),
            ({"data": {"observation": {**whole, "language": {"x": 1}}}}, "no language"),
            (of_state(grip=np.ones((1, 9))), "2 dimensions"),
            (of_state(grip=np.ones((2, 1, 9))), "batch"),
            ({"data": {"observation": {**whole, "state": {"p": np.ones((1, 1, 9))}}}}, "only 'p'"),
            ({"data": [1]}, "'data'"),
            ([1, 2], "map"),
        ):
            assert sentence in client.raw(nvidia_wire.pack(request))["error"]
        assert client.raw(bytes(40 << 20))["error"].startswith("the message has")
        assert client.call("ping")["status"] == "ok"
        client.close()


def test_a_wrong_token_is_refused_before_anything_else() -> None:
    model = RecordingModel()
    with server(model, token="secret") as url:
        client = Client(url)
        for fields in ({}, {"api_token": "other"}, {"api_token": 5}):
            reply = client.call("get_action", **fields)
            assert reply == {"error": "Unauthorized: Invalid API token"}
        assert client.call("ping", api_token="secret")["status"] == "ok"
        client.close()


def test_clients_get_their_turns_and_a_dead_one_holds_up_nobody() -> None:
    model, gate = RecordingModel(), threading.Event()
    model.before = lambda: gate.wait(GENEROUS_S)
    with server(model) as url, ThreadPoolExecutor(3) as pool:
        dead = Client(url)
        seen = to_observation(model.codec.encode(observation(0.1)), model.codec.language, 0)
        dead.socket.send(nvidia_wire.pack({"data": {"observation": seen}}))
        waiting = Client(url)
        # Answered while the model is busy: the server lives.
        assert waiting.call("ping")["status"] == "ok"
        dead.close()
        clients = [Client(url) for _ in range(3)]
        answers = [
            pool.submit(client.get_action, model, 0.4 + 0.1 * index)
            for index, client in enumerate(clients)
        ]
        gate.set()
        starts = [answer.result(GENEROUS_S)[0]["ee_pose"][0, 0, 0] for answer in answers]
        np.testing.assert_allclose(starts, [0.4, 0.5, 0.6], rtol=1e-6)
        for client in (waiting, *clients):
            client.close()


def test_a_client_may_not_fill_the_queue() -> None:
    model, gate = RecordingModel(), threading.Event()
    model.before = lambda: gate.wait(GENEROUS_S)
    with server(model) as url:
        greedy = zmq.Context.instance().socket(zmq.DEALER)
        greedy.set(zmq.LINGER, 0)
        greedy.connect(url)
        seen = to_observation(model.codec.encode(observation()), model.codec.language, 0)
        message = nvidia_wire.pack({"data": {"observation": seen}})
        for _ in range(3):
            greedy.send_multipart([b"", message])
        replies = [nvidia_wire.unpack(greedy.recv_multipart()[-1]) for _ in range(2)]
        assert all("busy" in reply["error"] for reply in replies)
        gate.set()
        assert "ee_pose" in nvidia_wire.unpack(greedy.recv_multipart()[-1])[0]
        greedy.close()


def test_a_client_with_its_answer_may_ask_again_at_once() -> None:
    class Lingering(Gr00tServer):
        """Still does something after the answer has gone out."""

        async def _reply(self, envelope: list[bytes], *reply: Any) -> None:
            await super()._reply(envelope, *reply)
            await asyncio.sleep(0.2)

    with server(RecordingModel(), kind=Lingering) as url:
        client = Client(url)
        assert [client.call("ping")["status"] for _ in range(3)] == ["ok"] * 3
        client.close()


def test_pictures_may_come_as_jpeg() -> None:
    model = RecordingModel()
    with server(model) as url:
        client = Client(url)
        client.get_action(model, jpeg=95)
        assert model.asked[0].video["wrist_image"].shape == (1, 224, 224, 3)
        client.close()


def test_a_chunk_can_be_continued() -> None:
    model = RecordingModel()
    with server(model) as url:
        client = Client(url)
        seen = to_observation(model.codec.encode(observation()), model.codec.language, 0)
        options = {"action_prefix": {"ee_pose": np.ones((4, 9))}, "frozen_steps": 2}
        client.call("get_action", data={"observation": seen, "options": options})
        prefix = model.continued[0]
        assert prefix and prefix.steps["ee_pose"].shape == (4, 9) and prefix.frozen_steps == 2
        client.close()


def test_kill_ends_the_server_where_it_is_allowed() -> None:
    with server(RecordingModel(), allow_kill=True) as url:
        client = Client(url)
        assert client.call("kill") is None
        client.close()


def test_a_port_in_use_is_one_sentence() -> None:
    with server(RecordingModel()) as url:
        port = int(url.rsplit(":", 1)[1])
        with (
            pytest.raises(UserError, match=f"cannot listen on 127.0.0.1 port {port}"),
            gr00t_server(RecordingModel(), port),
        ):
            pass
