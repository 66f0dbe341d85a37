"""Nothing that Python 3.10 lacks, the one of ROS 2 Humble; what it cannot parse ruff finds."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
NEWER = {
    "asyncio": {"Barrier", "Runner", "TaskGroup", "timeout", "timeout_at"},
    "contextlib": {"chdir"},
    "datetime": {"UTC"},
    "enum": {"ReprEnum", "StrEnum", "member", "nonmember", "property", "verify"},
    "hashlib": {"file_digest"},
    "itertools": {"batched"},
    "logging": {"getLevelNamesMapping"},
    "math": {"cbrt", "exp2", "sumprod"},
    "operator": {"call"},
    "tomllib": {"load", "loads"},
    "typing": {
        *("LiteralString", "Never", "NotRequired", "Required", "Self", "TypeVarTuple", "Unpack"),
        *("assert_never", "assert_type", "dataclass_transform", "override", "reveal_type"),
    },
}
NEWER_ARGUMENTS = {"process_group", "onexc", "delete_on_close", "all_errors", "walk_up"}


def newer(tree: ast.AST) -> set[str]:
    """Names and arguments of the standard library that came with 3.11 or 3.12."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names = {name.name for name in node.names}
            found |= {
                f"{node.module}.{name}" for name in names & NEWER.get(node.module or "", set())
            }
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names if name.name == "tomllib"}
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.attr in NEWER.get(node.value.id, set()):
                found.add(f"{node.value.id}.{node.attr}")
        elif isinstance(node, ast.keyword) and node.arg in NEWER_ARGUMENTS:
            found.add(f"{node.arg}=")
    return found


def test_it_is_found() -> None:
    source = "from typing import Self\nasyncio.timeout(1)\nPopen([], process_group=0)"
    assert newer(ast.parse(source)) == {"typing.Self", "asyncio.timeout", "process_group="}


def test_nothing_is_newer_than_python_of_humble() -> None:
    files = [*ROOT.glob("groot_ros/**/*.py"), *ROOT.glob("launch/*.py")]
    found = {
        file.relative_to(ROOT).as_posix(): newer(ast.parse(file.read_text())) for file in files
    }
    assert len(files) > 500
    assert not {file: names for file, names in found.items() if names}
