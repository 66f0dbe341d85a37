"""Codec files by name, the shipped ones and the user's own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from groot_ros.codecs.file import CodecFile, parse_codec
from groot_ros.errors import UserError
from groot_ros.files.config_file import read_yaml
from groot_ros.share import share_file, user_path

OWN_KEY = "codec_file"
"""Of the groot_ros.json of datasets and checkpoints: their codec, by value."""


@cache
def codec_names() -> tuple[str, ...]:
    """Names of the codec files that ship with the package."""
    return tuple(sorted(path.stem for path in share_file("config/codecs").glob("*.yaml")))


def shipped_codecs() -> tuple[CodecFile, ...]:
    """All codec files that ship with the package."""
    return tuple(map(_shipped, codec_names()))


def codec_path(name: str) -> Path:
    """Where a codec file is that `find_codec` finds."""
    found = find_codec(name)
    is_shipped = any(found is file for file in shipped_codecs())
    return share_file(f"config/codecs/{found.name}.yaml") if is_shipped else user_path(name)


def find_codec(name: str) -> CodecFile:
    """A codec file by its path, or a shipped one by its own name or that of its codec.

    UserError lists the right ones.
    """
    if name in codec_names():
        return _shipped(name)
    of_codec = {file.codec_name: file for file in reversed(shipped_codecs())}
    if found := of_codec.get(name):
        return found
    if os.path.isfile(path := user_path(name)):
        return replace(_read(path), file=path)
    raise UserError(
        f"codec {name!r} is unknown, expected one of {', '.join(codec_names())}, or the path of a "
        "codec file"
    )


@cache
def _shipped(name: str) -> CodecFile:
    return _read(share_file(f"config/codecs/{name}.yaml"))


def _read(path: Path) -> CodecFile:
    return parse_codec(read_yaml(path), path.stem, path.name)


def carried_codec(own: Mapping[str, Any], source: str) -> CodecFile | None:
    """The codec that a dataset or checkpoint carries in its groot_ros.json, by value.

    One of an earlier version only names a shipped codec; None where there is neither.
    """
    if OWN_KEY in own:
        return parse_codec(own[OWN_KEY], str(own.get("variant", "auto")), f"codec of {source}")
    variant = str(own.get("variant", ""))
    return _shipped(variant) if variant in codec_names() else None
