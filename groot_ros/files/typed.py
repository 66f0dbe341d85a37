"""Plain values of YAML or JSON into types, by msgspec; what does not fit is one sentence.

A file's shape is written as `FileSection`s, or `OpenSection`s where others write more keys than
we read; `typed` makes them of what a reader gave, or names file, key, what was found and what is
allowed. What only code can know a `Misfit` out of `__post_init__` says, or `KeyPath.error`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, is_dataclass, replace
from dataclasses import fields as dataclass_fields
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import fields

from groot_ros.errors import UserError, did_you_mean
from groot_ros.files.config_file import shown
from groot_ros.files.expected import LARGEST, expected, is_section, options, unwrapped, with_unit

Made = TypeVar("Made")

TODO = "TODO"
"""Stands in a drafted file where a person has to say something."""
Text = Annotated[str, Meta(pattern=r"\S")]


class FileSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping of a file of ours: a key that is no field of it is a mistake."""


class OpenSection(Struct, frozen=True, kw_only=True):
    """A mapping of a file that may say more than what is read of it."""


class Misfit(ValueError):
    """A value that has its type and cannot be all the same; `key` is below the one at fault."""

    def __init__(self, problem: str, key: str = "") -> None:
        self.key, self.problem = key, problem
        super().__init__(problem)


class Names(tuple[str, ...]):
    """A list of distinct names, at least one."""

    @classmethod
    def read(cls, values: Any) -> Names:
        """Of what a file has in its place; Misfit for anything else."""
        if not isinstance(values, list | tuple) or not all(isinstance(v, str) for v in values):
            raise Misfit(f"is {shown(values)}, expected a list of names")
        if not values:
            raise Misfit("is [], expected a list of names")
        if len(set(values)) != len(values):
            raise Misfit(f"is {shown(values)}, expected every name once")
        return cls(values)


def text(what: str) -> Meta:
    """Of a text that says something, and what."""
    return Meta(pattern=r"\S", extra={"expected": what})


def number(unit: str, low: float = -LARGEST, high: float = LARGEST) -> Meta:
    """Of a number in [low, high]."""
    return Meta(ge=low, le=high, extra={"unit": unit})


def positive(unit: str) -> Meta:
    """Of a number above 0."""
    return Meta(gt=0, le=LARGEST, extra={"unit": unit})


def whole(low: int, high: int) -> Meta:
    """Of a whole number in [low, high]."""
    return Meta(ge=low, le=high)


def numbers(unit: str, length: int) -> Meta:
    """Of a list of so many `Finite` numbers."""
    return Meta(min_length=length, max_length=length, extra={"unit": unit})


def in_unit(unit: str) -> Meta:
    """Of a list of numbers whose length another key decides."""
    return Meta(extra={"unit": unit})


Finite = Annotated[float, Meta(ge=-LARGEST, le=LARGEST)]
Positive = Annotated[float, Meta(gt=0, le=LARGEST)]


@dataclass(frozen=True)
class KeyPath:
    """Where in which file something is said, for errors; `path` is empty for the whole file."""

    source: str
    path: str = ""

    def __truediv__(self, key: str) -> KeyPath:
        """The place of a key below."""
        return replace(self, path=_below(self.path, key))

    def error(self, problem: str, key: str = "") -> UserError:
        """The one sentence about this place, or a key below it."""
        path = _below(self.path, key) if key else self.path
        return UserError(f"{self.source}: {path or 'the file'} {problem}")


def typed(values: Any, kind: type[Made], place: KeyPath, others: Iterable[str] = ()) -> Made:
    """What a reader gave as a type; UserError names what does not fit.

    A key whose value is null counts as missing. `others` are keys of the same mapping that
    somebody else reads, named where a misspelt one is near.
    """
    read = _read(values)
    try:
        made = msgspec.convert(_without_nulls(read), kind, dec_hook=_own_type)
    except msgspec.ValidationError as error:
        found = _first_misfit(kind, read, place.path, others=tuple(others))
        path, problem = found or (place.path, f"does not fit: {error}")
        raise KeyPath(place.source, path).error(problem) from None
    # Names of one's own cannot be missing, keys of a section can.
    if _has_nulls(read) and (found := _first_misfit(kind, read, place.path)):
        path, problem = found
        raise KeyPath(place.source, path).error(problem)
    return made


class _Todo:
    """In the place of TODO, which no type takes."""

    def __repr__(self) -> str:
        return repr(TODO)


def _read(values: Any) -> Any:
    """With keys that are text, and what no type takes for TODO."""
    if isinstance(values, Mapping):
        return {str(key): _read(value) for key, value in values.items()}
    if isinstance(values, list):
        return [_read(value) for value in values]
    return _Todo() if isinstance(values, str) and values == TODO else values


def _without_nulls(values: Any) -> Any:
    if isinstance(values, Mapping):
        return {key: _without_nulls(v) for key, v in values.items() if v is not None}
    return [_without_nulls(v) for v in values] if isinstance(values, list) else values


