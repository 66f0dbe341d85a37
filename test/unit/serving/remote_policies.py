"""Policies whose model is in a server, of each protocol."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from served_models import GENEROUS_S, gr00t_server, openpi_server, positronic_server
from websockets.sync.server import serve as serve_in_thread

from groot_ros.codecs.catalog import find_codec
from groot_ros.policies.remote.connection import RemoteConfig
from groot_ros.policies.remote.policy import RemotePolicy
from groot_ros.robot.config import load_robot


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
