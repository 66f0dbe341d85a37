"""groot-ros: the tools that need no running robot.

A verb is a module in a room of `verbs/`: its docstring begins with "`groot-ros VERB`: " and says
the rest of the help, its `COMMAND` says the options and what is done with them.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

from groot_ros.cli.carry_out import INTERRUPTED, asked
from groot_ros.cli.command import add_command
from groot_ros.errors import UserError
from groot_ros.extras import missing_package

VERBS = Path(__file__).parent / "verbs"
MOST_TEXT = 2000
USER_ERROR = 2
# What a shell reports of a program whose reader went away.
CLOSED_PIPE = 141
# What the place that output goes to may refuse, whoever writes.
REFUSED = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)


def parse(arguments: Sequence[str]) -> Callable[[], int]:
    """What does that which a command line asks for, and returns the exit code.

    Of all verbs only the one that it names is imported. UserError where options contradict one
    another.
    """
    parser = argparse.ArgumentParser(
        prog="groot-ros",
        description="Record, convert, train and run GR00T on a ROS 2 arm.",
    )
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    named = next((argument for argument in arguments if not argument.startswith("-")), None)
    for name, path in verb_files().items():
        summary, text = documented(path)
        verb = verbs.add_parser(name, help=summary, description=text)
        if name == named:
            add_command(verb, import_verb(path).COMMAND)
    return asked(parser.parse_args(arguments))


def verb_files() -> dict[str, Path]:
    """The modules of the verbs by name, in alphabetical order."""
    paths = VERBS.glob("*/[a-z]*.py")
    return dict(sorted((path.stem.replace("_", "-"), path) for path in paths))


def import_verb(path: Path) -> ModuleType:
    """One of `verb_files`."""
    return importlib.import_module(f"groot_ros.cli.verbs.{path.parent.name}.{path.stem}")


def documented(verb: Path) -> tuple[str, str]:
    """The summary of a verb and all that its module says of it, without importing it."""
    with verb.open(encoding="utf-8") as file:
        head = file.read(MOST_TEXT)
    text = head.split('"""', 2)[1].partition(": ")[2].strip()
    return text.split("\n")[0].rstrip("."), text[:1].upper() + text[1:]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb; exit code 2 and one sentence for a user's mistake."""
    _open_missing()
    try:
        status = parse(sys.argv[1:] if arguments is None else arguments)()
        sys.stdout.flush()
        return status
    except UserError as error:
        print(f"groot-ros: {error}", file=sys.stderr)
        return USER_ERROR
    except ModuleNotFoundError as error:
        if not (mended := missing_package(error)):
            raise
        print(f"groot-ros: {mended}", file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _discard_output()
        return CLOSED_PIPE
    except OSError as error:
        if error.errno not in REFUSED:
            raise
        _discard_output()
        where = error.filename or "the output"
        print(f"groot-ros: {where} cannot be written ({error.strerror})", file=sys.stderr)
        return USER_ERROR


def policy_server() -> int:
    """Entry point of `ros2 run groot_ros policy_server`."""
    return main(["serve", *sys.argv[1:]])


def _open_missing() -> None:
    """Where the shell has closed the output, files would come to be in its place."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115


def _discard_output() -> None:
    """Python would fail once more when it flushes what cannot be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
