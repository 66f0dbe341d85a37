"""What the page of troubleshooting says is printed is in the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| (`[^|]*`) \|", re.MULTILINE)
PHRASE = re.compile(r"`([^`]+)`")


def code() -> str:
    """Every text in the package, scripts and launch files."""
    texts = []
    for folder in ("groot_ros", "launch", "scripts"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.JoinedStr):
                    parts = (p.value if isinstance(p, ast.Constant) else "X" for p in node.values)
                    texts.append("".join(map(str, parts)))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    texts.append(node.value)
    return "\n".join(texts)


def phrases() -> list[str]:
    page = (ROOT / "docs/troubleshooting.md").read_text()
    cells = [phrase for cell in ROW.findall(page) for phrase in PHRASE.findall(cell)]
    return [part.strip() for cell in cells for part in cell.split("...") if part.strip()]


def test_what_is_said_to_be_printed_is_printed() -> None:
    assert len(phrases()) > 35
    texts = code()
    assert [phrase for phrase in phrases() if phrase not in texts] == []
