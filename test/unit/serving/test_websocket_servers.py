"""The servers for Positronic's and openpi's clients, over real sockets."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from served_models import GENEROUS_S, RecordingModel, expected_steps, observation, running
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from groot_ros.serving.openpi_server import OpenpiServer
from groot_ros.serving.positronic_server import PositronicServer
from groot_ros.serving.protocols import ServerConfig
from groot_ros.wire import numpy_wire
from groot_ros.wire.bounded import LIMITS, WireError
from groot_ros.wire.positronic import to_flat, to_steps


@dataclass
class Folder:
    """Two checkpoints that answer alike."""

    names: list[str] = field(default_factory=lambda: ["100", "200"])
    default: str = "200"
    loaded: list[str] = field(default_factory=list)
    models: dict[str, RecordingModel] = field(default_factory=dict)

    def load(self, name: str) -> RecordingModel:
        self.loaded.append(name)
        return self.models.setdefault(name, RecordingModel(checkpoint=name))


@contextmanager
def positronic(folder: Folder | None = None, **options: Any) -> Iterator[str]:
    config = ServerConfig("experiment", port=0, **options)

    def serve(thread, ready):
        return PositronicServer(folder or Folder(), thread, config).serve(ready)

    with running(serve) as url:
        yield url


@contextmanager
def openpi(model: RecordingModel | None = None, token: str = "") -> Iterator[str]:
    """Where openpi's clients, which know no scheme of their own, find the server."""

    def serve(thread, ready):
        return OpenpiServer(model or RecordingModel(), thread, token).serve("127.0.0.1", 0, ready)

    with running(serve) as url:
        yield url.replace("openpi://", "ws://")


def receive(socket: ClientConnection) -> Any:
    return numpy_wire.unpack(socket.recv(timeout=GENEROUS_S))


def session(url: str, path: str = "", **options: Any) -> ClientConnection:
    return connect(f"{url}/api/v1/session{path}", compression=None, **options)


def until_ready(socket: ClientConnection) -> Any:
    while (reply := receive(socket)).get("status") in ("loading", "waiting"):
        pass
    return reply


def ask(socket: ClientConnection, x: float = 0.5) -> Any:
    socket.send(numpy_wire.pack(to_flat(observation(x))))
    return receive(socket)


def get(url: str, path: str, **headers: str) -> tuple[int, bytes]:
    request = urllib.request.Request(url.replace("ws://", "http://") + path, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=GENEROUS_S) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_a_session_answers_with_commands_and_their_times() -> None:
    folder = Folder()
    with positronic(folder) as url, session(url) as socket:
        ready = until_ready(socket)
        assert ready["status"] == "ready"
        meta = ready["meta"]
        assert meta["checkpoint_id"] == "200" and meta["action_fps"] == pytest.approx(10.0)
        assert meta["image_sizes"] == [224, 224] and meta["compress_images"] is False
        names = [entry["name"] for entry in meta["local_stack"]["seq"]]
        assert names == ["stop_on_fault", "chunked_schedule", "restrict_image_size"]
        reply = ask(socket, x=0.4)
        first, *_, last, end = reply["result"]
        assert first["robot_command"]["type"] == "cartesian_pos" and first["timestamp"] == 0
        assert first["target_grip"] == pytest.approx(0.25)
        assert last["timestamp"] == pytest.approx(1.5) and end == {"timestamp": pytest.approx(1.6)}
        steps, step_s = to_steps(reply["result"])
        meant = expected_steps(folder.models["200"], observation(0.4))
        assert step_s == pytest.approx(0.1)
        np.testing.assert_allclose(steps["ee_pose"], meant["ee_pose"], atol=1e-6)
        assert reply["timing"]["served_ms"] >= reply["timing"]["infer_ms"] > 0


