"""What a type of a file takes, in the words of an error and of the pages made from types."""

from __future__ import annotations

import types
from dataclasses import is_dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from msgspec import Meta, Struct

# Where it bounds a number nobody is told: no arm, and no limit of one, is larger in any unit.
LARGEST = 1e9
PLAIN = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def unwrapped(kind: Any) -> Any:
    """A type without what Annotated says beside it."""
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def metas(kind: Any) -> list[Meta]:
    """What Annotated says beside a type."""
    if get_origin(kind) is not Annotated:
        return []
    return [meta for meta in kind.__metadata__ if isinstance(meta, Meta)]


def options(kind: Any) -> list[Any]:
    """The types that a value may have, without None."""
    if get_origin(kind) in (Union, types.UnionType):
        return [option for option in get_args(kind) if option is not type(None)]
    return [kind]


def is_section(kind: Any) -> bool:
    """Whether it has keys of its own."""
    return isinstance(kind, type) and (issubclass(kind, Struct) or is_dataclass(kind))


def with_unit(kind: Any, unit: str) -> str:
    """The unit that a type says of its numbers; `unit` where it does not."""
    found = [with_unit(option, "") for option in options(kind) if option is not kind]
    said = [str(meta.extra["unit"]) for meta in metas(kind) if meta.extra and "unit" in meta.extra]
    return next((name for name in (*said, *found) if name), unit)


def expected(kind: Any, unit: str = "") -> str:
    """What a value of a type must be, for example "a number in Hz from 1 to 1000"."""
    unit, meta, bare = with_unit(kind, unit), metas(kind), unwrapped(kind)
    for said in meta:
        if said.extra and "expected" in said.extra:
            return str(said.extra["expected"])
    several = options(bare)
    if len(several) > 1 or several != [bare]:
        return " or ".join(dict.fromkeys(expected(option, unit) for option in several))
    if get_origin(bare) is Literal:
        return f"one of {', '.join(map(str, get_args(bare)))}"
    if get_origin(bare) in (list, tuple, frozenset):
        return _list(get_args(bare)[0], meta, unit)
    if bare in PLAIN:
        in_unit = f" in {unit}" if unit and bare in (int, float) else ""
        return PLAIN[bare] + in_unit + _bounds(meta, bare is int)
    if is_section(bare):
        return "a mapping of keys to values"
    if get_origin(bare) is dict:
        return "a mapping"
    return "a list of names" if isinstance(bare, type) and issubclass(bare, tuple) else "a value"


def _list(item: Any, meta: list[Meta], unit: str) -> str:
    lengths = {m.min_length for m in meta if m.min_length == m.max_length and m.min_length}
    count = f"{lengths.pop()} " if lengths else ""
    bare = unwrapped(item)
    words = {str: "texts", int: "whole numbers", float: "numbers"}
    if bare not in words:
        return f"a list of {count}mappings"
    in_unit = f" in {unit}" if unit else ""
    return f"a list of {count}{words[bare]}{in_unit}{_bounds(metas(item), bare is int)}"


def _bounds(meta: list[Meta], is_whole: bool) -> str:
    low = next((m.ge for m in meta if m.ge is not None), None)
    high = next((m.le for m in meta if m.le is not None), None)
    above = next((m.gt for m in meta if m.gt is not None), None)
    form = "{:d}" if is_whole else "{:g}"
    if above is not None:
        return f" above {form.format(above)}"
    if low is None or low <= -LARGEST:
        return ""
    if high is None or high >= LARGEST and not is_whole:
        return f", at least {form.format(low)}"
    return f" from {form.format(low)} to {form.format(high)}"
