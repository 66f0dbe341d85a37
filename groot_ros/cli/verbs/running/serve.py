"""`groot-ros serve`: serve a checkpoint over the network."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

from groot_ros.errors import UserError

if TYPE_CHECKING:
    from groot_ros.serving.served import Checkpoints, ModelThread

# For clients to be told and an inference to end.
GRACE_S = 1.5
PROTOCOLS = ("positronic", "gr00t", "openpi")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "variant", nargs="?", help="what the checkpoint was trained with, such as ee_rot6d"
    )
    parser.add_argument(
        "--native",
        action="store_true",
        help="no codec: the checkpoint's own keys, for NVIDIA's clients and simulators (gr00t)",
    )
    parser.add_argument("--embodiment", default="", help="--native: of a checkpoint with several")
    parser.add_argument(
        "--checkpoints_dir",
        "--checkpoints-dir",
        required=True,
        metavar="DIR",
        help="folder of a checkpoint, or of an experiment with checkpoint-N inside",
    )
    parser.add_argument("--checkpoint", default="", metavar="ID", help="N of it (default: latest)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one")
    parser.add_argument(
        "--protocol", choices=PROTOCOLS, help="default: positronic, gr00t with --native"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument(
        "--dtype", choices=["auto", "float32", "bfloat16", "float16"], default="auto"
    )
    parser.add_argument(
        "--robot", default="", help="robot file (default: the checkpoint's, else franka)"
    )
    parser.add_argument(
        "--action-rate", type=float, default=0.0, help="Hz (default: the checkpoint's, else 15)"
    )
    parser.add_argument(
        "--auth-token-env", metavar="NAME", help="variable with the token that clients must send"
    )
    parser.add_argument(
        "--allow-kill", action="store_true", help="gr00t: clients may end the server"
    )
    parser.add_argument(
        "--compress-images",
        action="store_true",
        help="positronic: ask clients for JPEG, for thin links",
    )
    parser.add_argument(
        "--positronic-version",
        type=int,
        choices=[1, 3],
        default=1,
        help="of Positronic's protocol: 1 for every client, 3 for those since 0.4 (%(default)s)",
    )
    parser.add_argument(
        "--ee-site",
        default="",
        metavar="NAME",
        help="positronic: where the checkpoint's poses are in the client's robot model, such as "
        "gripper (default: the client's choice, which warns)",
    )


def run(args: argparse.Namespace) -> int:
    from groot_ros.policies.checkpoint.local import LocalPolicyConfig
    from groot_ros.serving.checkpoints import LocalCheckpoints

    _check(args)
    token = _token(args.auth_token_env)
    config = LocalPolicyConfig(
        args.checkpoints_dir, args.checkpoint, args.device, args.dtype, args.action_rate
    )
    checkpoints = None if args.native else LocalCheckpoints(config, args.variant, args.robot)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s")
    # Which connections open and close is of no interest to an operator.
    logging.getLogger("websockets").setLevel(logging.WARNING)
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_serve(args, checkpoints, token))
    # Taking torch apart takes seconds, in which no timer runs any more.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _check(args: argparse.Namespace) -> None:
    """Set the protocol; UserError where options contradict one another."""
    args.protocol = args.protocol or ("gr00t" if args.native else "positronic")
    if args.native and (args.variant or args.protocol != "gr00t"):
        raise UserError(
            "--native serves the checkpoint's own keys in the protocol gr00t: leave out the "
            "variant and --protocol"
        )
    if not args.native and not args.variant:
        raise UserError(
            "the variant is missing: name a codec or the path of a codec file, auto for the one "
            "that the checkpoint carries, or --native for none"
        )
    if args.protocol != "positronic" and (args.positronic_version != 1 or args.ee_site):
        raise UserError("--positronic-version and --ee-site are of --protocol positronic alone")
    if args.embodiment and not args.native:
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


async def _serve(args: argparse.Namespace, checkpoints: Checkpoints | None, token: str) -> None:
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
            await _answer(args, checkpoints, thread, token)
        else:
            await _answer_native(args, thread, token)
        # A client ended it, which may do so.
        _exit_soon()
    finally:
        thread.close()


def _exit_soon() -> None:
    """End the process after GRACE_S: neither an inference nor a load can be interrupted."""
    timer = threading.Timer(GRACE_S, os._exit, (0,))
    timer.daemon = True
    timer.start()


async def _answer_native(args: argparse.Namespace, thread: ModelThread, token: str) -> None:
    from groot_ros.policies.checkpoint.folder import find_checkpoint
    from groot_ros.serving.gr00t_server import Gr00tServer
    from groot_ros.serving.native import NativeModel

    folder = find_checkpoint(args.checkpoints_dir, args.checkpoint)

    def load() -> NativeModel:
        return NativeModel.load(folder, args.device, args.dtype, args.embodiment)

    def ready(url: str) -> None:
        print(f"serving {folder} in its own keys at {url}", flush=True)

    served = (await thread.run(load)).value
    server = Gr00tServer(served, thread, token, args.allow_kill)
    await server.serve(args.host, args.port, ready)


async def _answer(
    args: argparse.Namespace, checkpoints: Checkpoints, thread: ModelThread, token: str
) -> None:
    def ready(url: str) -> None:
        print(f"serving {args.variant} from {args.checkpoints_dir} at {url}", flush=True)

    if args.protocol == "positronic":
        from groot_ros.serving.positronic_server import PositronicServer, ServerConfig

        config = ServerConfig(
            args.checkpoints_dir,
            args.host,
            args.port,
            token,
            args.compress_images,
            args.positronic_version,
            args.ee_site,
        )
        await PositronicServer(checkpoints, thread, config).serve(ready)
        return
    served = (await thread.run(lambda: checkpoints.load(checkpoints.default))).value
    if args.protocol == "gr00t":
        from groot_ros.serving.gr00t_server import Gr00tServer

        server = Gr00tServer(served, thread, token, args.allow_kill)
        await server.serve(args.host, args.port, ready)
    else:
        from groot_ros.serving.openpi_server import OpenpiServer

        await OpenpiServer(served, thread, token).serve(args.host, args.port, ready)
