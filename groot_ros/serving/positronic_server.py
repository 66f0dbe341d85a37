"""A server for Positronic's clients: offboard protocols 1 and 3 over websockets, msgpack inside.

The server has the codec. In protocol 1 a client sends what its robot measures and gets commands
with times; in 3 it gets rows of numbers, and the handshake describes how to make commands of them.
"""

from __future__ import annotations

import asyncio
import http
import json
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from groot_ros.codecs.codec import Codec
from groot_ros.errors import UserError
from groot_ros.serving.model_slot import ModelSlot
from groot_ros.serving.positronic_settings import Settings
from groot_ros.serving.protocols import ServerConfig
from groot_ros.serving.served import Checkpoints, ModelThread, ServedModel
from groot_ros.serving.websocket import is_authorized, is_upgrade, listen, reason, unauthorized
from groot_ros.wire import numpy_wire
from groot_ros.wire.bounded import Budget, Lease, WireError
from groot_ros.wire.own import OWN
from groot_ros.wire.positronic import (
    END_SESSION,
    KEEPALIVE_PATH,
    MODELS_PATH,
    PROTOCOL_VERSION,
    SESSION_ID,
    SESSION_PATH,
    of_session,
    to_observation,
    to_result,
    to_rows,
)
from groot_ros.wire.positronic_stack import ACTION, describe, ee_frames

logger = logging.getLogger(__name__)

TOKEN_KIND = "Bearer"
POLICY_VIOLATION = 1008
NATIVE = 3
"""The protocol in which clients make the commands."""
PROTOCOLS = (1, NATIVE)
END_BYTES = 1000


async def serve(
    checkpoints: Checkpoints,
    thread: ModelThread,
    config: ServerConfig,
    ready: Callable[[str], None],
) -> None:
    """Answer with the model that each client asks for until cancelled; `ready` gets the URL."""
    await PositronicServer(checkpoints, thread, config).serve(ready)


