"""The protocol of Positronic's servers and of `groot-ros serve --protocol positronic`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.progress import Prefix
from groot_ros.codecs.codec import Codec
from groot_ros.errors import UserError
from groot_ros.observation.types import Observation
from groot_ros.policies.remote.connection import Answer, Handshake, RemoteConfig, Unreachable
from groot_ros.wire import numpy_wire
from groot_ros.wire.bounded import LIMITS, WireError
from groot_ros.wire.positronic import SESSION_PATH, to_flat, to_steps

# A server that loads its model says so at least this often.
STATUS_TIMEOUT_S = 30.0
LOADING_TIMEOUT_S = 900.0
# Servers of this version do not tell it.
PROTOCOL_VERSION = 1
OWN = "groot_ros"


class PositronicConnection:
    """A websocket session; a path in the URL names the model, a query the session parameters."""

    def __init__(self, config: RemoteConfig, codec: Callable[[], Codec]) -> None:
        self._config = config
        self._codec = codec
        self._socket: ClientConnection | None = None
        self._context = ExitStack()

    def open(self, timeout_s: float) -> Handshake:
        """Connect and wait until the server has loaded its model."""
        self.close()
        parts, token = self._config.parts, self._config.token
        path = SESSION_PATH if parts.path in ("", "/") else parts.path
        query = f"?{parts.query}" if parts.query else ""
        try:
            self._socket = self._context.enter_context(
                connect(
                    f"{parts.scheme}://{self._config.host}:{self._config.port}{path}{query}",
                    open_timeout=timeout_s,
                    compression=None,
                    max_size=LIMITS.message_bytes,
                    additional_headers={"Authorization": f"Bearer {token}"} if token else None,
                    proxy=None,
                    close_timeout=1.0,
                )
            )
        except InvalidStatus as error:
            status = error.response.status_code
            raise self._refusal(status, bytes(error.response.body or b"")) from None
        except (OSError, InvalidHandshake, ConnectionClosed) as error:
            raise self._unreachable(error) from None
        return self._handshake()

    def _handshake(self) -> Handshake:
        deadline_s = time.monotonic() + LOADING_TIMEOUT_S
        while time.monotonic() < deadline_s:
            reply = self._receive(STATUS_TIMEOUT_S)
            if "error" in reply:
                raise UserError(f"the server {self._config.url} says: {reply['error']!s:.500}")
            # A status may be anything, an array too.
            status, meta = reply.get("status"), reply.get("meta")
            if isinstance(status, str) and status == "ready" and isinstance(meta, dict):
                self._check_version(reply.get("protocol_version", PROTOCOL_VERSION))
                return _read_meta(meta)
        raise Unreachable(
            f"the server {self._config.url} is not ready after {LOADING_TIMEOUT_S} s"
        )

    def _check_version(self, version: Any) -> None:
        if not isinstance(version, int) or version != PROTOCOL_VERSION:
            raise UserError(
                f"the server {self._config.url} speaks version {version!r:.20} of Positronic's "
                f"protocol, expected {PROTOCOL_VERSION}: serve the model with groot-ros serve"
            )

    no_continuation = "policies at ws:// cannot continue a chunk"

    def reset(self) -> None:
        """Nothing to tell: neither GR00T nor its codecs remember an episode."""

    def predict(self, observation: Observation, prefix: Prefix | None) -> Answer:
        """Send what was observed, receive commands; the server has the codec."""
        if prefix is not None:
            raise UserError(
                f"{self.no_continuation}: choose another strategy than rtc, or serve the model "
                "with --protocol gr00t"
            )
        codec = self._codec()
        pictures = codec.video.encode(observation)
        images = {camera: pictures[key][0] for key, camera in codec.video.cameras.items()}
        flat = to_flat(replace(observation, images=images), self._config.jpeg_quality)
        reply = self._exchange(numpy_wire.pack(flat))
        if "error" in reply:
            raise UserError(f"the server {self._config.url} says: {reply['error']!s:.500}")
        try:
            steps, step_s = to_steps(reply.get("result"))
        except WireError as error:
            raise UserError(f"the server {self._config.url} answers nonsense: {error}") from None
        if steps.motion is None or steps.motion.name not in codec.action.signals:
            raise UserError(f"the server {self._config.url} serves another variant")
        chunk = Chunk(
            stamp_ns=observation.stamp_ns,
            step_ns=round(1e9 * step_s),
            signals=steps,
        )
        return Answer(chunk, _server_s(reply.get("timing")))

    def _exchange(self, message: bytes) -> dict[str, Any]:
        if self._socket is None:
            raise Unreachable(f"the server {self._config.url} is not connected")
        try:
            self._socket.send(message)
        except (ConnectionClosed, OSError) as error:
            raise self._unreachable(error) from None
        return self._receive(self._config.timeout_s)

    def _receive(self, timeout_s: float) -> dict[str, Any]:
        assert self._socket is not None
        try:
            message = self._socket.recv(timeout=timeout_s)
        except TimeoutError:
            raise Unreachable(
                f"the server {self._config.url} did not answer in {timeout_s:g} s"
            ) from None
        except (ConnectionClosed, OSError) as error:
            raise self._unreachable(error) from None
        try:
            reply = numpy_wire.unpack(message) if isinstance(message, bytes) else None
        except WireError as error:
            raise UserError(f"the server {self._config.url} answers nonsense: {error}") from None
        if not isinstance(reply, dict):
            raise UserError(f"the server {self._config.url} speaks another protocol")
        return reply

    def _refusal(self, status: int, body: bytes) -> UserError:
        url = self._config.url
        if status in (401, 403):
            return UserError(
                f"the server {url} refuses the token: let policy_token_env name the right one"
            )
        if status >= 500 or status == 429:
            return Unreachable(f"the server {url} is not ready (HTTP {status})")
        said = body.decode(errors="replace").strip()
        return UserError(f"the server {url} answers with HTTP {status} {said:.100}")

    def _unreachable(self, error: Exception) -> Unreachable:
        reason = str(error) or type(error).__name__
        return Unreachable(f"the server {self._config.url} cannot be reached: {reason}")

    def close(self) -> None:
        """End the session."""
        self._context.close()
        self._socket = None


def _read_meta(meta: Mapping[str, Any]) -> Handshake:
    own = meta.get(OWN)
    rate_hz = meta.get("action_fps")
    return Handshake(
        description=own if isinstance(own, dict) else {},
        action_rate_hz=float(rate_hz) if isinstance(rate_hz, int | float) and rate_hz > 0 else 0.0,
    )


def _server_s(timing: Any) -> float | None:
    """What the server spent on waiting for the model and running it, else all that it tells."""
    if not isinstance(timing, dict):
        return None
    parts = [timing[name] for name in ("queued_ms", "infer_ms") if name in timing]
    numbers = parts or [timing.get("served_ms")]
    return sum(ms / 1e3 for ms in numbers if isinstance(ms, float)) or None
