"""A server for openpi-client: metadata first, then an answer to every observation.

The metadata names what is read and answered.
"""

from __future__ import annotations

import asyncio
import http
import logging
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from groot_ros.codecs.codec import Codec
from groot_ros.errors import UserError
from groot_ros.serving.protocols import ServerConfig
from groot_ros.serving.served import Checkpoints, ModelThread, ServedModel
from groot_ros.serving.websocket import is_authorized, listen, reason, unauthorized
from groot_ros.wire import numpy_wire
from groot_ros.wire.bounded import Budget, Lease, WireError
from groot_ros.wire.openpi import (
    ACTIONS,
    PREFIX,
    PROMPT,
    SIGNALS,
    TIMING,
    TOKEN_KIND,
    to_observation,
)
from groot_ros.wire.own import OWN
from groot_ros.wire.positronic import to_rows

logger = logging.getLogger(__name__)

INTERNAL_ERROR = 1011


async def serve(
    checkpoints: Checkpoints,
    thread: ModelThread,
    config: ServerConfig,
    ready: Callable[[str], None],
) -> None:
    """Answer with the default model until cancelled; `ready` gets the URL."""
    served = await thread.default(checkpoints)
    await OpenpiServer(served, thread, config.token).serve(config.host, config.port, ready)


class OpenpiServer:
    """One model for openpi's clients."""

    def __init__(self, served: ServedModel, thread: ModelThread, token: str = "") -> None:
        self._served = served
        self._thread = thread
        self._token = token
        self._budget = Budget()

    async def serve(self, host: str, port: int, ready: Callable[[str], None]) -> None:
        """Answer until cancelled; `ready` gets the URL. UserError when it cannot listen."""

        def listening(url: str) -> None:
            ready(url.replace("ws://", "openpi://"))

        await listen(self._session, self._gate, host=host, port=port, ready=listening)

    def _gate(self, connection: ServerConnection, request: Request) -> Response | None:
        if urlsplit(request.path).path == "/healthz":
            return connection.respond(http.HTTPStatus.OK, "OK\n")
        if not is_authorized(request, TOKEN_KIND, self._token):
            return unauthorized(connection, TOKEN_KIND)
        return None

    async def _session(self, socket: ServerConnection) -> None:
        try:
            await socket.send(numpy_wire.pack(self._meta()))
            total_s: float | None = None
            async for message in socket:
                began_s = time.monotonic()
                await socket.send(await self._answer(message, total_s))
                total_s = time.monotonic() - began_s
        except ConnectionClosed:
            pass
        # openpi's clients take a text for an error and expect the end of the session after it.
        except UserError as error:
            await _fail(socket, str(error))
        except Exception as error:
            logger.exception("a session failed")
            await _fail(socket, f"the server failed: {type(error).__name__}: {error}")

    def _meta(self) -> dict[str, Any]:
        codec = self._served.codec
        keys = {spec.name: key for spec, key in SIGNALS.items()}
        signals = [keys[name] for name in codec.state.signals]
        return {
            OWN: dict(self._served.description),
            "observation": [*(PREFIX + key for key in codec.video.cameras), *signals, PROMPT],
            "actions": _action_names(codec),
            "action_horizon": codec.timing.horizon,
            "action_rate_hz": codec.timing.action_rate_hz,
        }

    async def _answer(self, message: str | bytes, last_total_s: float | None) -> bytes:
        if isinstance(message, str):
            raise WireError("an observation is a binary message")
        codec = self._served.codec
        with Lease(self._budget) as lease:
            request = await asyncio.to_thread(numpy_wire.unpack, message, lease)
            observation = to_observation(request, codec)
            done = await self._thread.steps(self._served, codec, observation)
        timing = done.timing
        if last_total_s is not None:
            timing["prev_total_ms"] = last_total_s * 1e3
        return numpy_wire.pack({ACTIONS: to_rows(done.value), TIMING: timing})


def _action_names(codec: Codec) -> list[str]:
    return [name for part in codec.action.parts for name in part.signal.columns]


async def _fail(socket: ServerConnection, error: str) -> None:
    try:
        await socket.send(error)
        await socket.close(INTERNAL_ERROR, reason(error))
    except ConnectionClosed:
        pass
