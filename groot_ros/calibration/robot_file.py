"""Numbers set in a YAML file whose comments, order and layout stay as they are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from groot_ros.errors import UserError
from groot_ros.files.config_file import YAML_BYTES, read_text, read_yaml
from groot_ros.files.part import part_path


def settings_for_copy(source: Path, output: Path) -> dict[str, str]:
    """Settings that a copy in another folder needs: where files are that lie beside the source."""
    if output.parent.resolve() == source.parent.resolve():
        return {}
    values, found = read_yaml(source), {}
    for key in ("urdf", "output.kinematics.urdf"):
        value = values
        for name in key.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        if isinstance(value, str) and (source.parent / value).is_file():
            found[key] = str((source.parent / value).resolve())
    return found


def setting_lines(settings: Mapping[str, float]) -> list[str]:
    """Settings by dotted key, as YAML that a person can copy."""
    values: dict[str, Any] = {}
    for key, value in settings.items():
        _put(values, key.split("."), value)
    return str(yaml.safe_dump(values, sort_keys=False, default_flow_style=False)).splitlines()


def write_with_settings(source: Path, settings: Mapping[str, Any], output: Path) -> None:
    """A copy of a YAML file with settings by dotted key; what is there is replaced, what is not is
    added to its section.

    UserError where the file's layout does not allow it; nothing is written then.
    """
    text = read_text(source, YAML_BYTES)
    # Without what aliases share.
    wanted = json.loads(json.dumps(read_yaml(source)))
    for key, value in settings.items():
        keys = key.split(".")
        _put(wanted, keys, value)
        text = _with_setting(text, keys, value)
    part = part_path(output)
    try:
        part.write_text(text, encoding="utf-8")
        try:
            is_as_meant = read_yaml(part) == wanted
        except UserError:
            is_as_meant = False
        if not is_as_meant:
            part.unlink()
            raise UserError(
                f"{source} is laid out so that numbers cannot be set in a copy of it (aliases, or "
                "several keys in a line): set the lines that are printed by hand"
            )
        part.replace(output)
    except OSError as error:
        raise UserError(
            f"{output} cannot be written ({error.strerror}): name another --output"
        ) from error


def _put(values: dict[str, Any], keys: Sequence[str], value: Any) -> None:
    for key in keys[:-1]:
        values = values.setdefault(key, {})
    values[keys[-1]] = value


def _with_setting(text: str, keys: Sequence[str], value: Any) -> str:
    """The text with one setting more; places are those that the YAML reader tells."""
    node, left = yaml.compose(text, Loader=yaml.SafeLoader), list(keys)
    assert node, "the file was read before"
    while left and (below := _below(node, left[0])) is not None:
        node, left = below, left[1:]
    if not left:
        return text[: node.start_mark.index] + _scalar(value) + text[node.end_mark.index :]
    new = _scalar(value)
    for key in reversed(left[1:]):
        new = f"{{{key}: {new}}}"
    return _with_entry(text, node, f"{left[0]}: {new}")


def _below(node: yaml.Node, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    found = [value for name, value in node.value if name.value == key]
    return found[0] if found else None


def _with_entry(text: str, node: yaml.Node, entry: str) -> str:
    """The text with an entry more at the end of a mapping."""
    if not isinstance(node, yaml.MappingNode) or not node.value:
        return f"{text.rstrip()}\n{entry}\n"
    last = _end(node.value[-1][1])
    if node.flow_style:
        return f"{text[:last]}, {entry}{text[last:]}"
    indent = " " * node.value[0][0].start_mark.column
    # Behind the last value a comment may stand.
    line_end = text.find("\n", last)
    line_end = len(text) if line_end < 0 else line_end
    return f"{text[:line_end]}\n{indent}{entry}{text[line_end:] or chr(10)}"


def _end(node: yaml.Node) -> int:
    """Where a value ends; that of a block is said to end where what follows it begins."""
    if isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)


def _scalar(value: Any) -> str:
    """A value as YAML writes it, in a line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000)
    return str(text).removesuffix("...\n").strip()
