"""Reading a mapping with errors that name the key, what was found and what is allowed."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from groot_ros.errors import UserError, did_you_mean
from groot_ros.files.config_file import shown

# Names that ROS takes, relative, absolute or private; substitutions such as {node} included.
_TOPIC = re.compile(r"(~?/)?[A-Za-z_{][\w{}]*(/[A-Za-z_{][\w{}]*)*", re.ASCII)
LONGEST_TOPIC = 200
TOPIC = (
    "a topic name such as /joint_states: letters, digits and _ between slashes, no digit behind a "
    f"slash, at most {LONGEST_TOPIC} characters"
)
# No arm, and no limit of one, is larger in any unit.
LARGEST = 1e9
TODO = "TODO"
"""Stands in a drafted file where a person has to say something."""


def is_topic(name: str) -> bool:
    """Whether ROS takes a topic of this name."""
    return len(name) <= LONGEST_TOPIC and _TOPIC.fullmatch(name) is not None


class Section:
    """A mapping of a configuration file; keys that nobody asked for are mistakes."""

    def __init__(self, values: Any, source: str, path: str = "") -> None:
        self._source = source
        self._path = path
        if not isinstance(values, Mapping):
            raise self.error("", f"is {shown(values)}, expected a mapping of keys to values")
        self._values = dict(values)
        self._known: list[str] = []

    def place(self, key: str) -> str:
        """Where a key of this section is in the file, for example limits.points."""
        return ".".join(part for part in (self._path, key) if part)

    def error(self, key: str, problem: str) -> UserError:
        """The one sentence for a key of this section."""
        name = self.place(key[:40]) or "the file"
        return UserError(f"{self._source}: {name} {problem}")

    def __contains__(self, key: str) -> bool:
        self._known.append(key)
        return self._values.get(key) is not None

    def _get(self, key: str, expected: str) -> Any:
        if key not in self:
            others = [str(other) for other in self._values if other not in self._known]
            near = difflib.get_close_matches(key, others, n=1)
            hint = f"; did you mean it by {near[0][:40]}?" if near else ""
            raise self.error(key, f"is missing, expected {expected}{hint}")
        if self._values[key] == TODO:
            raise self.error(key, f"is still {TODO}, fill in {expected}")
        return self._values[key]

    def section(self, key: str) -> Section:
        """A mapping below this one."""
        return self._below(key, self._get(key, "a mapping"))

    def part(self, key: str) -> Section:
        """A mapping below this one, an empty one where it is missing."""
        return self.section(key) if key in self else self._below(key, {})

    def _below(self, key: str, values: Any) -> Section:
        return type(self)(values, self._source, f"{self._path}.{key}" if self._path else key)

    def sections(self) -> Iterator[tuple[str, Section]]:
        """All keys, each a mapping."""
        for key in self._values:
            yield str(key), self.section(key)

    def text(self, key: str, expected: str = "a text") -> str:
        value = self._get(key, expected)
        if not isinstance(value, str) or not value.strip():
            raise self.error(key, f"is {shown(value)}, expected {expected}")
        return value

    def topic(self, key: str) -> str:
        """A topic name that ROS takes."""
        value = self.text(key, TOPIC)
        if not is_topic(value):
            raise self.error(key, f"is {shown(value)}, expected {TOPIC}")
        return value

    def choice(self, key: str, allowed: Sequence[str]) -> str:
        value = self.text(key, f"one of {', '.join(allowed)}")
        if value not in allowed:
            near = did_you_mean(value, allowed)
            expected = ", ".join(allowed) + (f"; {near}" if near else "")
            raise self.error(key, f"is {shown(value)}, expected one of {expected}")
        return value

    def boolean(self, key: str) -> bool:
        value = self._get(key, "true or false")
        if not isinstance(value, bool):
            raise self.error(key, f"is {shown(value)}, expected true or false")
        return value

    def number(self, key: str, unit: str, low: float = -math.inf, high: float = math.inf) -> float:
        """A number in [low, high], no larger than `LARGEST`."""
        return self._number(key, self._get(key, f"a number in {unit}"), unit, low, high)

    def integer(self, key: str, low: int, high: int) -> int:
        """A whole number in [low, high]."""
        return _integer(self, key, self._get(key, _whole(low, high)), low, high)

    def integers(self, key: str, low: int, high: int) -> tuple[int, ...]:
        """A list of whole numbers in [low, high]."""
        values = self._list(key, "a list of whole numbers")
        return tuple(_integer(self, key, value, low, high) for value in values)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, which may be empty."""
        return tuple(self._list(key, "a list of texts", str))

    def items(self, key: str) -> list[Section]:
        """A list of mappings."""
        values = self._list(key, "a list of mappings")
        return [self._below(f"{key}.{index}", value) for index, value in enumerate(values)]

    @property
    def values(self) -> dict[Any, Any]:
        """What it holds, as it was read."""
        return self._values

    def positive(self, key: str, unit: str) -> float:
        value = self.number(key, unit, low=0.0)
        if value == 0.0:
            raise self.error(key, f"is 0, expected a number in {unit} above 0")
        return value

    def numbers(self, key: str, unit: str, length: int) -> tuple[float, ...]:
        """A list of `length` numbers, none larger than `LARGEST`."""
        expected = f"a list of {length} numbers in {unit}"
        values = self._list(key, expected)
        if len(values) != length:
            raise self.error(key, f"is {shown(values)}, expected {expected}")
        return tuple(self._number(key, value, unit, -math.inf, math.inf) for value in values)

    def pose(self) -> tuple[float, ...]:
        """A pose (7,) by the keys `xyz` in m and `quat_wxyz`, none moves or turns."""
        quat: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0)
        quat = self.numbers("quat_wxyz", "1", 4) if "quat_wxyz" in self else quat
        if abs(sum(number * number for number in quat) - 1.0) > 1e-3:
            raise self.error("quat_wxyz", "has another length than 1")
        return (*(self.numbers("xyz", "m", 3) if "xyz" in self else (0.0, 0.0, 0.0)), *quat)

    def number_or_numbers(self, key: str, unit: str) -> tuple[float, ...]:
        """A number or a list of some, none larger than `LARGEST`."""
        expected = f"a number in {unit} or a list of some"
        value = self._get(key, expected)
        values = value if isinstance(value, list) else [value]
        if not values:
            raise self.error(key, f"is [], expected {expected}")
        return tuple(self._number(key, v, unit, -math.inf, math.inf) for v in values)

    def names(self, key: str) -> tuple[str, ...]:
        """A list of distinct names."""
        values = self._list(key, "a list of names", str)
        if not values:
            raise self.error(key, "is [], expected a list of names")
        if len(set(values)) != len(values):
            raise self.error(key, f"is {shown(values)}, expected every name once")
        return tuple(values)

    def _list(self, key: str, expected: str, kind: type = object) -> list[Any]:
        values = self._get(key, expected)
        if not isinstance(values, list) or not all(isinstance(v, kind) for v in values):
            raise self.error(key, f"is {shown(values)}, expected {expected}")
        return values

    def _number(self, key: str, value: Any, unit: str, low: float, high: float) -> float:
        allowed = f"a number in {unit}"
        if low > -math.inf or high < math.inf:
            allowed += f" from {low:g} to {high:g}" if high < math.inf else f", at least {low:g}"
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(key, f"is {shown(value)}, expected {allowed}")
        if not low <= value <= high or not abs(value) <= LARGEST:
            raise self.error(key, f"is {shown(value)}, expected {allowed}")
        return float(value)

    def finish(self) -> None:
        """Raise for a key that nobody asked for: most likely it is misspelt."""
        for key in self._values:
            if key not in self._known:
                allowed = f"allowed here: {', '.join(dict.fromkeys(self._known))}"
                hint = did_you_mean(str(key), self._known) or allowed
                raise self.error(str(key), f"is not a known key; {hint}")


def _whole(low: int, high: int) -> str:
    return f"a whole number from {low} to {high}"


def _integer(section: Section, key: str, value: Any, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise section.error(key, f"is {shown(value)}, expected {_whole(low, high)}")
    return value