def test_a_session_of_protocol_3_describes_its_clients_and_is_ended() -> None:
    folder = Folder()
    options = {"protocol": 3, "ee_site": "gripper", "compress_images": True}
    with (
        positronic(folder, **options) as url,
        session(url, "?fps=5&horizon_sec=1.0") as socket,
    ):
        ready = until_ready(socket)
        assert ready["protocol_version"] == 3 and "ee_frames" not in ready["meta"]
        parts = ready["meta"]["local_stack"]["seq"]
        names = [part.get("name", "par") for part in parts]
        assert names == [
            "chunked_schedule",
            "change_ee_frame",
            "par",
            "split_action_chunk",
            "encode_images",
        ]
        assert parts[0]["args"] == {"fps": pytest.approx(5.0), "horizon_sec": 1.0}
        request = {"session_id": ready["session_id"], "observation": to_flat(observation(0.4))}
        socket.send(numpy_wire.pack(request))
        rows = receive(socket)["result"]["action"]
        meant = expected_steps(folder.models["200"], observation(0.4))
        assert rows.shape == (5, 8)
        np.testing.assert_allclose(rows[:, :7], meant["ee_pose"][:5], atol=1e-6)
        socket.send(numpy_wire.pack({**request, "session_id": "other"}))
        assert "session_id does not belong" in receive(socket)["error"]
        end = {"session_id": ready["session_id"], "end_session": True}
        socket.send(numpy_wire.pack(end))
        assert receive(socket) == end
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=GENEROUS_S)


def test_the_frame_of_the_poses_is_stated_where_it_is_known() -> None:
    with positronic(ee_site="gripper") as url, session(url) as socket:
        frames = until_ready(socket)["meta"]["ee_frames"]
        assert frames["robot_state.ee_pose"]["site"] == "gripper"


def test_a_server_says_that_it_stays() -> None:
    with positronic(token="secret") as url:
        address = url.replace("ws://", "http://") + "/api/v1/keepalive"
        for token, status in (("other", 401), ("secret", 200)):
            request = urllib.request.Request(
                address, b"", {"Authorization": f"Bearer {token}"}, method="POST"
            )
            try:
                with urllib.request.urlopen(request, timeout=GENEROUS_S) as reply:
                    assert (reply.status, json.load(reply)) == (status, {"alive_seconds": None})
            except urllib.error.HTTPError as error:
                assert error.code == status == 401


def test_models_are_listed_and_chosen_by_the_path() -> None:
    folder = Folder()
    with positronic(folder) as url, ExitStack() as stack:
        assert get(url, "/api/v1/models") == (200, b'{"models": ["100", "200"]}\n')
        with session(url, "/100") as socket:
            assert until_ready(socket)["meta"]["checkpoint_id"] == "100"
            waiting = stack.enter_context(session(url))
            assert receive(waiting)["status"] == "waiting"
        assert receive(waiting)["status"] == "loading"
        assert until_ready(waiting)["meta"]["checkpoint_id"] == "200"
        assert folder.loaded == ["200", "100", "200"]


def test_a_wrong_token_is_told_apart_from_a_wrong_model() -> None:
    header = {"Authorization": "Bearer secret"}
    folder = Folder()
    with positronic(folder, token="secret") as url:
        for wrong in ({}, {"Authorization": "Bearer other"}):
            with pytest.raises(InvalidStatus, match="401"):
                session(url, additional_headers=wrong)
            assert get(url, "/api/v1/models", **wrong)[0] == 401
        assert get(url, "/api/v1/models", **header)[0] == 200
        with session(url, "/7", additional_headers=header) as socket:
            reply = until_ready(socket)
            assert reply["status"] == "error" and "no model '7'" in reply["error"]
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv(timeout=GENEROUS_S)
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 1008
        assert folder.loaded == ["200"]


@pytest.mark.parametrize(
    ("query", "times", "grips"),
    [
        ("codec.fps=20", [0.0, 0.05, 0.1], [0.25] * 3),
        ("codec.horizon=0.25", [0.0, 0.1, 0.2], [0.25] * 3),
        ("codec.fps=20&codec.horizon=0.1&codec.flip_grip=true", [0.0, 0.05], [0.25] * 2),
        ("codec.binarize_grip=%5B%22grip%22%5D", [0.0, 0.1], [0.0] * 2),
    ],
)
def test_session_parameters_change_one_session(
    query: str, times: list[float], grips: list[float]
) -> None:
    folder = Folder()
    with positronic(folder) as url:
        with session(url, f"?{query}") as socket:
            until_ready(socket)
            result = ask(socket)["result"]
            actions = [entry for entry in result if "robot_command" in entry]
            found = [entry["timestamp"] for entry in actions]
            np.testing.assert_allclose(found[: len(times)], times)
            assert "horizon" not in query or len(found) == len(times)
            np.testing.assert_allclose([a["target_grip"] for a in actions][: len(grips)], grips)
            if "flip_grip" in query:
                state = folder.models["200"].asked[-1].state["grip"]
                np.testing.assert_allclose(state, [[0.75]])
        with session(url) as socket:
            assert until_ready(socket)["meta"]["action_fps"] == pytest.approx(10.0)