def _has_nulls(values: Any) -> bool:
    if isinstance(values, Mapping):
        return any(value is None or _has_nulls(value) for value in values.values())
    return isinstance(values, list) and any(map(_has_nulls, values))


def _own_type(kind: type, values: Any) -> Any:
    if issubclass(kind, Names):
        return kind.read(values)
    raise NotImplementedError(kind)


def _problem(kind: Any, value: Any) -> Misfit | str | None:
    """None where a value fits; else what the type itself has to say, or nothing in words."""
    try:
        msgspec.convert(_without_nulls(value), kind, dec_hook=_own_type)
    except msgspec.ValidationError as error:
        return error.__cause__ if isinstance(error.__cause__, Misfit) else ""
    return None


def _first_misfit(
    kind: Any, value: Any, path: str, unit: str = "", others: Sequence[str] = ()
) -> tuple[str, str] | None:
    """Where something does not fit first, in the order of the types, and how; None: it fits."""
    problem = _problem(kind, value)
    if problem is None and not _has_nulls(value):
        return None
    unit = with_unit(kind, unit)
    if isinstance(value, _Todo):
        return path, f"is still {TODO}, fill in {expected(kind, unit)}"
    inside = None
    for option in options(unwrapped(kind)):
        if is_section(option) and isinstance(value, Mapping):
            inside = _in_section(option, value, path, others)
        elif get_origin(option) is dict and isinstance(value, Mapping):
            inside = _in_mapping(get_args(option)[1], value, path)
        elif get_origin(option) in (list, tuple) and isinstance(value, list):
            inside = _in_list(get_args(option)[0], value, path, unit)
        if inside:
            return inside
    if problem is None:
        return None
    if isinstance(problem, Misfit):
        return _below(path, problem.key) if problem.key else path, problem.problem
    return path, f"is {shown(value)}, expected {_allowed(kind, value, unit)}"


def _allowed(kind: Any, value: Any, unit: str) -> str:
    choices = [
        str(choice)
        for option in options(unwrapped(kind))
        if get_origin(option) is Literal
        for choice in get_args(option)
    ]
    near = did_you_mean(value, choices) if isinstance(value, str) else ""
    return f"{expected(kind, unit)}; {near}" if near else expected(kind, unit)


@dataclass(frozen=True, kw_only=True)
class Field:
    """A key of a section and the type of its value."""

    key: str
    type: Any
    required: bool


def section_fields(kind: Any) -> list[Field]:
    """The keys of a section, or of a dataclass that is made from one."""
    if not is_dataclass(kind):
        return [
            Field(key=field.encode_name, type=field.type, required=field.required)
            for field in fields(kind)
        ]
    hints = get_type_hints(kind, include_extras=True)
    return [
        Field(key=field.name, type=hints[field.name], required=field.default is MISSING)
        for field in dataclass_fields(kind)
    ]


def _in_section(
    kind: Any, values: Mapping[str, Any], path: str, others: Sequence[str]
) -> tuple[str, str] | None:
    known = section_fields(kind)
    names = [field.key for field in known] + list(others)
    for field in known:
        value, below = values.get(field.key), _below(path, field.key)
        if value is None and field.required:
            return below, _missing(field, values, names)
        if value is not None and (found := _first_misfit(field.type, value, below)):
            return found
    unknown = next((key for key in values if key not in names), None)
    if unknown is None or is_dataclass(kind) or issubclass(kind, OpenSection):
        return None
    hint = did_you_mean(unknown, names) or f"allowed here: {', '.join(names)}"
    return _below(path, unknown), f"is not a known key; {hint}"


def _missing(field: Field, values: Mapping[str, Any], names: Sequence[str]) -> str:
    others = [key for key in values if key not in names]
    near = difflib.get_close_matches(field.key, others, n=1)
    hint = f"; did you mean it by {near[0][:40]}?" if near else ""
    return f"is missing, expected {expected(field.type, with_unit(field.type, ''))}{hint}"


def _in_mapping(kind: Any, values: Mapping[str, Any], path: str) -> tuple[str, str] | None:
    for key, value in values.items():
        if value is None and kind is not Any:
            return _below(path, key), f"is missing, expected {expected(kind)}"
        if found := _first_misfit(kind, value, _below(path, key)):
            return found
    return None


def _in_list(kind: Any, values: list[Any], path: str, unit: str) -> tuple[str, str] | None:
    """Of a list of sections the place of an item, of plain values that of the list."""
    if unwrapped(kind) is str:
        return path, f"is {shown(values)}, expected a list of texts"
    is_nested = any(isinstance(value, Mapping) for value in values)
    found = (
        _first_misfit(kind, value, f"{path}.{index}" if is_nested else path, unit)
        for index, value in enumerate(values)
    )
    return next((misfit for misfit in found if misfit), None)


def _below(path: str, key: str) -> str:
    return ".".join(part for part in (path, key[:40]) if part)
