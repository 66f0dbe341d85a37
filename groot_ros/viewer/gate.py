"""Who may see and change anything: by host name, token and, for changes, origin."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
TOKEN = "token"
# The page holds all that it needs; nobody frames it, and no address of it is told to others.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Gate:
    """Refuses requests before the application sees them.

    A page of another site can make a browser ask this server: by a name of its own that leads
    here (DNS rebinding), which the Host header tells, or by a form or script, which the Origin of
    a change tells. With a `token`, every request needs it: once in the URL of the first page,
    which answers with a cookie, then in that cookie.
    """

    def __init__(
        self, app: ASGIApp, hosts: Collection[str], token: str = "", any_address: bool = False
    ) -> None:
        self._app = app
        self._hosts = LOCAL_NAMES | {host.lower() for host in hosts}
        self._token = token
        self._any_address = any_address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        answer = self._answer(Request(scope)) or self._app
        await answer(scope, receive, send_guarded)

    def _answer(self, request: Request) -> Response | None:
        """What is said in the application's place."""
        if not self._is_host(request.headers.get("host", "")):
            return _refusal("this server does not answer to that host name")
        if self._token:
            # Cookies are common to all ports of a host.
            cookie = f"groot_ros_view_{urlsplit(str(request.base_url)).port}"
            if self._is_token(request.query_params.get(TOKEN, "")):
                if request.url.path == "/":
                    answer = RedirectResponse("/", 303)
                    answer.set_cookie(cookie, self._token, httponly=True, samesite="lax")
                    return answer
            elif not self._is_token(request.cookies.get(cookie, "")):
                return _refusal("open the URL with the token that groot-ros view printed", 401)
        if request.method not in ("GET", "HEAD") and not _is_same_origin(request):
            return _refusal("changes are taken from this server's own page alone")
        return None

    def _is_host(self, header: str) -> bool:
        try:
            name = urlsplit(f"//{header}").hostname or ""
        except ValueError:
            return False
        return name in self._hosts or (self._any_address and _is_address(name))

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(errors="replace"), self._token.encode())


def _is_address(name: str) -> bool:
    """Whether a host is a number, which no name server can lead elsewhere."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_same_origin(request: Request) -> bool:
    origin = urlsplit(request.headers.get("origin", ""))
    return origin.scheme == request.url.scheme and origin.netloc == request.headers.get("host")


def _refusal(sentence: str, status: int = 403) -> Response:
    return PlainTextResponse(f"groot-ros view: {sentence}\n", status)
