"""Carrying out what a command line asks for, as loudly as it asks for it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import partial
from typing import Any

from groot_ros.cli.command import Command
from groot_ros.cli.ending import Ending

# What a shell reports of a program that Ctrl-C ended.
INTERRUPTED = 130


@dataclass(frozen=True, kw_only=True)
class Told:
    """How a verb tells what it does.

    `quiet`: nothing but mistakes, and the JSON that was asked for. `as_json`: one JSON object on
    standard output at the end, and everything else on standard error.
    """

    quiet: bool = False
    as_json: bool = False


def asked(namespace: argparse.Namespace) -> Callable[[], int]:
    """What was asked for, with its options; calling it does it."""
    command: Command[Any] = namespace.command
    options = command.read(command.options, namespace)
    told = Told(quiet=namespace.quiet, as_json=namespace.json)
    return partial(carry_out, command, options, told)


def carry_out(command: Command[Any], options: Any, told: Told) -> int:
    """Run a command and tell how it ended; the exit code.

    UserError as the command raises it. After Ctrl-C one sentence says how it goes on.
    """
    try:
        ended = _run(command, options, told)
    except KeyboardInterrupt:
        print(f"interrupted: {command.resumed}", file=sys.stderr)
        return INTERRUPTED
    if isinstance(ended, int):
        ended = Ending(exit_code=ended)
    if told.as_json and not command.makes_json:
        print(json.dumps(ended.to_dict(), indent=2))
    elif not told.quiet:
        print("".join(f"{line}\n" for line in ended.lines()), end="")
    return ended.exit_code


def _run(command: Command[Any], options: Any, told: Told) -> int | Ending:
    with ExitStack() as stack:
        if told.quiet:
            nowhere = stack.enter_context(open(os.devnull, "w"))
            stack.enter_context(redirect_stderr(nowhere))
        # A command with JSON of its own prints nothing else on standard output.
        if not (told.as_json and command.makes_json) and (told.as_json or told.quiet):
            stack.enter_context(redirect_stdout(sys.stderr))
        return command.run(options)
