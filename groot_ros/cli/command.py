"""What a verb of `groot-ros` declares."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from groot_ros.cli.arguments import add_options, read_options

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

O = TypeVar("O", bound="DataclassInstance")  # noqa: E741


@dataclass(frozen=True, kw_only=True)
class Command(Generic[O]):
    """Something to ask for: a dataclass of `groot_ros.options`, and what does it.

    `run` returns the exit code. `add` and `read` take the options from the command line where
    their dataclass alone does not say how. A `summary` stands in the list of a verb's actions.
    """

    options: type[O]
    run: Callable[[O], int]
    summary: str = ""
    add: Callable[[argparse.ArgumentParser, type[O]], None] = add_options
    read: Callable[[type[O], argparse.Namespace], O] = read_options


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
        parser.set_defaults(command=command)
        return
    below = parser.add_subparsers(
        title=command.title, metavar=command.metavar, required=True, dest="action"
    )
    for name, action in command.commands.items():
        add_command(below.add_parser(name, help=action.summary), action)


def asked(namespace: argparse.Namespace) -> Callable[[], int]:
    """What was asked for, with its options; calling it does it."""
    command: Command[Any] = namespace.command
    return partial(command.run, command.read(command.options, namespace))
