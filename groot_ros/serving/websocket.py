"""What the websocket servers have in common: listening, limits, tokens, plain HTTP answers."""

from __future__ import annotations

import asyncio
import hmac
import http
from collections.abc import Awaitable, Callable
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from groot_ros.errors import UserError
from groot_ros.wire.bounded import LIMITS

CONNECTIONS = 64
REASON_BYTES = 100

Handler = Callable[[ServerConnection], Awaitable[None]]
Gate = Callable[[ServerConnection, Request], Response | None]


async def listen(
    handler: Handler, gate: Gate, host: str, port: int, ready: Callable[[str], None]
) -> None:
    """Serve until cancelled; `gate` answers a request that opens no session.

    `ready` gets the URL. UserError when the address cannot be had.
    """

    def admit(connection: ServerConnection, request: Request) -> Response | None:
        if len(connection.server.connections) > CONNECTIONS:
            return connection.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, "too many clients\n")
        return gate(connection, request)

    try:
        server = await serve(
            handler,
            host,
            port,
            process_request=admit,
            compression=None,
            max_size=LIMITS.message_bytes,
            max_queue=1,
            close_timeout=2,
        )
    except OSError as error:
        raise UserError(f"cannot listen on {host} port {port}: {error}") from None
    async with server:
        ready(_url(server))
        await asyncio.get_running_loop().create_future()


def _url(server: Server) -> str:
    host, port = next(iter(server.sockets)).getsockname()[:2]
    return f"ws://{f'[{host}]' if ':' in host else host}:{port}"


def is_authorized(request: Request, kind: str, token: str) -> bool:
    """Whether a request carries `Authorization: <kind> <token>`, or none is wanted."""
    if not token:
        return True
    given = request.headers.get_all("Authorization")
    expected = f"{kind} {token}".encode()
    return len(given) == 1 and hmac.compare_digest(given[0].encode(errors="replace"), expected)


def unauthorized(connection: ServerConnection, kind: str) -> Response:
    """The answer to a wrong token."""
    return connection.respond(
        http.HTTPStatus.UNAUTHORIZED, f"the header Authorization lacks the right {kind} token\n"
    )


def is_upgrade(request: Request) -> bool:
    """Whether a request wants a websocket."""
    return any("websocket" in value.lower() for value in request.headers.get_all("Upgrade"))


def reason(error: Any) -> str:
    """An error cut to what fits into the frame that closes a websocket."""
    return str(error).encode()[:REASON_BYTES].decode(errors="ignore")
