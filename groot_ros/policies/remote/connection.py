"""What a remote policy needs of a protocol, whichever it is."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any, Protocol
from urllib.parse import SplitResult, urlsplit

from groot_ros.chunks.chunk import Chunk
from groot_ros.codecs.codec import Codec
from groot_ros.codecs.parts import NOW
from groot_ros.errors import UserError
from groot_ros.observation.types import Observation, Prefix
from groot_ros.share import module_names


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """What a URL may begin with: the usual port, what speaks the protocol, `whose` clients its
    servers are for, whether they may continue a chunk."""

    port: int
    client: Callable[[RemoteConfig, Callable[[], Codec]], Connection]
    whose: str
    may_continue: bool = False


@cache
def schemes() -> Mapping[str, Scheme]:
    """By what a URL begins with: the `SCHEMES` of each file `*_client.py` of this room."""
    found: dict[str, Scheme] = {}
    for name in module_names(__package__, "*_client"):
        found |= import_module(f"{__package__}.{name}").SCHEMES
    return found


def _known() -> str:
    """The protocols, for people; without their forms with TLS."""
    first: dict[str, str] = {}
    for name, scheme in schemes().items():
        first.setdefault(scheme.whose, name)
    urls = [f"{name}://host:port of a server for {whose} clients" for whose, name in first.items()]
    return f"{', '.join(urls[:-1])} or {urls[-1]}"


class Unreachable(UserError):
    """The server does not answer, or not in time: another attempt may succeed."""


@dataclass(frozen=True)
class RemoteConfig:
    """Where the server is and how to talk to it; `action_rate_hz` 0 takes the server's.

    `token_env` is the environment variable that holds the server's token, empty for none;
    `jpeg_quality` 0 sends pictures as they are.
    """

    url: str
    timeout_s: float = 2.0
    jpeg_quality: int = 0
    token_env: str = ""
    action_rate_hz: float = 0.0

    @property
    def parts(self) -> SplitResult:
        """The URL taken apart; UserError says what is wrong with it."""
        try:
            parts = urlsplit(self.url)
            valid = parts.scheme in schemes() and parts.hostname and parts.port != 0
            (parts.hostname or "").encode("idna")
        except ValueError:
            valid = False
        if not valid:
            raise UserError(f"policy_url is {self.url!r}, expected {_known()}")
        return parts

    @property
    def port(self) -> int:
        """Port of the URL."""
        return self.parts.port or self.scheme.port

    @property
    def scheme(self) -> Scheme:
        """The protocol that the URL's scheme names."""
        return schemes()[self.parts.scheme]

    @property
    def host(self) -> str:
        """As it is written in an address, an IPv6 one in brackets."""
        host = self.parts.hostname or ""
        return f"[{host}]" if ":" in host else host

    @property
    def no_continuation(self) -> str:
        """Why no server at this URL continues a chunk; empty where that depends on it."""
        if self.scheme.may_continue:
            return ""
        return f"policies at {self.parts.scheme}:// cannot continue a chunk"

    @property
    def token(self) -> str:
        """The token, empty for none; UserError when its variable is not set."""
        if not self.token_env:
            return ""
        if not os.environ.get(self.token_env):
            raise UserError(
                f"policy_token_env names {self.token_env}, which is not set in this environment"
            )
        return os.environ[self.token_env]


@dataclass(frozen=True)
class Handshake:
    """What a server says of its model before the first observation.

    Keys are None where the protocol does not tell them, `description` is that of this package's
    servers and empty for others.
    """

    description: Mapping[str, Any]
    state_keys: tuple[str, ...] | None = None
    action_keys: tuple[str, ...] | None = None
    video_keys: tuple[str, ...] | None = None
    relative: bool | None = None
    pictures: Mapping[str, tuple[int, int, str]] = field(default_factory=dict)
    """Width, height and fit of the pictures of keys, as far as the protocol tells them."""
    state_history: tuple[int, ...] = NOW
    video_history: tuple[int, ...] = NOW
    """Steps of one observation, the last one 0."""
    horizon: int = 0
    """Steps of an answer; 0 where it is not known before."""
    action_rate_hz: float = 0.0
    """0 where the server does not tell it."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a server says of its model to a client that has no codec for it yet.

    Args:
        description: how a server of this package describes itself; empty of others.
        entry: keys and their steps as NVIDIA's get_modality_config has them; None where the
            protocol tells none.
        why_none: the rest of a sentence about the server that says so, and what to do.
        fps: steps per second; None where it does not tell.
        sizes: width and height of the pictures of keys in pixels, as far as they are told.
        is_horizon_told: whether the action's steps of `entry` are those of an answer.
    """

    description: Mapping[str, Any]
    entry: object = None
    why_none: str = ""
    fps: int | None = None
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    is_horizon_told: bool = True


@dataclass(frozen=True)
class Answer:
    """A chunk and the time that the server needed for it, in s; None when it does not tell."""

    chunk: Chunk
    server_s: float | None


class Connection(Protocol):
    """One protocol; every method but `close` raises Unreachable when the server is."""

    def open(self, timeout_s: float) -> Handshake:
        """Connect and learn what the server offers; UserError when it refuses this client."""

    def ask(self, timeout_s: float) -> Told:
        """Connect and learn what a codec for the server needs; UserError as for `open`."""

    @property
    def no_continuation(self) -> str:
        """Why it cannot continue a chunk, empty where it can; known after `open`."""

    def reset(self) -> None:
        """Tell the server that an episode begins."""

    def predict(self, observation: Observation, prefix: Prefix[Chunk] | None) -> Answer:
        """The server's chunk for an observation."""

    def close(self) -> None:
        """Disconnect, whatever state the connection is in."""
