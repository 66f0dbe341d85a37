"""Functions that handle arrays or refuse something say the shapes of arrays and their errors."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2] / "groot_ros"
ROOMS = (
    *("geometry.py", "policy.py", "forward_kinematics.py", "calibration", "cameras", "chunks"),
    *(
        "codecs",
        "model",
        "observation",
        "policies",
        "robot",
        "serving",
        "signals",
        "sim",
        "timing",
    ),
    "wire",
)
ARRAY = re.compile(r"\b(Array|ArrayLike|NDArray|ndarray|Image|Depth)\b")
# (N, 7), (...,), (3,), or a word for a single number.
SHAPE = re.compile(r"\((\.\.\.|[A-Z0-9]\w*)(, ?[\w.+* -]+)*,?\)")
RAISED = ("UserError", "Misfit", "WireError")


Said = tuple[str, ast.FunctionDef, str]


def functions() -> Iterator[Said]:
    """Public functions and methods: where, node, and what is said of them and around them."""
    for room in ROOMS:
        path = ROOT / room
        for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
            tree = ast.parse(file.read_text())
            yield from of(tree, file.relative_to(ROOT).as_posix(), ast.get_docstring(tree) or "")


def of(node: ast.AST, where: str, around: str) -> Iterator[Said]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef) and not child.name.startswith("_"):
            said = f"{around}\n{ast.get_docstring(child) or ''}"
            yield from of(child, f"{where}:{child.name}", said)
        elif isinstance(child, ast.FunctionDef) and not child.name.startswith("_"):
            own = ast.get_docstring(child) or ""
            yield (
                f"{where}:{child.name}",
                child,
                own if isinstance(node, ast.Module) else (f"{around}\n{own}"),
            )


def inherited(found: list[Said]) -> dict[tuple[str, str], str]:
    """What methods say, by folder and name: a class that has no words of its own for a method is
    one of several that do the same."""
    said: dict[tuple[str, str], str] = {}
    for where, node, text in found:
        if ast.get_docstring(node):
            key = where.rpartition("/")[0], node.name
            said[key] = f"{said.get(key, '')}\n{text}"
    return said


def told() -> Iterator[Said]:
    """`functions`, with what is said elsewhere of those that say nothing."""
    found = list(functions())
    others = inherited(found)
    for where, node, text in found:
        key = where.rpartition("/")[0], node.name
        yield where, node, text if ast.get_docstring(node) else f"{text}\n{others.get(key, '')}"


def takes_arrays(function: ast.FunctionDef) -> bool:
    arguments = [*function.args.args, *function.args.kwonlyargs]
    hints = [a.annotation for a in arguments] + [function.returns]
    return any(hint and ARRAY.search(ast.unparse(hint)) for hint in hints)


def raises(function: ast.FunctionDef) -> set[str]:
    calls = [n.exc for n in ast.walk(function) if isinstance(n, ast.Raise)]
    return {c.func.id for c in calls if isinstance(c, ast.Call) and isinstance(c.func, ast.Name)}


def test_arrays_have_their_shapes() -> None:
    found = list(told())
    assert len(found) > 1000
    silent = [
        where for where, node, said in found if takes_arrays(node) and not SHAPE.search(said)
    ]
    assert not silent, f"{len(silent)} say no shape: {silent}"


def test_errors_are_named() -> None:
    silent = [
        f"{where}: {name}"
        for where, node, said in told()
        for name in raises(node) & set(RAISED)
        if name not in said
    ]
    assert not silent, f"{len(silent)} do not name what they raise: {silent}"
