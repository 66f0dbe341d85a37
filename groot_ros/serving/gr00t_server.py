"""A server for NVIDIA's clients: ZMQ requests in msgpack, answered in the form they came in.

It answers the endpoints of gr00t/policy/server_client.py (N1.6, N1.7) as theirs does, but serves
many clients at once: each is answered in turn, and one that has gone holds up nobody.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Callable
from typing import Any

import zmq
import zmq.asyncio

from groot_ros.errors import UserError
from groot_ros.serving.protocols import ServerConfig
from groot_ros.serving.served import Checkpoints, ModelThread, ServedNetwork
from groot_ros.wire import nvidia_wire
from groot_ros.wire.bounded import LIMITS, Budget, Lease, WireError, peek
from groot_ros.wire.gr00t import is_flat, modality_reply, to_answer, to_inputs, to_prefix
from groot_ros.wire.nvidia_wire import Form
from groot_ros.wire.own import OWN

logger = logging.getLogger(__name__)

# Requests that wait for the model or are being answered.
PENDING = 64
# ZMQ ends the connection of a message above this; up to it, one that is too large gets an answer.
FRAME_BYTES = 2 * LIMITS.message_bytes
FRAMES = 8
# Messages that ZMQ itself keeps of one client; a client waits for its answer.
QUEUED = 2
KILL_DELAY_S = 0.1
UNAUTHORIZED = "Unauthorized: Invalid API token"


async def serve(
    checkpoints: Checkpoints,
    thread: ModelThread,
    config: ServerConfig,
    ready: Callable[[str], None],
) -> None:
    """Answer with the default model until cancelled or killed; `ready` gets the URL."""
    served = await thread.default(checkpoints)
    server = Gr00tServer(served, thread, config.token, config.allow_kill)
    await server.serve(config.host, config.port, ready)


class Gr00tServer:
    """One model for NVIDIA's clients."""

    def __init__(
        self, served: ServedNetwork, thread: ModelThread, token: str = "", allow_kill: bool = False
    ) -> None:
        self._served = served
        self._thread = thread
        self._token = token
        self._allow_kill = allow_kill
        self._killed = asyncio.Event()
        self._answering: dict[bytes, asyncio.Task[None]] = {}
        self._budget = Budget()

    async def serve(self, host: str, port: int, ready: Callable[[str], None]) -> None:
        """Answer until cancelled or killed; `ready` gets the URL. UserError if it cannot bind."""
        context = zmq.asyncio.Context()
        self._socket = context.socket(zmq.ROUTER)
        self._socket.set(zmq.LINGER, 0)
        self._socket.set(zmq.MAXMSGSIZE, FRAME_BYTES)
        self._socket.set(zmq.RCVHWM, QUEUED)
        self._socket.set(zmq.IPV6, ":" in host)
        try:
            self._socket.bind(_address(host, port))
        except zmq.ZMQError as error:
            context.destroy()
            raise UserError(f"cannot listen on {host} port {port}: {error}") from None
        bound = self._socket.get_string(zmq.LAST_ENDPOINT)
        ready(bound.replace("tcp://", "gr00t://"))
        receiving = asyncio.create_task(self._receive())
        try:
            await self._killed.wait()
        finally:
            receiving.cancel()
            for task in self._answering.values():
                task.cancel()
            context.destroy()

    async def _receive(self) -> None:
        while True:
            client, *frames = await self._socket.recv_multipart()
            # A REQ socket sends an empty frame first and wants it back.
            envelope = [client, b""] if frames[:1] == [b""] else [client]
            if client in self._answering or len(self._answering) >= PENDING:
                await self._reply(envelope, {"error": "the server is busy: wait for an answer"})
                continue
            body = frames[-1] if 0 < len(frames) <= FRAMES else b""
            self._answering[client] = asyncio.create_task(self._answer(envelope, body))

    async def _answer(self, envelope: list[bytes], body: bytes) -> None:
        reply, form = await self._make_reply(body)
        # Whoever has an answer asks again, perhaps before this task has ended.
        self._answering.pop(envelope[0], None)
        await self._reply(envelope, reply, form)

    async def _make_reply(self, body: bytes) -> tuple[Any, Form]:
        form = Form.NPY
        try:
            if self._token and not _same(peek(body, "api_token"), self._token):
                raise WireError(UNAUTHORIZED)
            with Lease(self._budget) as lease:
                # Pictures take their time, during which others are answered.
                request = await asyncio.to_thread(nvidia_wire.read, body, lease)
                form = request.form or form
                reply = await self._handle(request.value)
        except UserError as error:
            reply = {"error": str(error)}
        except Exception as error:
            logger.exception("a request failed")
            reply = {"error": f"the server failed: {type(error).__name__}: {error}"}
        return reply, form

    async def _reply(self, envelope: list[bytes], reply: Any, form: Form = Form.NPY) -> None:
        await self._socket.send_multipart([*envelope, nvidia_wire.pack(reply, form)])

    async def _handle(self, request: Any) -> Any:
        if not isinstance(request, dict):
            raise WireError("a request is a map with 'endpoint' and 'data'")
        endpoint = request.get("endpoint", "get_action")
        data = request.get("data") or {}
        if not isinstance(data, dict):
            raise WireError("'data' of a request is a map")
        match endpoint:
            case "ping":
                message = {"status": "ok", "message": "Server is running"}
                return {**message, OWN: dict(self._served.description)}
            case "get_action":
                return await self._get_action(data)
            case "reset":
                return {}
            case "get_modality_config":
                return modality_reply(self._served.modality)
            case "kill":
                if not self._allow_kill:
                    raise WireError("kill is off: start the server with --allow-kill")
                # The answer goes out before the server ends.
                asyncio.get_running_loop().call_later(KILL_DELAY_S, self._killed.set)
                return None
        raise WireError(f"Unknown endpoint: {endpoint!s:.100}")

    async def _get_action(self, data: dict[str, Any]) -> list[Any]:
        inputs = to_inputs(data.get("observation"), self._served.modality)
        prefix = to_prefix(data.get("options"))
        if prefix is not None and len(inputs) > 1:
            raise WireError("a batch of several observations cannot continue one action_prefix")
        done = await self._thread.run(
            lambda: [self._served.predict(one, prefix) for one in inputs]
        )
        # Who asks in flat names wants flat ones.
        prefix_of_keys = "action." if is_flat(data.get("observation")) else ""
        actions = to_answer(done.value, prefix_of_keys)
        return [actions, {"server_timing": done.timing}]


def _same(given: Any, token: str) -> bool:
    return isinstance(given, str) and hmac.compare_digest(given.encode(), token.encode())


def _address(host: str, port: int) -> str:
    if host == "0.0.0.0":
        host = "*"
    return f"tcp://{f'[{host}]' if ':' in host else host}:{port or '*'}"