class PositronicServer:
    """The checkpoints of a folder for Positronic's clients."""

    def __init__(
        self, checkpoints: Checkpoints, thread: ModelThread, config: ServerConfig
    ) -> None:
        self._checkpoints = checkpoints
        self._thread = thread
        self._config = config
        self._slot = ModelSlot(checkpoints, thread)
        self._budget = Budget()

    async def serve(self, ready: Callable[[str], None]) -> None:
        """Load the default model, then answer until cancelled; `ready` gets the URL."""
        async with self._slot.use(self._checkpoints.default, _nobody):
            pass
        await listen(
            self._session, self._gate, host=self._config.host, port=self._config.port, ready=ready
        )

    def _gate(self, connection: ServerConnection, request: Request) -> Response | None:
        if not is_authorized(request, TOKEN_KIND, self._config.token):
            return unauthorized(connection, TOKEN_KIND)
        path = urlsplit(request.path).path
        if is_upgrade(request):
            if path == SESSION_PATH or path.startswith(SESSION_PATH + "/"):
                return None
            # Positronic's clients look for a server by an upgrade that none grants.
            return connection.respond(http.HTTPStatus.FORBIDDEN, f"sessions: {SESSION_PATH}\n")
        if path == MODELS_PATH:
            return _as_json(connection, {"models": list(self._checkpoints.names)})
        if path == KEEPALIVE_PATH:
            # This server never ends for want of clients.
            return _as_json(connection, {"alive_seconds": None})
        return connection.respond(http.HTTPStatus.NOT_FOUND, f"sessions: {SESSION_PATH}\n")

    async def _session(self, socket: ServerConnection) -> None:
        try:
            await self._open_and_run(socket)
        except ConnectionClosed:
            pass
        except UserError as error:
            await self._refuse(socket, str(error))
        except Exception as error:
            logger.exception("a session failed")
            await self._refuse(socket, f"the server failed: {type(error).__name__}: {error}")

    async def _refuse(self, socket: ServerConnection, error: str) -> None:
        try:
            await socket.send(numpy_wire.pack({"status": "error", "error": error}))
            await socket.close(POLICY_VIOLATION, reason(error))
        except ConnectionClosed:
            pass

    async def _open_and_run(self, socket: ServerConnection) -> None:
        assert socket.request
        url = urlsplit(socket.request.path)
        name = unquote(url.path.removeprefix(SESSION_PATH).removeprefix("/"))
        settings = Settings.from_query(url.query)

        async def tell(status: str, message: str) -> None:
            await socket.send(numpy_wire.pack({"status": status, "message": message}))

        async with self._slot.use(name or self._checkpoints.default, tell) as model:
            codec = _codec(model, settings)
            meta = self._meta(name or self._checkpoints.default, model, codec, settings)
            ready: dict[str, Any] = {"status": "ready", "meta": meta}
            session_id = ""
            if self._config.protocol == NATIVE:
                session_id = uuid4().hex
                ready |= {PROTOCOL_VERSION: NATIVE, SESSION_ID: session_id}
            await socket.send(numpy_wire.pack(ready))
            async for message in socket:
                if session_id and _ends(message, session_id):
                    end = {SESSION_ID: session_id, END_SESSION: True}
                    await socket.send(numpy_wire.pack(end))
                    return
                answer = await self._answer(
                    message, model, codec=codec, settings=settings, session_id=session_id
                )
                await socket.send(answer)

    async def _answer(
        self,
        message: str | bytes,
        model: ServedModel,
        codec: Codec,
        settings: Settings,
        session_id: str,
    ) -> bytes:
        began_s = time.monotonic()
        try:
            if isinstance(message, str):
                raise WireError("an observation is a binary message")
            with Lease(self._budget) as lease:
                request = await asyncio.to_thread(numpy_wire.unpack, message, lease)
                if session_id:
                    request = of_session(request, session_id)
                observation = settings.before(to_observation(request))
                done = await self._thread.steps(model, codec, observation)
            step_s = codec.timing.step_ns / 1e9
            timing = {
                "served_ms": (time.monotonic() - began_s) * 1e3,
                "queued_ms": done.queue_s * 1e3,
                "infer_ms": done.model_s * 1e3,
            }
            steps = settings.after(done.value, step_s)
            result: Any = to_result(steps, step_s, settings.horizon)
            if session_id:
                result = {ACTION: to_rows(steps)}
            return numpy_wire.pack({"result": result, "timing": timing})
        except UserError as error:
            return numpy_wire.pack({"error": str(error)})
        except Exception as error:
            logger.exception("an observation failed")
            return numpy_wire.pack(
                {"error": f"the server failed: {type(error).__name__}: {error}"}
            )

    def _meta(
        self, name: str, model: ServedModel, codec: Codec, settings: Settings
    ) -> dict[str, Any]:
        width, height = codec.video.size
        config = self._config
        meta: dict[str, Any] = {
            "type": "groot",
            "host": self._config.host,
            "port": self._config.port,
            "checkpoint_path": self._config.checkpoints_dir,
            "checkpoint_id": name,
            "image_sizes": [width, height],
            "action_fps": codec.timing.action_rate_hz,
            "local_stack": _stack(codec, settings, config),
            "compress_images": self._config.compress_images,
            "positronic_version": "groot_ros",
            OWN: dict(model.description),
        }
        if settings.horizon is not None:
            meta["action_horizon_sec"] = settings.horizon
        # In protocol 3 the client's own stack states them.
        if config.ee_site and config.protocol != NATIVE:
            meta["ee_frames"] = ee_frames(config.ee_site)
        return meta


def _stack(codec: Codec, settings: Settings, config: ServerConfig) -> dict[str, Any]:
    """What a client builds in front of the connection."""
    if config.protocol == NATIVE:
        fps, jpeg = codec.timing.action_rate_hz, config.compress_images
        return describe(codec, fps, horizon_s=settings.horizon, jpeg=jpeg, site=config.ee_site)
    width, height = codec.video.size
    size = {"width": width, "height": height}
    return {
        "seq": [
            {"name": "stop_on_fault"},
            {"name": "chunked_schedule"},
            {"name": "restrict_image_size", "args": size},
        ]
    }


def _ends(message: str | bytes, session_id: str) -> bool:
    """Whether a message of protocol 3 ends its session."""
    if isinstance(message, str) or len(message) > END_BYTES:
        return False
    try:
        request = numpy_wire.unpack(message)
    except WireError:
        return False
    return bool(request == {SESSION_ID: session_id, END_SESSION: True})


def _as_json(connection: ServerConnection, answer: Any) -> Response:
    response = connection.respond(http.HTTPStatus.OK, json.dumps(answer) + "\n")
    del response.headers["Content-Type"]
    response.headers["Content-Type"] = "application/json"
    return response


def _codec(model: ServedModel, settings: Settings) -> Codec:
    if settings.fps is None:
        return model.codec
    timing = replace(model.codec.timing, step_ns=round(1e9 / settings.fps))
    return replace(model.codec, timing=timing)


async def _nobody(status: str, message: str) -> None:
    logger.info("%s: %s", status, message)
