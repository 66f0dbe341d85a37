"""groot-ros: the tools that need no running robot."""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import sys
from collections.abc import Sequence
from pkgutil import iter_modules

import groot_ros.cli.verbs
from groot_ros.errors import UserError

USER_ERROR = 2
# What a shell reports of a program whose reader went away.
CLOSED_PIPE = 141
# What the place that output goes to may refuse, whoever writes.
REFUSED = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)


def build_parser() -> argparse.ArgumentParser:
    """The parser of all verbs; a verb is a module of groot_ros.cli.verbs."""
    parser = argparse.ArgumentParser(
        prog="groot-ros",
        description="Record, convert, train and run GR00T on a ROS 2 arm.",
    )
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for module in iter_modules(groot_ros.cli.verbs.__path__):
        importlib.import_module(f"groot_ros.cli.verbs.{module.name}").add_parser(verbs)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb; exit code 2 and one sentence for a user's mistake."""
    _open_missing()
    args = build_parser().parse_args(arguments)
    try:
        status = int(args.run(args))
        sys.stdout.flush()
        return status
    except UserError as error:
        print(f"groot-ros: {error}", file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        return 130
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
