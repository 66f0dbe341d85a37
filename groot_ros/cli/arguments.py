"""Dataclasses of `groot_ros.options` as arguments of a command line, and back."""

from __future__ import annotations

import argparse
import sys
import types
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, get_args, get_origin

from groot_ros.options import Option, default_of, told

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

OptionsT = TypeVar("OptionsT", bound="DataclassInstance")
Container = argparse.ArgumentParser | argparse._ArgumentGroup


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """What an annotation says: the type of a value, whether there are several, which ones."""

    type: type
    is_several: bool = False
    choices: tuple[Any, ...] = ()


def add_options(parser: Container, cls: type[DataclassInstance], default: Any = None) -> None:
    """Add the fields of a dataclass, with the values of `default` where it is given."""
    exclusive: dict[str, argparse._MutuallyExclusiveGroup] = {}
    for field, option in _told(cls):
        value = default_of(field) if default is None else getattr(default, field.name)
        kind = _kind(cls, field)
        if is_dataclass(kind.type):
            inside = parser.add_argument_group(option.title) if option.title else parser
            add_options(inside, kind.type, None if value is MISSING else value)
            continue
        place: Any = parser
        if option.one_of:
            if option.one_of not in exclusive:
                exclusive[option.one_of] = parser.add_mutually_exclusive_group(required=True)
            place = exclusive[option.one_of]
        _add(place, field.name, option=option, kind=kind, value=value)


def read_options(cls: type[OptionsT], namespace: argparse.Namespace) -> OptionsT:
    """The dataclass that the arguments added by `add_options` say; its own errors are raised."""
    values: dict[str, Any] = {}
    for field, _ in _told(cls):
        kind = _kind(cls, field)
        if is_dataclass(kind.type):
            values[field.name] = read_options(kind.type, namespace)
            continue
        value = getattr(namespace, field.name)
        values[field.name] = tuple(value) if isinstance(value, list) else value
    return cls(**values)


def add_settings(parser: Container, cls: type[DataclassInstance]) -> None:
    """Add fields that a file may say too: spelt with _ or -, each may be left out.

    What is true or false is said by `--name` and `--no-name`, or by a word.
    """
    for field, option in _told(cls):
        flags = (f"--{field.name}", f"--{field.name.replace('_', '-')}")
        default = default_of(field)
        shown = f" (default: {default})" if default not in ("", ()) else ""
        kind = _kind(cls, field)
        how: dict[str, Any] = {"type": kind.type}
        if kind.type is bool:
            how = {"action": Switch}
        elif kind.is_several or isinstance(option.metavar, tuple):
            how |= {"nargs": "+", "metavar": option.metavar}
        help = f"{option.help}{shown}"
        parser.add_argument(*dict.fromkeys(flags), dest=field.name, default=None, help=help, **how)


def given_settings(cls: type[DataclassInstance], namespace: argparse.Namespace) -> dict[str, Any]:
    """Those of `add_settings` that were given."""
    given = {}
    for field, option in _told(cls):
        value = getattr(namespace, field.name)
        if value is not None:
            words = isinstance(option.metavar, tuple)
            given[field.name] = " ".join(value) if words else value
    return given


class Switch(argparse.BooleanOptionalAction):
    """`--name` and `--no-name`, or `--name=True` and `--name=False` as Positronic's tools say."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.nargs = "?"

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: Any, values: Any, option: Any = None
    ) -> None:
        words = {"true": True, "false": False}
        if values is not None and str(values).lower() not in words:
            parser.error(f"argument {option}: {values!r} is neither True nor False")
        given = values is None or words[str(values).lower()]
        setattr(namespace, self.dest, given != str(option).startswith("--no-"))


def _told(cls: type[DataclassInstance]) -> Iterator[tuple[Field[Any], Option]]:
    for field in fields(cls):
        if option := told(field):
            yield field, option


def _add(place: Any, name: str, option: Option, kind: _Kind, value: Any) -> None:
    """One argument, as argparse wants to be told."""
    how: dict[str, Any] = {"help": option.help or None}
    is_missing = value is MISSING
    if not is_missing:
        how["default"] = value
    if option.metavar:
        how["metavar"] = option.metavar
    if kind.type is bool:
        how["action"] = "store_true"
    else:
        how["type"] = kind.type
        if choices := option.choices or kind.choices:
            how["choices"] = choices
    if option.is_repeated:
        how |= {"action": "append", "default": list(value)}
    elif kind.is_several:
        how["nargs"] = "+"
    if option.is_positional:
        if not is_missing:
            how["nargs"] = "?"
        place.add_argument(name, **how)
        return
    if is_missing and not option.one_of:
        how["required"] = True
    flags = option.flags or (f"--{name.replace('_', '-')}",)
    place.add_argument(*flags, dest=name, **how)


def _kind(cls: type[DataclassInstance], field: Field[Any]) -> _Kind:
    """What the annotation of a field says."""
    annotation: Any = field.type
    if isinstance(annotation, str):
        owner = next(b for b in cls.__mro__ if field.name in vars(b).get("__annotations__", {}))
        annotation = eval(annotation, dict(vars(sys.modules[owner.__module__])))
    return _kind_of(annotation)


def _kind_of(annotation: Any) -> _Kind:
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return _Kind(type=type(inside[0]), choices=inside)
    if origin in (tuple, Sequence):
        one = _kind_of(inside[0])
        return _Kind(type=one.type, choices=one.choices, is_several=True)
    if origin in (Union, types.UnionType):
        kinds = [_kind_of(part) for part in inside if part is not type(None)]
        return max(kinds, key=lambda kind: kind.is_several)
    return _Kind(type=annotation)
