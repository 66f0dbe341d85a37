"""A policy at a server of Positronic: versions of its protocol, and answers that are none."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from remote_policies import opened, remote, websocket_server
from served_models import RecordingModel, expected_steps, observation
from websockets.exceptions import ConnectionClosed

from groot_ros.errors import UserError
from groot_ros.wire import numpy_wire
from groot_ros.wire.bounded import WireError
from groot_ros.wire.flat import read_pose
from groot_ros.wire.positronic import to_result


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
