"""What a stranger's message may cost a server, and how soon a server ends."""

from __future__ import annotations

import io
import signal
import socket as sockets
import subprocess
import sys
from contextlib import closing
from typing import Any

import msgpack
import pytest
from PIL import Image as PilImage
from served_models import GENEROUS_S, RecordingModel, observation
from test_gr00t_server import Client
from test_gr00t_server import server as gr00t

from groot_ros.wire import bounded, numpy_wire, nvidia_wire
from groot_ros.wire.bounded import Budget, Lease, WireError, WireLimits, peek
from groot_ros.wire.gr00t import to_observation


def jpeg(width: int, height: int) -> bytes:
    stream = io.BytesIO()
    PilImage.new("RGB", (width, height)).save(stream, "JPEG")
    return stream.getvalue()


def stacks(count: int, pictures: int, width: int = 4000, height: int = 4000) -> dict[str, Any]:
    """Stacks of JPEG pictures, small on the wire and large in memory."""
    frames = [jpeg(width, height)] * pictures
    shape = [pictures, height, width, 3]
    return {
        f"c{i}": {nvidia_wire.JPEG: True, "frames": frames, "shape": shape} for i in range(count)
    }


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of the stacks that were decoded."""
    sizes: list[int] = []
    decode = bounded.decode_jpegs

    def counted(files: Any, lease: Lease) -> Any:
        stack = decode(files, lease)
        sizes.append(stack.nbytes)
        return stack

    monkeypatch.setattr(bounded, "decode_jpegs", counted)
    return sizes


def test_the_token_comes_before_any_picture(decoded: list[int]) -> None:
    model = RecordingModel()
    seen = to_observation(model.codec.encode(observation(size=16)), model.codec.language, 90)
    request = {"endpoint": "get_action", "data": {"observation": seen}}
    with gr00t(model, token="s3cret") as url:
        client = Client(url)
        for token in ({}, {"api_token": "wrong"}, {"api_token": 5}, {"api_token": b"s3cret"}):
            reply = client.raw(nvidia_wire.pack({**request, **token}))
            assert "Unauthorized" in reply["error"]
        assert not decoded and not model.asked
        reply = client.raw(nvidia_wire.pack({**request, "api_token": "s3cret"}))
        assert "ee_pose" in reply[0] and len(decoded) == 2
        client.close()


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ({"api_token": "a"}, "a"),
        ({"x": [{"api_token": "b"}] * 9, b"y": bytes(10_000), "api_token": "a"}, "a"),
        ({b"api_token": "a"}, None),
        ({"api_token": ["a"]}, None),
        ({"api_token": "a" * 5000}, None),
        (["api_token", "a"], None),
        (3, None),
    ],
)
def test_a_text_is_found_without_reading_the_rest(message: Any, found: str | None) -> None:
    packed = msgpack.packb(message)
    assert peek(packed, "api_token") == found
    for end in range(min(len(packed), 200)):
        assert peek(packed[:end], "api_token") in (found, None)


@pytest.mark.parametrize("junk", [b"", b"\xc1", b"\xdf\xff\xff\xff\xff", b"\x81" * 5000])
def test_junk_has_no_text(junk: bytes) -> None:
    assert peek(junk, "api_token") is None


def test_pictures_that_would_fill_the_memory_are_not_decoded(decoded: list[int]) -> None:
    model = RecordingModel()
    with gr00t(model) as url:
        client = Client(url)
        message = msgpack.packb({"data": {"observation": {"video": stacks(3, 16)}}})
        assert len(message) < bounded.LIMITS.message_bytes / 2
        reply = client.raw(message)
        assert "take" in reply["error"] and "bytes in memory, expected at most" in reply["error"]
        assert not decoded
        assert client.get_action(model)[0]["ee_pose"].shape == (1, 16, 9)
        client.close()


def test_a_lease_counts_before_it_decodes_and_gives_all_back() -> None:
    budget = Budget(6_000_000)
    frames = [jpeg(1000, 500)] * 2
    message = numpy_wire.pack({b"__jpeg__": True, b"frames": frames, b"ndim": 4})
    with Lease(budget) as lease:
        assert numpy_wire.unpack(message, lease).shape == (2, 500, 1000, 3)
        assert 4_500_000 <= budget.taken < 4_600_000
        with Lease(budget) as other, pytest.raises(WireError, match="the server is busy"):
            numpy_wire.unpack(message, other)
    assert budget.taken == 0
    with pytest.raises(WireError, match="bytes in memory, expected at most 4000000"):
        numpy_wire.unpack(message, Lease(budget, WireLimits(request_bytes=4_000_000)))


def test_many_small_values_are_counted() -> None:
    message = msgpack.packb([[0] * 1000] * 1001)
    with pytest.raises(WireError, match="more than 1000000 values"):
        numpy_wire.unpack(message)


# A model whose answer takes longer than anybody waits.
SLOW_SERVER = """
import asyncio, contextlib, sys
from groot_ros.cli.verbs.running import serve
from groot_ros.policies.checkpoint.config import LocalPolicyConfig
from groot_ros.benchmarks.serve import StandInModel

local = LocalPolicyConfig("any")
options = serve.Options(protocol=sys.argv[1], port=0, variant="any", local=local)
with contextlib.suppress(asyncio.CancelledError):
    asyncio.run(serve._serve(options, StandInModel(3600.0), ""))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_ends_while_an_inference_runs(number: signal.Signals) -> None:
    command = [sys.executable, "-c", SLOW_SERVER, "gr00t"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            url = process.stdout.readline().split()[-1].replace("gr00t", "tcp")
            model = RecordingModel()
            seen = to_observation(model.codec.encode(observation()), model.codec.language, 0)
            with closing(Client(url)) as asking, closing(Client(url)) as other:
                asking.socket.send(nvidia_wire.pack({"data": {"observation": seen}}))
                assert other.call("ping")["status"] == "ok"
                process.send_signal(number)
                assert process.wait(GENEROUS_S) == 0
        finally:
            process.kill()
    with sockets.create_server(("127.0.0.1", int(url.rsplit(":", 1)[1]))):
        pass
