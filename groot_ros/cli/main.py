"""groot-ros: the tools that need no running robot."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pkgutil import iter_modules

import groot_ros.cli
from groot_ros.errors import UserError

USER_ERROR = 2
# What a shell reports of a program whose reader went away.
CLOSED_PIPE = 141


def build_parser() -> argparse.ArgumentParser:
    """The parser of all verbs; a verb is a module of groot_ros.cli with `add_parser`."""
    parser = argparse.ArgumentParser(
        prog="groot-ros",
        description="Record, convert, train and run GR00T on a ROS 2 arm.",
    )
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for module in iter_modules(groot_ros.cli.__path__):
        verb = importlib.import_module(f"groot_ros.cli.{module.name}")
        if hasattr(verb, "add_parser"):
            verb.add_parser(verbs)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb; exit code 2 and one sentence for a user's mistake."""
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
        # Python would fail once more when it flushes what nobody reads.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE


if __name__ == "__main__":
    sys.exit(main())
