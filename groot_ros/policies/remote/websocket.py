"""The websocket under the protocols that have one: what fails, in the words of a user."""

from __future__ import annotations

from contextlib import ExitStack

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from groot_ros.errors import UserError
from groot_ros.policies.remote.connection import RemoteConfig, Unreachable
from groot_ros.wire.bounded import LIMITS


class WebSocket:
    """A connection to a server; `token_kind` goes before the token in `Authorization`.

    Everything but `close` raises Unreachable when the server cannot be had.
    """

    def __init__(self, config: RemoteConfig, token_kind: str) -> None:
        self._config = config
        self._token_kind = token_kind
        self._socket: ClientConnection | None = None
        self._context = ExitStack()

    @property
    def is_open(self) -> bool:
        """Whether there is a connection."""
        return self._socket is not None

    def open(self, scheme: str, path: str, timeout_s: float) -> None:
        """Connect to a path of the server by ws or wss; UserError when it refuses this client."""
        config = self._config
        query = f"?{config.parts.query}" if config.parts.query else ""
        address = f"{scheme}://{config.host}:{config.port}{path}{query}"
        token = config.token
        header = {"Authorization": f"{self._token_kind} {token}"} if token else None
        try:
            self._socket = self._context.enter_context(
                connect(
                    address,
                    open_timeout=timeout_s,
                    compression=None,
                    max_size=LIMITS.message_bytes,
                    additional_headers=header,
                    proxy=None,
                    close_timeout=1.0,
                )
            )
        except InvalidStatus as error:
            status = error.response.status_code
            raise self._refusal(status, bytes(error.response.body or b"")) from None
        except (OSError, InvalidHandshake, ConnectionClosed) as error:
            raise self._unreachable(error) from None

    def send(self, message: bytes) -> None:
        """Send one message."""
        if self._socket is None:
            raise Unreachable(f"the server {self._config.url} is not connected")
        try:
            self._socket.send(message)
        except (ConnectionClosed, OSError) as error:
            raise self._unreachable(error) from None

    def receive(self, timeout_s: float) -> str | bytes:
        """The next message."""
        if self._socket is None:
            raise Unreachable(f"the server {self._config.url} is not connected")
        try:
            return self._socket.recv(timeout=timeout_s)
        except TimeoutError:
            raise Unreachable(
                f"the server {self._config.url} did not answer in {timeout_s:g} s"
            ) from None
        except (ConnectionClosed, OSError) as error:
            raise self._unreachable(error) from None

    def close(self) -> None:
        """Disconnect, whatever state the connection is in."""
        self._context.close()
        self._socket = None

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
