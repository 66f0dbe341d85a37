"""What the server of a protocol is told, and how one is found by the protocol's name."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from groot_ros.share import module_names

if TYPE_CHECKING:
    from groot_ros.serving.served import Checkpoints, ModelThread

    Ready = Callable[[str], None]
    Serve = Callable[[Checkpoints, ModelThread, "ServerConfig", Ready], Coroutine[Any, Any, None]]

SERVER = "_server"


@dataclass(frozen=True)
class ServerConfig:
    """How a server presents itself; each takes what its protocol knows.

    `allow_kill` lets clients end it, `compress_images` asks them for JPEG, `protocol` is the
    version that they are spoken to in. `ee_site` is the point of Positronic's robot model where
    the checkpoints' poses are; empty leaves it to the clients, which warn.
    """

    checkpoints_dir: str
    host: str = "127.0.0.1"
    port: int = 8000
    token: str = ""
    compress_images: bool = False
    protocol: int = 1
    ee_site: str = ""
    allow_kill: bool = False


@cache
def protocol_names() -> tuple[str, ...]:
    """Names of all protocols: that of `openpi_server.py` is openpi."""
    modules = module_names(__package__, f"*{SERVER}")
    return tuple(name.removesuffix(SERVER) for name in modules)


def server_of(protocol: str) -> Serve:
    """The function `serve` in the file of a protocol out of `protocol_names`: it answers until it
    is cancelled, and gives its URL to the last argument once clients may come."""
    module = importlib.import_module(f"{__package__}.{protocol}{SERVER}")
    serve: Serve = module.serve
    return serve
