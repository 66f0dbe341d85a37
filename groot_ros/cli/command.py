"""What a verb of `groot-ros` declares."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from groot_ros.cli.arguments import add_options, read_options
from groot_ros.cli.ending import Ending

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

OptionsT = TypeVar("OptionsT", bound="DataclassInstance")
JSON = "print one JSON object"
QUIET = "say nothing but mistakes; the exit code tells"
ANEW = "the same command begins anew"
UNCHANGED = f"what was there is as it was; {ANEW}"


@dataclass(frozen=True, kw_only=True)
class Command(Generic[OptionsT]):
    """Something to ask for: a dataclass of `groot_ros.options`, and what does it.

    `run` returns how it ended, or an exit code where there is nothing to tell. `add` and `read`
    take the options from the command line where their dataclass alone does not say how. A
    `summary` stands in the list of a verb's actions, `resumed` after Ctrl-C.
    """

    options: type[OptionsT]
    run: Callable[[OptionsT], int | Ending]
    summary: str = ""
    resumed: str = UNCHANGED
    add: Callable[[argparse.ArgumentParser, type[OptionsT]], None] = add_options
    read: Callable[[type[OptionsT], argparse.Namespace], OptionsT] = read_options

    @property
    def makes_json(self) -> bool:
        """Whether it prints a JSON object itself, instead of its ending as one."""
        return any(field.name == "json" for field in fields(self.options))


@dataclass(frozen=True, kw_only=True)
class Actions:
    """The commands of a verb that has several, by name, and what they are called in its help."""

    commands: Mapping[str, Command[Any]]
    title: str = "actions"
    metavar: str = "ACTION"


def add_command(parser: argparse.ArgumentParser, command: Command[Any] | Actions) -> None:
    """Add the options of a verb, or its actions with theirs."""
    if isinstance(command, Command):
        command.add(parser, command.options)
        _add_loudness(parser, command)
        parser.set_defaults(command=command)
        return
    below = parser.add_subparsers(
        title=command.title, metavar=command.metavar, required=True, dest="action"
    )
    for name, action in command.commands.items():
        add_command(below.add_parser(name, help=action.summary), action)


def _add_loudness(parser: argparse.ArgumentParser, command: Command[Any]) -> None:
    """The options that every command has."""
    if not command.makes_json:
        parser.add_argument("--json", action="store_true", help=JSON)
    parser.add_argument("--quiet", action="store_true", help=QUIET)
