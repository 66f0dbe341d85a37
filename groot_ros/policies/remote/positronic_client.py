"""The protocols 1, 2 and 3 of Positronic's servers and of `groot-ros serve --protocol positronic`.

The server says which it speaks. In 1 and 2 it has the codec; in 3 it describes what its clients
have to do, of which our codec does the same: the description is compared, never run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.columns import to_chunk
from groot_ros.codecs.codec import Codec
from groot_ros.errors import UserError
from groot_ros.observation.types import Observation, Prefix
from groot_ros.policies.remote.connection import (
    Answer,
    Handshake,
    RemoteConfig,
    Scheme,
    Told,
    Unreachable,
)
from groot_ros.policies.remote.gr00t_dialects import Nested
from groot_ros.policies.remote.websocket import WebSocket
from groot_ros.wire import numpy_wire
from groot_ros.wire.bounded import JPEG_QUALITY, WireError
from groot_ros.wire.gr00t import to_observation as to_nested
from groot_ros.wire.own import described
from groot_ros.wire.positronic import (
    END_SESSION,
    OBSERVATION,
    PROTOCOL_VERSION,
    SESSION_ID,
    SESSION_PATH,
    from_rows,
    to_flat,
    to_steps,
)
from groot_ros.wire.positronic_stack import ACTION, ClientStack, read_stack

# A server that loads its model says so at least this often.
STATUS_TIMEOUT_S = 30.0
LOADING_TIMEOUT_S = 900.0
# How long a server may take to forget a session; it ends with the connection all the same.
END_TIMEOUT_S = 0.5
# Servers of version 1 do not tell it.
VERSIONS = (1, 2, 3)
LONGEST_ID = 200
TOKEN_KIND = "Bearer"


class PositronicConnection:
    """A websocket session; a path in the URL names the model, a query the session parameters."""

    def __init__(self, config: RemoteConfig, codec: Callable[[], Codec]) -> None:
        self._config = config
        self._codec = codec
        self._socket = WebSocket(config, TOKEN_KIND)
        self._session = Session()
        self._is_waiting = False

    def open(self, timeout_s: float) -> Handshake:
        """Connect and wait until the server has loaded its model."""
        return self._read_meta(self._connect(timeout_s))

    def ask(self, timeout_s: float) -> Told:
        """Connect; what a server of protocol 3 wants of its clients, where that has keys."""
        description = described(self._connect(timeout_s)) or {}
        stack = self._session.stack
        if stack is None or stack.video is None or stack.state is None:
            return Told(
                description=description,
                why_none="takes the robot's signals as they are and has the codec itself, so "
                "there is none to draft: `groot-ros codec list` has those of its kind",
            )
        parts = {
            "video": list(stack.video),
            "state": list(stack.state),
            "action": list(stack.actions or ()),
            "language": [stack.language],
        }
        return Told(
            description=description,
            entry={
                part: {"modality_keys": keys, "delta_indices": [0]} for part, keys in parts.items()
            },
            fps=round(stack.fps) or None,
            sizes={key: picture[:2] for key, picture in stack.video.items() if picture},
            is_horizon_told=False,
        )

    def _connect(self, timeout_s: float) -> Mapping[str, Any]:
        """What the server says of its model, once that is loaded."""
        self.close()
        parts = self._config.parts
        path = SESSION_PATH if parts.path in ("", "/") else parts.path
        self._socket.open(parts.scheme, path, timeout_s)
        return self._handshake()

    def _handshake(self) -> Mapping[str, Any]:
        deadline_s = time.monotonic() + LOADING_TIMEOUT_S
        while time.monotonic() < deadline_s:
            reply = self._receive(STATUS_TIMEOUT_S)
            if "error" in reply:
                raise UserError(f"the server {self._config.url} says: {reply['error']!s:.500}")
            # A status may be anything, an array too.
            status, meta = reply.get("status"), reply.get("meta")
            if isinstance(status, str) and status == "ready" and isinstance(meta, dict):
                self._session = self._read_session(reply)
                return meta
            if "status" not in reply:
                raise UserError(
                    f"the server {self._config.url} does not speak Positronic's protocol: one of "
                    f"openpi's is named openpi://{self._config.host}:{self._config.port}"
                )
        raise Unreachable(
            f"the server {self._config.url} is not ready after {LOADING_TIMEOUT_S} s"
        )

    def _read_session(self, ready: Mapping[str, Any]) -> Session:
        """What a handshake says of the protocol; UserError for one that is not understood here."""
        url, version = self._config.url, ready.get(PROTOCOL_VERSION, 1)
        if not isinstance(version, int) or version not in VERSIONS:
            raise UserError(
                f"the server {url} speaks version {version!r:.20} of Positronic's protocol, "
                f"expected {', '.join(map(str, VERSIONS))}: serve the model with groot-ros serve"
            )
        if version == 1:
            return Session()
        session_id = ready.get(SESSION_ID)
        if not isinstance(session_id, str) or not 0 < len(session_id) <= LONGEST_ID:
            raise UserError(f"the server {url} opens a session without a session_id")
        if version == 2:
            return Session(session_id)
        try:
            return Session(session_id, read_stack(ready["meta"].get("local_stack")))
        except WireError as error:
            raise UserError(
                f"the server {url} cannot be used: {error}: serve the model with groot-ros serve"
            ) from None

    def _read_meta(self, meta: Mapping[str, Any]) -> Handshake:
        stack = self._session.stack
        rate_hz = stack.fps if stack else meta.get("action_fps")
        handshake = Handshake(
            description=described(meta) or {},
            action_rate_hz=float(rate_hz)
            if isinstance(rate_hz, int | float) and rate_hz > 0
            else 0.0,
        )
        if stack is None or stack.video is None:
            return handshake
        # Actions that the robot does not follow are no part of the description.
        ignored = self._codec().action.ignored
        return replace(
            handshake,
            state_keys=stack.state,
            action_keys=(*(stack.actions or ()), *ignored),
            video_keys=tuple(stack.video),
            pictures={key: picture for key, picture in stack.video.items() if picture},
        )

    @property
    def no_continuation(self) -> str:
        return self._config.no_continuation

    def reset(self) -> None:
        """Do nothing: neither GR00T nor its codecs keep a state over an episode."""

    def predict(self, observation: Observation, prefix: Prefix[Chunk] | None) -> Answer:
        """Send what was observed, receive commands; the server has the codec.

        UserError with the server's own message where it answers with an error.
        """
        codec = self._codec()
        message = numpy_wire.pack(self._session.wrapped(self._request(codec, observation)))
        reply = self._exchange(message)
        if "error" in reply:
            raise UserError(f"the server {self._config.url} says: {reply['error']!s:.500}")
        chunk = self._chunk(codec, reply.get("result"), observation.stamp_ns)
        return Answer(chunk, _server_s(reply.get("timing")))

    def _request(self, codec: Codec, observation: Observation) -> dict[str, Any]:
        stack = self._session.stack
        quality = self._config.jpeg_quality
        if stack and stack.jpeg:
            quality = quality or JPEG_QUALITY
        if stack and stack.is_packed:
            nested = to_nested(codec.encode(observation), stack.language, 0)
            if quality:
                nested["video"] = {
                    key: numpy_wire.jpeg_map(images, quality)
                    for key, images in nested["video"].items()
                }
            return nested
        pictures = codec.video.encode(observation)
        images = {camera: pictures[key][0] for key, camera in codec.video.cameras.items()}
        return to_flat(replace(observation, images=images), quality)

    def _chunk(self, codec: Codec, result: Any, stamp_ns: int) -> Chunk:
        stack = self._session.stack
        try:
            if stack and stack.is_packed:
                output, _ = Nested(stack.language).read(result)
                return to_chunk(codec, output, stamp_ns)
            if stack:
                rows = result.get(ACTION) if isinstance(result, dict) else None
                steps, step_ns = from_rows(rows, stack.rows == "poses"), codec.timing.step_ns
            else:
                steps, step_s = to_steps(result)
                step_ns = round(1e9 * step_s)
        except WireError as error:
            raise UserError(f"the server {self._config.url} answers nonsense: {error}") from None
        if steps.motion is None or steps.motion.name not in codec.action.signals:
            raise UserError(f"the server {self._config.url} serves another variant")
        return Chunk(stamp_ns=stamp_ns, step_ns=step_ns, signals=steps)

    def _exchange(self, message: bytes) -> dict[str, Any]:
        self._is_waiting = True
        self._socket.send(message)
        reply = self._receive(self._config.timeout_s)
        self._is_waiting = False
        return reply

    def _receive(self, timeout_s: float) -> dict[str, Any]:
        message = self._socket.receive(timeout_s)
        try:
            reply = numpy_wire.unpack(message) if isinstance(message, bytes) else None
        except WireError as error:
            raise UserError(f"the server {self._config.url} answers nonsense: {error}") from None
        if not isinstance(reply, dict):
            raise UserError(f"the server {self._config.url} speaks another protocol")
        return reply

    def close(self) -> None:
        """End the session; a server of protocol 2 or 3 is told and answers when it forgot it."""
        # An answer that is still to come would be taken for the acknowledgement.
        if self._socket.is_open and self._session.session_id and not self._is_waiting:
            end = {SESSION_ID: self._session.session_id, END_SESSION: True}
            with suppress(Unreachable):
                self._socket.send(numpy_wire.pack(end))
                self._socket.receive(END_TIMEOUT_S)
        self._socket.close()
        self._session, self._is_waiting = Session(), False


@dataclass(frozen=True)
class Session:
    """What a server said of its session: of protocol 1 nothing, of 3 its clients' stack."""

    session_id: str = ""
    stack: ClientStack | None = None

    def wrapped(self, observation: dict[str, Any]) -> dict[str, Any]:
        """A request with an observation."""
        if not self.session_id:
            return observation
        return {SESSION_ID: self.session_id, OBSERVATION: observation}


def _server_s(timing: Any) -> float | None:
    """What the server spent on waiting for the model and running it, else all that it tells."""
    if not isinstance(timing, dict):
        return None
    parts = [timing[name] for name in ("queued_ms", "infer_ms") if name in timing]
    numbers = parts or [timing.get("served_ms")]
    return sum(ms / 1e3 for ms in numbers if isinstance(ms, float)) or None


SCHEMES = {
    "ws": Scheme(port=8000, client=PositronicConnection, whose="Positronic's"),
    "wss": Scheme(port=443, client=PositronicConnection, whose="Positronic's"),
}
"""Without and with TLS."""
