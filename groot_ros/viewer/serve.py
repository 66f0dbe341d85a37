"""Listening for browsers until somebody ends it."""

from __future__ import annotations

import errno
import ipaddress
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette

from groot_ros.errors import UserError

# For answers that are under way, and for a film that is being decoded.
ANSWERS_S = 1
GRACE_S = 2.0
LAST_PORT = 65535


def is_local(host: str) -> bool:
    """Whether only this machine can reach a host."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens, at a free port for 0; UserError when the address cannot be had."""
    if not 0 <= port <= LAST_PORT:
        # getaddrinfo would count on from 0.
        raise UserError(f"port is {port}, expected 0 to {LAST_PORT}")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        found = socket.socket(family, kind, protocol)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UserError(
                f"port {port} of {host} is taken: choose another with --port, 0 takes a free one"
            ) from None
        raise UserError(f"cannot listen on {host} port {port}: {error.strerror}") from None
    return found


def serve(app: Starlette, place: socket.socket, ready: Callable[[], None]) -> None:
    """Answer until SIGINT or SIGTERM; `ready` is called once a browser gets answers."""
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, timeout_graceful_shutdown=ANSWERS_S
    )
    server = _Server(config, ready)
    server.run(sockets=[place])


class _Server(uvicorn.Server):
    """A signal ends it with what it was asked before, and without that after GRACE_S."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        def end(_number: int, _frame: object) -> None:
            # A thread that decodes cannot be interrupted.
            timer = threading.Timer(GRACE_S, os._exit, (0,))
            timer.daemon = True
            timer.start()
            self.should_exit = True

        before = {n: signal.signal(n, end) for n in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
