"""The protocol of openpi's serve_policy.py and of `groot-ros serve --protocol openpi`.

openpi's servers do not tell what their model reads and means: the codec here does, and its keys
are the names on the wire. A server of this package has the codec itself and gets signals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.columns import to_chunk
from groot_ros.codecs.codec import Codec
from groot_ros.errors import UserError
from groot_ros.observation.types import Observation, Prefix
from groot_ros.policies.remote.connection import Answer, Handshake, RemoteConfig, Scheme, Told
from groot_ros.policies.remote.websocket import WebSocket
from groot_ros.signals.signals import EE_POSE
from groot_ros.wire import numpy_wire
from groot_ros.wire.bounded import WireError
from groot_ros.wire.openpi import (
    TIMING,
    TOKEN_KIND,
    of_columns,
    of_signals,
    read_actions,
    to_columns,
)
from groot_ros.wire.own import described
from groot_ros.wire.positronic import from_rows

WEBSOCKETS = {"openpi": "ws", "openpis": "wss"}
LONGEST_ERROR = 500


class OpenpiConnection:
    """A websocket on which the server speaks first and then answers every observation."""

    def __init__(self, config: RemoteConfig, codec: Callable[[], Codec]) -> None:
        self._config = config
        self._codec = codec
        self._socket = WebSocket(config, TOKEN_KIND)
        self._is_own = False

    def ask(self, timeout_s: float) -> Told:
        """Connect; the codec of a server of this package, nothing of others."""
        return Told(
            description=described(self._connect(timeout_s)) or {},
            why_none="does not tell what its model reads, as openpi's do not: write the codec "
            "file by hand, docs/serving.md has one",
        )

    def _connect(self, timeout_s: float) -> dict[str, Any]:
        """The server's metadata."""
        self.close()
        parts, config = self._config.parts, self._config
        self._socket.open(WEBSOCKETS[parts.scheme], parts.path, timeout_s)
        meta = self._receive(timeout_s)
        if "status" in meta:
            raise UserError(
                f"the server {config.url} speaks Positronic's protocol: set policy_url to ws://"
                f"{config.host}:{config.port}"
            )
        return meta

    def open(self, timeout_s: float) -> Handshake:
        """Connect and read the server's metadata; UserError where it cannot do what the settings
        ask for."""
        meta, config = self._connect(timeout_s), self._config
        own = described(meta)
        self._is_own = own is not None
        if config.jpeg_quality and not self._is_own:
            raise UserError(
                f"the server {config.url} is not of groot-ros and reads no JPEG: set "
                "policy_jpeg_quality to 0"
            )
        codec = self._codec()
        return Handshake(
            description=own or {},
            horizon=_whole(meta.get("action_horizon")) or codec.timing.horizon,
            action_rate_hz=_number(meta.get("action_rate_hz")) if self._is_own else 0.0,
        )

    @property
    def no_continuation(self) -> str:
        return self._config.no_continuation

    def reset(self) -> None:
        """Do nothing: the protocol has no episodes."""

    def predict(self, observation: Observation, prefix: Prefix[Chunk] | None) -> Answer:
        """Ask for a chunk: encoded here for openpi's servers, there for those of this package.

        UserError where the answer does not fit the codec.
        """
        codec = self._codec()
        if self._is_own:
            request = of_signals(observation, codec, self._config.jpeg_quality)
        else:
            request = of_columns(codec.encode(observation))
        self._socket.send(numpy_wire.pack(request))
        reply = self._receive(self._config.timeout_s)
        try:
            chunk = self._chunk(codec, reply, observation.stamp_ns)
        except WireError as error:
            raise UserError(f"the server {self._config.url} does not fit: {error}") from None
        return Answer(chunk, _server_s(reply.get(TIMING)))

    def _chunk(self, codec: Codec, reply: Mapping[str, Any], stamp_ns: int) -> Chunk:
        rows = read_actions(reply)
        if not self._is_own:
            return to_chunk(codec, to_columns(rows, codec), stamp_ns)
        steps = from_rows(rows, EE_POSE.name in codec.action.signals)
        return Chunk(stamp_ns=stamp_ns, step_ns=codec.timing.step_ns, signals=steps)

    def _receive(self, timeout_s: float) -> dict[str, Any]:
        """The next message; what a server says in a text is an error."""
        url, message = self._config.url, self._socket.receive(timeout_s)
        if isinstance(message, str):
            raise UserError(f"the server {url} says: {_last_line(message)}")
        try:
            reply = numpy_wire.unpack(message)
        except WireError as error:
            raise UserError(f"the server {url} answers nonsense: {error}") from None
        if not isinstance(reply, dict):
            raise UserError(f"the server {url} speaks another protocol than openpi's")
        return reply

    def close(self) -> None:
        """Disconnect."""
        self._socket.close()
        self._is_own = False


def _last_line(text: str) -> str:
    """What a traceback ends with."""
    lines = text.strip().splitlines()
    return lines[-1][:LONGEST_ERROR] if lines else "nothing"


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and 0 < value <= 10_000 else 0


def _server_s(timing: Any) -> float | None:
    """What the server spent on waiting for the model and running it."""
    if not isinstance(timing, dict):
        return None
    times = [timing[name] for name in ("queue_ms", "infer_ms") if name in timing]
    numbers = [float(ms) for ms in times if isinstance(ms, int | float) and 0 <= ms < 1e9]
    return sum(numbers) / 1e3 if times and len(numbers) == len(times) else None


SCHEMES = {
    "openpi": Scheme(port=8000, client=OpenpiConnection, whose="openpi's"),
    "openpis": Scheme(port=443, client=OpenpiConnection, whose="openpi's"),
}
"""Without and with TLS."""
