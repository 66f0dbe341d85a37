"""YAML and JSON that others wrote: within bounds, every key once, or refused in one sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from groot_ros.errors import UserError

YAML_BYTES = 1 << 20
JSON_BYTES = 32 << 20
# Deeper than any of our files; the readers themselves recurse and would end in a RecursionError.
DEEPEST = 32
VALUES = 20_000
"""Of a YAML file, an alias counted as what it stands for."""
NUMBER_LETTERS = 40
HALF_LETTER = re.compile(r"[\ud800-\udfff]")
MANY_DIGITS = re.compile(rf"[0-9]{{{NUMBER_LETTERS + 1}}}")
ENCODINGS = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_TAG = "tag:yaml.org,2002:"
_SCALARS = {_TAG + kind for kind in ("null", "bool", "int", "float", "str", "merge")}


def read_yaml(path: Path) -> Any:
    """The value of a YAML file, as yaml.safe_load; UserError names the file and, inside, the key.

    Refused: more than YAML_BYTES, other encodings than UTF-8, a key twice in one mapping, tags,
    nesting and values beyond DEEPEST and VALUES.
    """
    text = read_text(path, YAML_BYTES)
    try:
        loader = _YamlLoader(text, path)
        if (node := loader.get_single_node()) is None:
            return None
        loader.check(node, [])
        return loader.construct_document(node)
    # ValueError: a number such as 0x_, which only the reader's patterns take for one.
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None


def read_json(path: Path, remedy: str, most_bytes: int = JSON_BYTES) -> Any:
    """The value of a JSON file; UserError names the file, what is wrong and ends in `remedy`.

    Refused: more than `most_bytes`, other encodings than UTF-8, a key twice in one object, numbers
    of more than NUMBER_LETTERS digits, nesting that Python's reader cannot follow.
    """
    return parse_json(read_text(path, most_bytes), str(path), remedy)


def parse_json(text: str, source: str, remedy: str) -> Any:
    """The value of a JSON text; `source` names it in errors, as for `read_json`."""
    try:
        # Calling it for every number takes time, and hardly a file needs it.
        parse_int = _short_integer if MANY_DIGITS.search(text) else None
        value = json.loads(text, object_pairs_hook=_every_key_once, parse_int=parse_int)
        # An escape such as \ud800 alone is half of a letter, which nothing can print or write.
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except RecursionError:
        reason = "it is nested too deeply"
    except ValueError as error:
        reason = str(error)
    raise UserError(f"{source} is no valid JSON ({reason}): {remedy}")


def read_text(path: Path, most_bytes: int) -> str:
    """The text of a UTF-8 file of at most `most_bytes`; UserError otherwise.

    FileNotFoundError is the caller's: only it knows what should have been there.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(most_bytes + 1)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}") from None
    if len(content) > most_bytes:
        raise UserError(f"{path} has more than {most_bytes} bytes, expected a smaller file")
    for mark, name in ENCODINGS:
        if content.startswith(mark):
            raise UserError(f"{path} is written in {name}, expected UTF-8: save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path} is not UTF-8 text (byte {error.start}), save it as UTF-8"
        ) from None


def shown(value: Any) -> str:
    """A value for an error, cut to a length that a sentence bears."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _every_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in values if keys.count(key) > 1)
        raise ValueError(f"the key {shown(twice)} is there twice in one object")
    return values


def _short_integer(digits: str) -> int:
    if len(digits) > NUMBER_LETTERS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


class _YamlLoader(yaml.SafeLoader):
    """PyYAML's safe reader with bounds; `check` before anything is made of what was read."""

    def __init__(self, text: str, path: Path) -> None:
        super().__init__(text)
        self._path = path
        self._depth = 0
        self._nodes = 0
        self._values = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self._depth += 1
        self._nodes += 1
        line: int = self.peek_event().start_mark.line + 1  # type: ignore[no-untyped-call]
        if self._depth > DEEPEST:
            raise self._error([], f"is nested deeper than {DEEPEST} levels in line {line}")
        if self._nodes > VALUES:
            raise self._error([], f"holds more than {VALUES} values")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def check(self, node: Any, keys: Sequence[str]) -> None:
        """Refuse what a configuration does not need; an alias counts as what it stands for."""
        self._values += 1
        if self._values > VALUES:
            raise self._error(keys, f"makes more than {VALUES} values with its aliases")
        if len(keys) > DEEPEST:
            raise self._error(keys[:3], "is an alias of what holds it")
        if isinstance(node, yaml.ScalarNode):
            self._check_scalar(node, keys)
        elif isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            for index, item in enumerate(node.value):
                self.check(item, [*keys, str(index)])
        elif isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            self._check_mapping(node, keys)
        else:
            raise self._tag_error(node, keys)

    def _check_scalar(self, node: yaml.ScalarNode, keys: Sequence[str]) -> None:
        kind = node.tag.removeprefix(_TAG)
        if node.tag not in _SCALARS:
            raise self._tag_error(node, keys)
        if kind in ("int", "float") and len(node.value) > NUMBER_LETTERS:
            raise self._error(
                keys, f"is a number of {len(node.value)} digits, at most {NUMBER_LETTERS} are read"
            )
        # An escape such as \ud800 alone is half of a letter, which nothing can print or write.
        if HALF_LETTER.search(node.value):
            line = node.start_mark.line + 1
            raise self._error(keys, f"holds half of a letter in line {line}, expected whole ones")

    def _check_mapping(self, node: yaml.MappingNode, keys: Sequence[str]) -> None:
        lines: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise self._error(keys, f"has a key in line {line} that is no text")
            self._check_scalar(key, keys)
            below = [*keys, key.value[:40]]
            if key.value in lines:
                raise self._error(
                    below,
                    f"is there twice, in lines {lines[key.value]} and {line}, expected once: "
                    "remove one of them",
                )
            lines[key.value] = line
            self.check(value, below)

    def _tag_error(self, node: yaml.Node, keys: Sequence[str]) -> UserError:
        return self._error(
            keys,
            f"is of the type {node.tag.removeprefix(_TAG)[:40]} in line "
            f"{node.start_mark.line + 1}, expected a text (in quotes where it looks like "
            "something else), number, true or false, a list or a mapping",
        )

    def _error(self, keys: Sequence[str], problem: str) -> UserError:
        return UserError(f"{self._path}: {'.'.join(keys) or 'the file'} {problem}")
