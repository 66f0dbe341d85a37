"""Fields of dataclasses that a user may set: default, choices and help, said once.

`groot_ros.cli.arguments` makes the options of a command out of them. A field that is made in
another way is nothing that a command line sets.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

KEY = "option"


@dataclass(frozen=True, kw_only=True)
class Option:
    """How a field is told.

    `flags` are its spellings where the name of the field is not the one; a `metavar` of several
    words is that of one text which several words make up; a positional one has no flag; a
    repeated one is given once for each value; of those with the same `one_of` exactly one is
    given. A `title` heads the fields of a dataclass within a dataclass.
    """

    help: str = ""
    flags: tuple[str, ...] = ()
    choices: tuple[Any, ...] = ()
    metavar: str | tuple[str, ...] | None = None
    is_positional: bool = False
    is_repeated: bool = False
    one_of: str = ""
    title: str = ""


def option(
    help: str = "",
    *,
    default: Any = MISSING,
    default_factory: Callable[[], Any] | Any = MISSING,
    flags: Sequence[str] = (),
    choices: Sequence[Any] = (),
    metavar: str | tuple[str, ...] | None = None,
    one_of: str = "",
) -> Any:
    """A field that is named; without a default it is needed."""
    told = Option(
        help=help, flags=tuple(flags), choices=tuple(choices), metavar=metavar, one_of=one_of
    )
    return _field(told, default, default_factory)


def like(cls: type[DataclassInstance], name: str) -> Any:
    """A field as another dataclass tells it."""
    field = next(field for field in dataclasses.fields(cls) if field.name == name)
    return dataclasses.field(default=field.default, metadata=field.metadata)


def repeated(help: str, *, metavar: str) -> Any:
    """A field of several values, none at first, of which each is named."""
    return _field(Option(help=help, metavar=metavar, is_repeated=True), (), MISSING)


def argument(help: str = "", *, default: Any = MISSING, metavar: str | None = None) -> Any:
    """A field that is known by its place."""
    return _field(Option(help=help, metavar=metavar, is_positional=True), default, MISSING)


def group(default: Any = MISSING, *, title: str = "") -> Any:
    """The fields of another dataclass, whose `default` says theirs."""
    return _field(Option(title=title), default, MISSING)


def _field(told: Option, default: Any, default_factory: Any) -> Any:
    metadata = {KEY: told}
    if default_factory is not MISSING:
        return dataclasses.field(default_factory=default_factory, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def told(field: Field[Any]) -> Option | None:
    """How a field is told; None for one that is not."""
    found: Option | None = field.metadata.get(KEY)
    return found


def default_of(field: Field[Any]) -> Any:
    """The value of a field that nobody says; MISSING where there is none."""
    return field.default if field.default_factory is MISSING else field.default_factory()
