"""Prints docs/cli.md, made from the parsers of `groot-ros`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from groot_ros.cli.command import JSON, QUIET, add_command
from groot_ros.cli.main import documented, import_verb, verb_files

INTRODUCTION = """# Command line

`groot-ros VERB --help` says the same. What makes something ends with what it made, where to look,
and the next command. Long work shows how much is done and left: a bar on a terminal, a line every
ten seconds in a log.

Exit codes:

* 0: done.
* 1: a check found something wrong, or `convert` made a whole dataset but left out a bag that it
  could not read. A script with `set -e` so never trains on less than it was given;
  `|| [ $? -eq 1 ]` behind the command goes on without the bag.
* 2: a mistake, said in one sentence.
* 130: Ctrl-C. The last line says how to go on.

Every command takes `--json`, which prints one JSON object on standard output and everything else
on standard error, and `--quiet`, which says nothing but mistakes.
"""
HEADING = ("| option | default | meaning |", "|---|---|---|")
# A default that is longer says nothing.
LONGEST = 60
# Options that are told once, with their help.
EVERYWHERE = {"json": JSON, "quiet": QUIET}
# Stands for how many this machine has.
PROCESSORS = 987654


def page() -> str:
    """The whole page."""
    # Help is wrapped to the terminal's width otherwise.
    os.environ["COLUMNS"] = "100"
    lines = [INTRODUCTION.rstrip("\n")]
    with mock.patch("os.cpu_count", return_value=PROCESSORS):
        for name, path in verb_files().items():
            lines += section(parser_of(name, path), 2)
    return "\n".join(lines).replace(str(PROCESSORS), "one per processor") + "\n"


def parser_of(name: str, path: Path) -> argparse.ArgumentParser:
    """That of a verb, by its module."""
    parser = argparse.ArgumentParser(prog=f"groot-ros {name}", description=documented(path)[1])
    add_command(parser, import_verb(path).COMMAND)
    return parser


def section(parser: argparse.ArgumentParser, level: int) -> list[str]:
    """A verb or one of its actions, and those below it."""
    lines = ["", f"{'#' * level} `{parser.prog}`"]
    if text := " ".join((parser.description or "").split()):
        lines += ["", text if text.endswith(".") else f"{text}."]
    if rows := list(options(parser)):
        lines += ["", *HEADING, *rows]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help for choice in action._choices_actions}
            for name, below in action.choices.items():
                below.description = below.description or helps.get(name)
                lines += section(below, level + 1)
    return lines


def options(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Rows of a table."""
    formatter = parser.formatter_class(parser.prog)
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction | argparse._SubParsersAction):
            continue
        if action.dest in EVERYWHERE and action.help in EVERYWHERE.values():
            continue
        spelt = ", ".join(action.option_strings) or action.dest.upper()
        values = formatter._format_args(
            action, formatter._get_default_metavar_for_optional(action)
        )
        if action.option_strings and values:
            spelt = f"{spelt} {values}"
        default = "needed" if action.option_strings and action.required else told(action.default)
        meaning = formatter._expand_help(action) if action.help else ""
        cells = (f"`{spelt}`", default, " ".join(meaning.split()))
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def told(default: object) -> str:
    """A default as a user would type it; empty where none is worth it."""
    if isinstance(default, list | tuple):
        default = " ".join(map(str, default))
    if default is None or default is False or default == argparse.SUPPRESS:
        return ""
    return str(default) if len(str(default)) <= LONGEST else ""


if __name__ == "__main__":
    sys.stdout.write(page())
