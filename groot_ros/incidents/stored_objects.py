"""What an executor holds, as lines of JSON: exact, and safe to read from anybody.

Numbers keep every bit and arrays their layout. Only classes of the executor's own modules are
made, field by field, and nothing that the lines say is called.
"""

from __future__ import annotations

import base64
import importlib
import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from functools import cached_property
from typing import Any

import numpy as np

# Modules whose classes may be in the lines.
MODULES = ("groot_ros.chunks.", "groot_ros.signals.", "groot_ros.robot.limits")
# So many items of a long sequence are in one line: readers refuse very long lines.
ITEMS_PER_LINE = 200
# Where items of a sequence are, and those that follow in lines of their own.
OBJECT, MORE, VALUE = "object", "more", "value"
DTYPES = ("float64", "int64", "bool")


class Writer:
    """Turns values into lines; an object that came before is referred to.

    `put` takes a line of text, without its end. What has a name in `outside` (by class) is not
    written but named; the reader is given it.
    """

    def __init__(self, put: Callable[[str], None], outside: Mapping[type, str]) -> None:
        self._put = put
        self._outside = outside
        self._known: dict[int, int] = {}
        # An id is that of an object only while that lives.
        self._kept: list[Any] = []

    def write(self, value: Any) -> None:
        """Write a value; `read` yields it again."""
        self._line(VALUE, self._plain(value))

    def _line(self, *parts: Any) -> None:
        self._put(json.dumps(parts, separators=(",", ":")))

    def _plain(self, value: Any) -> Any:
        """The value in JSON; objects that are new are written before."""
        if name := self._outside.get(type(value)):
            return {"outside": name}
        if isinstance(value, Enum):
            return {"enum": [_class_name(type(value)), value.name]}
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, np.integer | np.bool_):
            return value.item()
        if isinstance(value, np.ndarray):
            return _plain_array(value)
        if isinstance(value, tuple):
            return {"tuple": [self._plain(item) for item in value]}
        if isinstance(value, set):
            return {"set": [self._plain(item) for item in value]}
        if isinstance(value, dict):
            return {"dict": [[self._plain(k), self._plain(v)] for k, v in value.items()]}
        return {"is": self._index(value)}

    def _index(self, value: Any) -> int:
        if (known := self._known.get(id(value))) is not None:
            return known
        if isinstance(value, list | deque):
            index = self._sequence(value)
        else:
            fields = {name: self._plain(field) for name, field in _fields(value)}
            index = self._new(value)
            self._line(OBJECT, _class_name(type(value)), fields)
        return index

    def _sequence(self, value: list[Any] | deque[Any]) -> int:
        items = [self._plain(item) for item in value]
        index = self._new(value)
        size = value.maxlen if isinstance(value, deque) else None
        self._line(OBJECT, type(value).__name__, size)
        for start in range(0, len(items), ITEMS_PER_LINE):
            self._line(MORE, index, items[start : start + ITEMS_PER_LINE])
        return index

    def _new(self, value: Any) -> int:
        self._kept.append(value)
        return self._known.setdefault(id(value), len(self._known))


def read(lines: Iterator[str], outside: Mapping[str, Any]) -> Iterator[Any]:
    """The values of lines that a `Writer` wrote; for others ValueError, LookupError, TypeError,
    AttributeError or ImportError."""
    objects: list[Any] = []
    for line in lines:
        kind, *parts = json.loads(line)
        if kind == OBJECT:
            name, content = parts
            objects.append(_made(name, content, objects, outside))
        elif kind == MORE:
            index, items = parts
            objects[index].extend(_value(item, objects, outside) for item in items)
        elif kind == VALUE:
            yield _value(parts[0], objects, outside)
        else:
            raise ValueError(f"a line is of kind {kind!r}")


def _made(name: str, content: Any, objects: list[Any], outside: Mapping[str, Any]) -> Any:
    if name == "list":
        return []
    if name == "deque":
        return deque(maxlen=content)
    made: Any = object.__new__(_class_of(name))
    fields = {key: _value(value, objects, outside) for key, value in content.items()}
    vars(made).update(fields)
    return made


def _value(plain: Any, objects: list[Any], outside: Mapping[str, Any]) -> Any:
    if not isinstance(plain, dict):
        return plain
    ((kind, content),) = plain.items()
    if kind == "is":
        return objects[content]
    if kind == "array":
        return _array(*content)
    if kind == "tuple":
        return tuple(_value(item, objects, outside) for item in content)
    if kind == "dict":
        pairs = ([_value(part, objects, outside) for part in pair] for pair in content)
        return dict(pairs)
    if kind == "set":
        return {_value(item, objects, outside) for item in content}
    if kind == "enum" and issubclass(found := _class_of(content[0]), Enum):
        return found[content[1]]
    if kind == "outside":
        return outside[content]
    raise ValueError(f"a value is of kind {kind!r}")


def _plain_array(array: np.ndarray) -> dict[str, Any]:
    if array.dtype.name not in DTYPES:
        raise TypeError(f"an array of {array.dtype} is not written")
    # Sums over an axis depend on how it lies in memory.
    by_columns = array.flags.f_contiguous and not array.flags.c_contiguous
    data = array.tobytes("F" if by_columns else "C")
    text = base64.b64encode(data).decode("ascii")
    return {"array": [text, array.dtype.name, list(array.shape), by_columns]}


def _array(text: str, dtype: str, shape: list[int], by_columns: bool) -> np.ndarray:
    if dtype not in DTYPES:
        raise ValueError(f"an array is of {dtype!r}")
    data = np.frombuffer(base64.b64decode(text), dtype)
    return data.reshape(shape, order="F" if by_columns else "C").copy(order="K")


def _fields(value: Any) -> Iterator[tuple[str, Any]]:
    for name, field in vars(value).items():
        # What can be computed again is not kept.
        if not isinstance(getattr(type(value), name, None), cached_property):
            yield name, field


def _class_name(kind: type) -> str:
    name = f"{kind.__module__}:{kind.__qualname__}"
    if not kind.__module__.startswith(MODULES):
        raise TypeError(f"{name} is not written")
    return name


def _class_of(name: str) -> type:
    module, _, qualified = name.partition(":")
    if not module.startswith(MODULES):
        raise ValueError(f"{name!r} is no class of an executor")
    found = getattr(importlib.import_module(module), qualified)
    if not isinstance(found, type) or found.__module__ != module:
        raise ValueError(f"{name!r} is no class of an executor")
    return found
