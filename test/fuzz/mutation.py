"""Valid examples made hostile: trees in which something is swapped, bytes that are damaged."""

from __future__ import annotations

import copy
import json
from typing import Any

from numpy.random import Generator

# What a field may get instead of its own value.
POISONS: list[Any] = [
    None,
    True,
    0,
    -1,
    1,
    2**31,
    2**63,
    -(10**30),
    0.5,
    1e-320,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "x",
    " ",
    "\x00",
    "../../../etc/passwd",
    "{0.__class__}",
    "\ud800",
    "ä" * 300,
    "x" * 10_000,
    [],
    {},
    [[]],
    [None],
    ["x", "x"],
    [0] * 1000,
    {"": None},
    {"a": {"b": {"c": {}}}},
]


def poisoned(value: Any, rng: Generator, poisons: list[Any] = POISONS) -> Any:
    """A copy of a tree in which one or a few places are swapped, deleted, doubled or moved."""
    for _ in range(1 + int(rng.integers(4)) // 3):
        value = _once(copy.copy(value), rng, poisons)
    return value


def _once(value: Any, rng: Generator, poisons: list[Any]) -> Any:
    if isinstance(value, dict) and value and rng.random() < 0.93:
        key = list(value)[rng.integers(len(value))]
        kind = rng.random()
        if kind < 0.1:
            return {k: v for k, v in value.items() if k != key}
        if kind < 0.15:
            other = list(value)[rng.integers(len(value))]
            return {**value, key: value[other]}
        if kind < 0.18 and isinstance(key, str):
            return {**{k: v for k, v in value.items() if k != key}, key + "x": value[key]}
        return {**value, key: _once(value[key], rng, poisons)}
    if isinstance(value, list) and value and rng.random() < 0.85:
        index = int(rng.integers(len(value)))
        kind = rng.random()
        if kind < 0.15:
            return value[:index] + value[index + 1 :]
        if kind < 0.25:
            return value[: index + 1] + value[index:]
        return [*value[:index], _once(value[index], rng, poisons), *value[index + 1 :]]
    if isinstance(value, bool):
        return not value if rng.random() < 0.3 else _poison(rng, poisons)
    if isinstance(value, int | float) and rng.random() < 0.3:
        factor = (-1, 0, 2, 1000, 1e-9)[rng.integers(5)]
        return type(value)(value * factor)
    return _poison(rng, poisons)


def _poison(rng: Generator, poisons: list[Any]) -> Any:
    return poisons[rng.integers(len(poisons))]


def damaged(data: bytes, rng: Generator) -> bytes:
    """Bytes with flips, a cut, a piece doubled, removed, zeroed or made of noise."""
    changed = bytearray(data)
    if not changed:
        return rng.bytes(int(rng.integers(100)))
    kind = rng.integers(6)
    begin = int(rng.integers(len(changed)))
    end = min(len(changed), begin + 1 + int(rng.exponential(64)))
    if kind == 0:
        for place in rng.integers(0, len(changed), 1 + int(rng.integers(4))):
            changed[place] ^= 1 << int(rng.integers(8))
    elif kind == 1:
        del changed[begin:]
    elif kind == 2:
        changed[begin:begin] = changed[begin:end]
    elif kind == 3:
        del changed[begin:end]
    elif kind == 4:
        changed[begin:end] = bytes(end - begin)
    else:
        changed[begin:end] = rng.bytes(end - begin)
    return bytes(changed)


def hostile_json(text: bytes, rng: Generator) -> bytes:
    """A JSON file made hostile: mostly its tree, sometimes its text."""
    kind = rng.random()
    if kind < 0.75:
        tree = poisoned(json.loads(text), rng)
        return json.dumps(tree).encode(errors="replace")
    if kind < 0.97:
        return damaged(text, rng)
    extremes = (b"", b"[" * 100_000, b"9" * 6000, b'{"a":1,"a":2}', b"null", b"\xff\xfe{\x00")
    return extremes[rng.integers(len(extremes))]
