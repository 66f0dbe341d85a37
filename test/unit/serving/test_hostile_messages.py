"""Ten thousand messages that mean harm, and each server answers the next client."""

from __future__ import annotations

import itertools
import socket as sockets
from collections.abc import Iterator
from typing import Any

import msgpack
import numpy as np
import pytest
import zmq
from served_models import GENEROUS_S, RecordingModel, observation
from test_gr00t_server import Client
from test_gr00t_server import server as gr00t
from test_websocket_servers import (
    ask,
    openpi,
    openpi_observation,
    positronic,
    session,
    until_ready,
)
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from groot_ros.wire import numpy_wire, nvidia_wire
from groot_ros.wire.gr00t import to_observation
from groot_ros.wire.positronic import to_flat

RNG_SEED = 7
# Values that a field may get instead of its own.
POISONS: list[Any] = [
    None,
    True,
    -1,
    2**63,
    float("nan"),
    "x" * 1000,
    b"\x80\x04\x95cos\nsystem\n.",
    [],
    {},
    [[]] * 50,
    {"__ndarray_class__": True},
    {"__ndarray_class__": True, "as_npy": b"\x93NUMPY\x01\x00v\x00{'descr': '|O'"},
    {b"nd": True, b"type": "|O", b"kind": b"O", b"shape": [1], b"data": b"\x80\x04."},
    {"__jpeg__": True, "frames": [b"\xff\xd8\xff"], "shape": [1]},
    {b"__ndarray__": True, b"data": b"1", b"dtype": "|O", b"shape": [1]},
    {b"__ndarray__": True, b"data": b"", b"dtype": "<f8", b"shape": [0]},
    {b"__npgeneric__": True, b"data": 1, b"dtype": "O"},
    {b"__cmd__": 5},
]


def poisoned(value: Any, rng: np.random.Generator) -> Any:
    """A copy in which something is replaced."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = list(value)[rng.integers(len(value))]
        return {**value, key: poisoned(value[key], rng)}
    if isinstance(value, np.ndarray) and rng.random() < 0.3:
        return np.full(rng.integers(0, 3, 3), np.nan, np.float32)
    return POISONS[rng.integers(len(POISONS))]


def hostile(wire: Any, request: Any, count: int) -> Iterator[bytes]:
    """Damaged, cut, poisoned and random messages."""
    rng = np.random.default_rng(RNG_SEED)
    whole = wire.pack(request)
    for kind in itertools.islice(itertools.cycle(range(4)), count):
        message = bytearray(whole)
        if kind == 0:
            for place in rng.integers(0, len(message), 4):
                message[place] = rng.integers(256)
        elif kind == 1:
            del message[rng.integers(len(message)) :]
        elif kind == 2:
            message = bytearray(msgpack.packb(poisoned(request, rng), default=wire._encode))
        else:
            message = bytearray(rng.bytes(int(rng.integers(0, 40))))
        yield bytes(message)


def test_gr00t_server_survives() -> None:
    model = RecordingModel()
    seen = to_observation(model.codec.encode(observation(size=16)), model.codec.language, 0)
    small = {key: video[:, :, :16, :16] for key, video in seen["video"].items()}
    request = {"endpoint": "get_action", "data": {"observation": {**seen, "video": small}}}
    with gr00t(model) as url:
        client = Client(url)
        for message in hostile(nvidia_wire, request, 1500):
            reply = client.raw(message)
            assert isinstance(reply, list) or {"error", "status"} & set(reply)
        assert client.get_action(model)[0]["ee_pose"].shape == (1, 16, 9)
        client.close()


def test_frames_that_are_no_request_are_survived() -> None:
    model = RecordingModel()
    with gr00t(model) as url:
        stranger = zmq.Context.instance().socket(zmq.DEALER)
        stranger.set(zmq.LINGER, 0)
        stranger.connect(url)
        for frames in ([b""], [b"", b""], [b"x"] * 20, [b"\xff" * 100], [b"", b"\x81", b"y"]):
            stranger.send_multipart(frames)
            reply = nvidia_wire.unpack(stranger.recv_multipart()[-1])
            assert "error" in reply
        stranger.close()
        client = Client(url)
        assert client.call("ping")["status"] == "ok"
        client.close()


def test_positronic_server_survives() -> None:
    with positronic() as url, session(url) as socket:
        until_ready(socket)
        for message in hostile(numpy_wire, to_flat(observation(size=16)), 1500):
            socket.send(message)
            reply = numpy_wire.unpack(socket.recv(timeout=GENEROUS_S))
            assert set(reply) in ({"error"}, {"result", "timing"})
        assert len(ask(socket)["result"]) == 17


def test_openpi_server_survives() -> None:
    model = RecordingModel()
    request = {
        key: value[:16, :16] if isinstance(value, np.ndarray) and value.ndim == 3 else value
        for key, value in openpi_observation(model).items()
    }
    ended = 0
    with openpi(model) as url:
        messages = hostile(numpy_wire, request, 300)
        while True:
            with connect(url, compression=None) as socket:
                socket.recv(timeout=GENEROUS_S)
                try:
                    for message in messages:
                        socket.send(message)
                        socket.recv(timeout=GENEROUS_S)
                    break
                except ConnectionClosed:
                    ended += 1
        assert ended > 50
        with connect(url, compression=None) as socket:
            socket.recv(timeout=GENEROUS_S)
            socket.send(numpy_wire.pack(openpi_observation(model)))
            assert numpy_wire.unpack(socket.recv(timeout=GENEROUS_S))["actions"].shape == (16, 8)


@pytest.mark.parametrize(
    "junk",
    [b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 4000, b"\x16\x03\x01"],
    ids=["http", "noise", "tls"],
)
def test_bytes_that_are_no_protocol_are_survived(junk: bytes) -> None:
    model = RecordingModel()
    with gr00t(model) as zmq_url, positronic() as url:
        for address in (zmq_url, url):
            port = int(address.rsplit(":", 1)[1])
            with sockets.create_connection(("127.0.0.1", port)) as raw:
                raw.sendall(junk)
        client = Client(zmq_url)
        assert client.call("ping")["status"] == "ok"
        client.close()
        with session(url) as socket:
            assert until_ready(socket)["status"] == "ready"