@pytest.mark.parametrize(
    "query",
    [
        "codec.fps=0",
        "codec.fps=@os.system",
        "codec.fps=true",
        "codec.fps=[[[",
        "codec.fps=10&codec.fps=20",
        "codec.horizon=-1",
        "codec.flip_grip=1",
        "codec.binarize_grip=%5B%22x%22%5D",
        "source.checkpoints_dir=/",
        "model_id=100",
    ],
)
def test_other_session_parameters_are_refused(query: str) -> None:
    with positronic() as url, session(url, f"?{query}") as socket:
        reply = until_ready(socket)
        assert reply["status"] == "error" and "session parameter" in reply["error"]


def test_a_mistake_in_an_observation_leaves_the_session_alive() -> None:
    with positronic() as url, session(url) as socket:
        until_ready(socket)
        whole = to_flat(observation())
        for broken, sentence in (
            ({**whole, "robot_state.q": [1.0]}, "joint_position"),
            ({**whole, "robot_state.ee_pose": "x"}, "ee_pose"),
            ({**whole, "image.wrist": [1]}, "image.wrist"),
            ({**whole, "image.wrist": np.zeros((0, 5, 3), np.uint8)}, "image.wrist"),
            ({**whole, "grip": [1.0, 2.0]}, "grip"),
            ({**whole, "task": 5}, "task"),
            ({key: value for key, value in whole.items() if key != "image.wrist"}, "wrist"),
            ([1], "map"),
        ):
            socket.send(numpy_wire.pack(broken))
            assert sentence in receive(socket)["error"]
        socket.send("text")
        assert "binary" in receive(socket)["error"]
        socket.send(b"\xc1")
        assert "msgpack" in receive(socket)["error"]
        assert len(ask(socket)["result"]) == 17


def test_pictures_may_come_as_jpeg_and_of_any_size() -> None:
    folder = Folder()
    with positronic(folder, compress_images=True) as url, session(url) as socket:
        assert until_ready(socket)["meta"]["compress_images"] is True
        socket.send(numpy_wire.pack(to_flat(observation(size=300), jpeg_quality=90)))
        assert "result" in receive(socket)
        assert folder.models["200"].asked[-1].video["wrist_image"].shape == (1, 224, 224, 3)


def test_only_sessions_and_models_are_there() -> None:
    with positronic() as url:
        assert get(url, "/")[0] == 404 and get(url, "/api/v1/session")[0] == 404
        with pytest.raises(InvalidStatus, match="403"):
            connect(url)


def test_too_large_a_message_ends_its_session_alone() -> None:
    with positronic() as url, session(url) as socket, session(url) as other:
        until_ready(socket), until_ready(other)
        with pytest.raises(ConnectionClosed):
            socket.send(bytes(LIMITS.message_bytes + 1))
            socket.recv(timeout=GENEROUS_S)
        assert len(ask(other)["result"]) == 17


def test_a_client_that_dies_in_a_request_holds_up_nobody() -> None:
    folder, gate, asked = Folder(), threading.Event(), threading.Event()
    with positronic(folder) as url, session(url) as socket, ExitStack() as stack:
        until_ready(socket)
        folder.models["200"].before = lambda: (asked.set(), gate.wait(GENEROUS_S))
        dying = stack.enter_context(session(url))
        until_ready(dying)
        dying.send(numpy_wire.pack(to_flat(observation())))
        assert asked.wait(GENEROUS_S)
        dying.socket.close()
        gate.set()
        assert len(ask(socket)["result"]) == 17


