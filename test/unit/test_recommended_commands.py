"""Every command that documentation or a message recommends exists and takes these arguments."""

from __future__ import annotations

import argparse
import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from groot_ros.cli.main import parse, verb_files

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *(page for folder in ("docs", "examples") for page in sorted((ROOT / folder).rglob("*.md"))),
]
COMMAND = re.compile(r"groot-ros ([a-z][a-z_-]+)((?: [^`;:,()]*)?)")
FENCED = re.compile(r"```\w*\n(.*?)```", re.DOTALL)
INLINE = re.compile(r"`(groot-ros [^`]+)`")
OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*")
# Verbs that the words behind "groot-ros" may be in a sentence: "a folder that groot-ros wrote".
PROSE = {"and", "wrote", "has", "reads"}


class Parsed(Exception):
    """The parsers of a verb, caught before they read anything."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self.parser = parser


def parsers(verb: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[argparse.ArgumentParser]:
    """Those of a verb and of its subverbs."""

    def stop(self: argparse.ArgumentParser, *_: object) -> None:
        raise Parsed(self)

    with monkeypatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, "parse_args", stop)
        with pytest.raises(Parsed) as caught:
            parse([verb])
    yield from walk(subparsers(caught.value.parser)[verb])


def subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found: dict[str, argparse.ArgumentParser] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found |= action.choices
    return found


def walk(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for below in subparsers(parser).values():
        yield from walk(below)


def shell_lines() -> Iterator[tuple[str, str]]:
    """Commands in the code blocks of the documentation, with the page."""
    for page in PAGES:
        for block in FENCED.findall(page.read_text()):
            for line in block.replace("\\\n", " ").splitlines():
                if line.strip().startswith("groot-ros "):
                    yield page.name, line.strip()


def sentences() -> Iterator[tuple[str, str]]:
    """What mentions a command: strings of the code with X for what is filled in, inline code."""
    for page in PAGES:
        for text in INLINE.findall(page.read_text()):
            yield page.name, text
    for file in sorted((ROOT / "groot_ros").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            yield file.name, text_of(node)


def text_of(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        parts = (p.value if isinstance(p, ast.Constant) else "X" for p in node.values)
        return "".join(str(part) for part in parts)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def test_each_line_of_a_code_block_is_accepted() -> None:
    lines = list(shell_lines())
    assert len(lines) > 50
    for page, line in lines:
        words = [word for word in shlex.split(line, comments=True)[1:] if word != "&"]
        try:
            parse(words)
        except SystemExit:
            pytest.fail(f"{page}: {line}")


def test_each_mention_names_a_verb_and_its_options(monkeypatch: pytest.MonkeyPatch) -> None:
    mentions = [
        (place, verb, words)
        for place, text in sentences()
        for verb, words in COMMAND.findall(" ".join(text.split()))
        if verb not in PROSE
    ]
    assert {verb for _, verb, _ in mentions} <= set(verb_files())
    for place, verb, words in mentions:
        known = list(parsers(verb, monkeypatch))
        options = {option for parser in known for option in parser._option_string_actions}
        assert set(OPTION.findall(words)) <= options, f"{place}: groot-ros {verb}{words}"
        below = subparsers(known[0])
        first = words.split()[0] if words.split() else ""
        if below and re.fullmatch("[a-z]+", first):
            assert first in below, f"{place}: groot-ros {verb}{words}"
