"""`groot-ros serve`: serve a checkpoint over the network."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from groot_ros.cli.command import Command
from groot_ros.errors import UserError
from groot_ros.options import argument, group, option
from groot_ros.policies.checkpoint.config import LocalPolicyConfig
from groot_ros.serving.protocols import ServerConfig, protocol_names, server_of

if TYPE_CHECKING:
    from groot_ros.serving.served import Checkpoints, ModelThread

# For clients to be told and an inference to end.
GRACE_S = 1.5


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of `groot-ros serve`."""

    variant: str = argument("what the checkpoint was trained with, such as ee_rot6d", default="")
    native: bool = option(
        "no codec: the checkpoint's own keys, for NVIDIA's clients and simulators (gr00t)",
        default=False,
    )
    embodiment: str = option("--native: of a checkpoint with several", default="")
    local: LocalPolicyConfig = group()
    host: str = option("address to listen on", default="127.0.0.1")
    port: int = option("0 takes a free one", default=8000)
    protocol: str = option(
        "default: positronic, gr00t with --native", default="", choices=protocol_names()
    )
    robot: str = option("robot file (default: the checkpoint's, else franka)", default="")
    auth_token_env: str | None = option(
        "variable with the token that clients must send", default=None, metavar="NAME"
    )
    allow_kill: bool = option("gr00t: clients may end the server", default=False)
    compress_images: bool = option(
        "positronic: ask clients for JPEG, for thin links", default=False
    )
    positronic_version: Literal[1, 3] = option(
        "of Positronic's protocol: 1 for every client, 3 for those since 0.4 (%(default)s)",
        default=1,
    )
    ee_site: str = option(
        "positronic: where the checkpoint's poses are in the client's robot model, such as "
        "gripper (default: the client's choice, which warns)",
        default="",
        metavar="NAME",
    )

    json: bool = option("print what is served as a JSON object", default=False)

    @property
    def spoken(self) -> str:
        """The protocol, also where nobody names one."""
        return self.protocol or ("gr00t" if self.native else "positronic")


def run(options: Options) -> int:
    from groot_ros.serving.checkpoints import LocalCheckpoints

    _check(options)
    token = _token(options.auth_token_env)
    checkpoints = (
        None if options.native else LocalCheckpoints(options.local, options.variant, options.robot)
    )
    logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s")
    # Which connections open and close is of no interest to an operator.
    logging.getLogger("websockets").setLevel(logging.WARNING)
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_serve(options, checkpoints, token))
    # Taking torch apart takes seconds, in which no timer runs any more.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _check(options: Options) -> None:
    """UserError where options contradict one another."""
    if options.native and (options.variant or options.spoken != "gr00t"):
        raise UserError(
            "--native serves the checkpoint's own keys in the protocol gr00t: leave out the "
            "variant and --protocol"
        )
    if not options.native and not options.variant:
        raise UserError(
            "the variant is missing: name a codec or the path of a codec file, auto for the one "
            "that the checkpoint carries, or --native for none"
        )
    if options.spoken != "positronic" and (options.positronic_version != 1 or options.ee_site):
        raise UserError("--positronic-version and --ee-site are of --protocol positronic alone")
    if options.embodiment and not options.native:
        raise UserError("--embodiment is of --native alone: a codec has its own embodiment")


def _token(variable: str | None) -> str:
    if variable is None:
        return ""
    token = os.environ.get(variable, "")
    # A header carries nothing else, and an empty token would let everybody in.
    if not token or not all("!" <= letter <= "~" for letter in token):
        raise UserError(
            f"the environment variable {variable} holds no token: set it to visible ASCII "
            "characters without spaces"
        )
    return token


async def _serve(options: Options, checkpoints: Checkpoints | None, token: str) -> None:
    from groot_ros.serving.served import ModelThread

    task = asyncio.current_task()
    assert task

    def end() -> None:
        _exit_soon()
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, end)
    thread = ModelThread()
    try:
        if checkpoints:
            await _answer(options, checkpoints, thread, token)
        else:
            await _answer_native(options, thread, token)
        # A client ended it, which may do so.
        _exit_soon()
    finally:
        thread.close()


def _exit_soon() -> None:
    """End the process after GRACE_S: neither an inference nor a load can be interrupted."""
    timer = threading.Timer(GRACE_S, os._exit, (0,))
    timer.daemon = True
    timer.start()


def _say(options: Options, url: str, served: str) -> None:
    """That clients may come."""
    as_json = json.dumps({"url": url, "protocol": options.spoken, "served": served})
    print(as_json if options.json else f"serving {served} at {url}", flush=True)


async def _answer_native(options: Options, thread: ModelThread, token: str) -> None:
    from groot_ros.serving.gr00t_server import Gr00tServer
    from groot_ros.serving.native import NativeModel

    def ready(url: str) -> None:
        _say(options, url, f"{served.folder} in its own keys")

    loading = thread.run(lambda: NativeModel.load(options.local, options.embodiment))
    served = (await loading).value
    server = Gr00tServer(served, thread, token, options.allow_kill)
    await server.serve(options.host, options.port, ready)


async def _answer(
    options: Options, checkpoints: Checkpoints, thread: ModelThread, token: str
) -> None:
    def ready(url: str) -> None:
        _say(options, url, f"{options.variant} from {options.local.checkpoints_dir}")

    config = ServerConfig(
        checkpoints_dir=options.local.checkpoints_dir,
        host=options.host,
        port=options.port,
        token=token,
        compress_images=options.compress_images,
        protocol=options.positronic_version,
        ee_site=options.ee_site,
        allow_kill=options.allow_kill,
    )
    await server_of(options.spoken)(checkpoints, thread, config, ready)


COMMAND = Command(options=Options, run=run)
