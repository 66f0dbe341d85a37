"""A policy at a server of openpi."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
from remote_policies import opened, remote, websocket_server
from served_models import RecordingModel, observation, positronic_server
from websockets.exceptions import ConnectionClosed

from groot_ros.errors import UserError
from groot_ros.policy import PolicyLost

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
