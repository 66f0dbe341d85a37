"""The protocol of NVIDIA's run_gr00t_server.py and of `groot-ros serve --protocol gr00t`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import zmq

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.columns import continued_actions, to_chunk
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
from groot_ros.policies.remote.gr00t_dialects import Dialect, Nested, find_dialect
from groot_ros.wire import nvidia_wire
from groot_ros.wire.bounded import WireError
from groot_ros.wire.nvidia_wire import Form
from groot_ros.wire.own import described

PARTS = ("video", "state", "action", "language")


class Gr00tConnection:
    """A ZMQ request socket; `codec` gives the codec once the server has told its timing."""

    def __init__(self, config: RemoteConfig, codec: Callable[[], Codec]) -> None:
        self._config = config
        self._codec = codec
        self._context: zmq.Context[zmq.Socket[bytes]] | None = None
        self._dialect: Dialect = Nested("")
        self._is_own = False
        self._form = Form.NPY

    def open(self, timeout_s: float) -> Handshake:
        """Connect, ping and read get_modality_config, which shows the form of its messages.

        UserError where the server cannot do what the settings ask for, such as JPEG.
        """
        config, description = self._connect(timeout_s)
        if self._config.jpeg_quality and not self._is_own:
            raise UserError(
                f"the server {self._config.url} is not of groot-ros and reads no JPEG: set "
                "policy_jpeg_quality to 0"
            )
        return self._read_handshake(config, description)

    def ask(self, timeout_s: float) -> Told:
        """Connect; what get_modality_config answers."""
        config, description = self._connect(timeout_s)
        rate_hz = description.get("action_rate_hz")
        fps = None
        if isinstance(rate_hz, int | float) and 1 <= rate_hz < 1e6:
            fps = round(rate_hz)
        return Told(description=description, entry=self._bare(config), fps=fps)

    def _connect(self, timeout_s: float) -> tuple[Any, Mapping[str, Any]]:
        """The answer to get_modality_config, and how a server of this package describes itself,
        empty of others."""
        self.close()
        self._form = Form.NPY
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.REQ)
        self._socket.set(zmq.LINGER, 0)
        self._socket.set(zmq.IPV6, 1)
        # Other events of the socket, such as the first connection, are no news.
        self._losses = self._socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        self._socket.connect(f"tcp://{self._config.host}:{self._config.port}")
        own = described(self._call("ping", None, timeout_s))
        config = self._call("get_modality_config", None, timeout_s)
        self._is_own = own is not None
        return config, own or {}

    def _bare(self, config: Any) -> object:
        """The entry without the names of modalities that N1.5 puts in front of keys."""
        try:
            return {
                part: {
                    **entry,
                    "modality_keys": [
                        str(key).removeprefix(f"{part}.") for key in entry["modality_keys"]
                    ],
                }
                for part, entry in config.items()
            }
        except (AttributeError, KeyError, TypeError):
            raise UserError(
                f"the server {self._config.url} answers get_modality_config with something else "
                "than modalities"
            ) from None

    def _read_handshake(self, config: Any, description: Mapping[str, Any]) -> Handshake:
        try:
            keys = {part: config[part]["modality_keys"] for part in PARTS}
            if not all(_are_texts(keys[part]) for part in PARTS):
                raise TypeError("modality_keys are no texts")
            self._dialect = find_dialect(keys["language"][0], keys["state"])
            # N1.5 puts the modality's name in front.
            bare = {
                part: tuple(str(key).removeprefix(f"{part}.") for key in keys[part])
                for part in PARTS
            }
            kinds = config["action"].get("action_configs")
            return Handshake(
                description=description,
                state_keys=bare["state"],
                action_keys=bare["action"],
                video_keys=bare["video"],
                relative=None if kinds is None else any(k["rep"] == "RELATIVE" for k in kinds),
                state_history=tuple(map(int, config["state"]["delta_indices"])),
                video_history=tuple(map(int, config["video"]["delta_indices"])),
                horizon=len(config["action"]["delta_indices"]),
                action_rate_hz=float(description.get("action_rate_hz", 0.0)),
            )
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            raise UserError(
                f"the server {self._config.url} answers get_modality_config with something else "
                "than the video, state, action and language of GR00T N1.5 to N1.7"
            ) from None

    @property
    def no_continuation(self) -> str:
        if not self._is_own:
            return f"the server {self._config.url} is not of groot-ros and cannot continue a chunk"
        return ""

    def reset(self) -> None:
        """Tell the server that an episode begins."""
        if self._dialect.has_reset:
            self._call("reset", {"options": None}, self._config.timeout_s)

    def predict(self, observation: Observation, prefix: Prefix[Chunk] | None) -> Answer:
        """Encode here, predict there, decode here."""
        codec = self._codec()
        data = self._dialect.request(
            codec.encode(observation), self._config.jpeg_quality, self._options(codec, prefix)
        )
        output, info = self._dialect.read(self._call("get_action", data, self._config.timeout_s))
        return Answer(to_chunk(codec, output, observation.stamp_ns), _server_s(info))

    def _options(self, codec: Codec, prefix: Prefix[Chunk] | None) -> dict[str, Any] | None:
        if prefix is None:
            return None
        continued = continued_actions(codec, prefix)
        return {"action_prefix": continued.steps, "frozen_steps": continued.frozen_steps}

    def _call(self, endpoint: str, data: dict[str, Any] | None, timeout_s: float) -> Any:
        request: dict[str, Any] = {"endpoint": endpoint}
        if data is not None:
            request["data"] = data
        if token := self._config.token:
            request["api_token"] = token
        message = self._exchange(nvidia_wire.pack(request, self._form), timeout_s)
        if message == b"ERROR":
            raise UserError(f"the server {self._config.url} failed and does not say why")
        try:
            received = nvidia_wire.read(message)
        except WireError as error:
            raise UserError(f"the server {self._config.url} answers nonsense: {error}") from None
        # What it sends is what it reads; before its first marker nothing is sent that differs.
        self._form = received.form or self._form
        reply = received.value
        if isinstance(reply, dict) and "error" in reply:
            raise UserError(f"the server {self._config.url} says: {reply['error']!s:.500}")
        return reply

    def _exchange(self, message: bytes, timeout_s: float) -> bytes:
        """The reply to a message; Unreachable at once when the connection breaks, or in time."""
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._losses, zmq.POLLIN)
        deadline_s = time.monotonic() + timeout_s
        try:
            self._socket.send(message, zmq.NOBLOCK)
            while (left_s := deadline_s - time.monotonic()) > 0:
                ready = dict(poller.poll(max(1, round(left_s * 1e3))))
                if self._socket in ready:
                    return self._socket.recv(zmq.NOBLOCK)
                if self._losses in ready:
                    raise Unreachable(f"the server {self._config.url} has gone")
        except zmq.ZMQError as error:
            raise Unreachable(
                f"the server {self._config.url} cannot be reached: {error}"
            ) from None
        raise Unreachable(f"the server {self._config.url} did not answer in {timeout_s:g} s")

    def close(self) -> None:
        """Forget the socket and what waits in it."""
        if self._context:
            self._context.destroy(linger=0)
        self._context = None


def _are_texts(keys: Any) -> bool:
    return isinstance(keys, list | tuple) and all(isinstance(key, str) for key in keys)


def _server_s(info: Any) -> float | None:
    timing = info.get("server_timing") if isinstance(info, dict) else None
    if not isinstance(timing, dict):
        return None
    times = [timing.get(name) for name in ("queue_ms", "infer_ms")]
    if not all(isinstance(ms, float) and 0 <= ms < 1e9 for ms in times):
        return None
    return sum(ms for ms in times if isinstance(ms, float)) / 1e3


SCHEMES = {
    "gr00t": Scheme(port=5555, client=Gr00tConnection, whose="NVIDIA's", may_continue=True),
}