def openpi_observation(model: RecordingModel) -> dict[str, Any]:
    seen = observation(0.4)
    return {
        "observation/exterior_image_1_left": seen.images["exterior"],
        "observation/wrist_image": seen.images["wrist"],
        "observation/ee_pose": seen.signals["ee_pose"],
        "observation/joint_position": seen.signals["joint_position"],
        "observation/gripper_position": np.array([seen.signals["grip"]]),
        "prompt": seen.instruction,
    }


def test_openpi_metadata_then_actions_and_timing() -> None:
    model = RecordingModel()
    with openpi(model) as url, connect(url, compression=None) as socket:
        meta = receive(socket)
        assert meta["actions"] == ["x", "y", "z", "qw", "qx", "qy", "qz", "grip"]
        assert meta["action_horizon"] == 16 and meta["action_rate_hz"] == pytest.approx(10.0)
        timings = []
        for _ in range(2):
            socket.send(numpy_wire.pack(openpi_observation(model)))
            reply = receive(socket)
            timings.append(reply["server_timing"])
        assert "prev_total_ms" not in timings[0] and timings[1]["prev_total_ms"] > 0
        assert timings[0]["infer_ms"] > 0
        meant = expected_steps(model, observation(0.4))
        assert reply["actions"].shape == (16, 8)
        np.testing.assert_allclose(reply["actions"][:, :7], meant["ee_pose"], atol=1e-6)
        np.testing.assert_allclose(reply["actions"][:, 7], meant["grip"], atol=1e-6)
        assert get(url, "/healthz") == (200, b"OK\n")


def test_openpi_tells_an_error_as_text_and_ends_that_session() -> None:
    model = RecordingModel()
    with openpi(model) as url:
        with connect(url, compression=None) as socket:
            receive(socket)
            socket.send(numpy_wire.pack({"prompt": "go"}))
            reply = socket.recv(timeout=GENEROUS_S)
            assert isinstance(reply, str) and "exterior" in reply
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv(timeout=GENEROUS_S)
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 1011
        with connect(url, compression=None) as socket:
            receive(socket)
            socket.send(numpy_wire.pack(openpi_observation(model)))
            assert receive(socket)["actions"].shape == (16, 8)


def test_openpi_wants_its_key_but_not_for_its_health() -> None:
    with openpi(token="secret") as url:
        with pytest.raises(InvalidStatus, match="401"):
            connect(url)
        assert get(url, "/healthz")[0] == 200
        header = {"Authorization": "Api-Key secret"}
        with connect(url, additional_headers=header) as socket:
            assert "groot_ros" in receive(socket)


def test_models_of_joint_actions_answer_with_joints() -> None:
    model = RecordingModel("joints_traj")
    folder = Folder(models={"200": model})
    with positronic(folder) as url, session(url) as socket:
        until_ready(socket)
        command = ask(socket)["result"][0]["robot_command"]
        assert command["type"] == "joint_pos"
        np.testing.assert_allclose(command["positions"], np.linspace(-0.3, 0.3, 7))
    with openpi(model) as url, connect(url) as socket:
        assert receive(socket)["actions"][0] == "fr3_joint1"
        socket.send(numpy_wire.pack(openpi_observation(model)))
        assert receive(socket)["actions"].shape == (16, 8)


def test_what_clients_report_of_themselves_is_plain_data() -> None:
    with positronic() as url, session(url) as socket:
        json.dumps(until_ready(socket)["meta"])


@pytest.mark.parametrize("grip", [[], [0.1, 0.2], np.zeros(0), "shut", {}, np.zeros((1, 1))])
def test_a_gripper_that_is_no_number_is_refused(grip: object) -> None:
    command = {"type": "joint_pos", "positions": [0.0] * 7}
    entries = [
        {"robot_command": command, "target_grip": grip, "timestamp": 0.1 * i} for i in range(2)
    ]
    with pytest.raises(WireError):
        to_steps(entries)
    for entry in entries:
        entry["target_grip"] = np.array([0.5])
    np.testing.assert_array_equal(to_steps(entries)[0]["grip"], [0.5, 0.5])
