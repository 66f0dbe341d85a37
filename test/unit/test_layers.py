"""Which room may import which, and who may import ROS or torch."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "groot_ros"

# A room is a folder, or a module beside the rooms. It imports from itself and from those above it.
ROOMS = [
    "errors",
    "extras",
    "share",
    "allocator",
    "options",
    "geometry",
    "files",
    "trials",
    "timing",
    "signals",
    "robot",
    "teleop",
    "cameras",
    "displays",
    "observation",
    "robot.drafting",
    "robot.checking",
    "doctor",
    "codecs.representations",
    "codecs",
    "chunks",
    "chunks.limits",
    "chunks.execution",
    "chunks.takeover",
    "policy",
    "model.processing",
    "model.networks",
    "model.fused",
    "model.checkpoint",
    "model.inference",
    "model.tiny",
    "wire",
    "data.bags",
    "data.repair",
    "data.playback",
    "data.clocks",
    "data.datasets",
    "data.recording",
    "data.review",
    "data.conversion",
    "data.editing",
    "calibration",
    "sim.fake",
    "sim",
    "policies.checkpoint",
    "policies.remote",
    "policies",
    "sim.rehearsal",
    "incidents",
    "demo",
    "serving",
    "viewer",
    "training.data",
    "training",
    "improvement",
    "benchmarks",
    "benchmarks.gpu",
    "nodes",
    "nodes.drivers",
    "nodes.sim",
    "nodes.recorder",
    "nodes.executor",
    "nodes.policy",
    "nodes.clients",
    "nodes.benchmarks",
    "cli",
    "cli.benchmarks",
    "cli.verbs.data",
    "cli.verbs.training",
    "cli.verbs.running",
    "cli.verbs.robots",
    "cli.verbs.machine",
]
MOST_FILES = 20
MOST_BY_PLACE = 4
TORCH_ROOMS = ("model", "training", "benchmarks")
TORCH_MODULES = {"policies.checkpoint.local"}
TORCH_PACKAGES = {"torch", "torchvision", "transformers"}
HEAVY_PACKAGES = TORCH_PACKAGES | {"mink", "mujoco", "rclpy"}
ROS_PACKAGES = {"rclpy", "launch", "launch_ros", "ament_index_python", "tf2_ros"}


@cache
def modules() -> dict[str, Path]:
    """Every module by its dotted name within the package; a folder itself is none."""
    paths = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")
    return {".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in paths}


def room(module: str) -> str:
    """The folder of a module, or the module itself where it lies beside the rooms."""
    return module.rpartition(".")[0] or module


@cache
def nodes(module: str) -> list[ast.AST]:
    """All that the text of a module consists of."""
    return list(ast.walk(ast.parse(modules()[module].read_text())))


@pytest.fixture(scope="module", autouse=True)
def forgotten() -> Iterator[None]:
    """Half a million nodes would slow every search for garbage of the tests that follow."""
    yield
    nodes.cache_clear()


@cache
def imports(module: str) -> frozenset[str]:
    """Dotted names that a module imports, inside functions too."""
    names: set[str] = set()
    for node in nodes(module):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(names)


def own_imports(module: str) -> Iterator[str]:
    """The modules of the package that a module imports."""
    for name in imports(module):
        inside = name.removeprefix("groot_ros.")
        if inside != name:
            parts = inside.split(".")
            heads = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
            if found := next((head for head in heads if head in modules()), None):
                yield found


def test_every_room_is_in_the_list() -> None:
    assert {room(module) for module in modules()} == set(ROOMS)


def test_imports_go_upward_in_the_list() -> None:
    place = {name: index for index, name in enumerate(ROOMS)}
    wrong = [
        f"{module} imports {target}"
        for module in modules()
        for target in own_imports(module)
        if place[room(target)] > place[room(module)]
    ]
    assert not wrong, "\n".join(sorted(wrong))


def test_no_room_is_crowded() -> None:
    files = [room(module) for module in modules()]
    crowded = {name: files.count(name) for name in ROOMS if files.count(name) > MOST_FILES}
    assert not crowded


def test_of_many_arguments_most_are_named() -> None:
    """Where a call says five values in a row, nobody sees that two are swapped."""
    named = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    own = {
        node.name
        for module in modules()
        for node in nodes(module)
        if isinstance(node, named) and not (isinstance(node, ast.FunctionDef) and node.args.vararg)
    }
    found = []
    for module in modules():
        others = {
            name.rpartition(".")[2] for name in imports(module) if not name.startswith("groot_ros")
        }
        for node in nodes(module):
            if isinstance(node, ast.Call) and len(node.args) > MOST_BY_PLACE:
                callee = node.func
                name = callee.attr if isinstance(callee, ast.Attribute) else ast.unparse(callee)
                if name in own - others:
                    found.append(f"{module}:{node.lineno} {name}")
    assert not found, "\n".join(found)


def test_only_nodes_import_ros() -> None:
    found = {
        f"{module} imports {name}"
        for module in modules()
        for name in imports(module)
        if module.split(".")[0] != "nodes"
        and ((root := name.split(".")[0]) in ROS_PACKAGES or root.endswith("_msgs"))
    }
    assert not found, "\n".join(sorted(found))


def test_only_the_model_imports_torch() -> None:
    found = {
        f"{module} imports {name}"
        for module in modules()
        for name in imports(module)
        if name.split(".")[0] in TORCH_PACKAGES
        and module.split(".")[0] not in TORCH_ROOMS
        and module not in TORCH_MODULES
    }
    assert not found, "\n".join(sorted(found))


@pytest.mark.parametrize(
    ("start", "heavy"),
    [
        ("import groot_ros.nodes.executor.executor_node", TORCH_PACKAGES),
        ("from groot_ros.cli.main import parse; parse(['validate', 'x'])", HEAVY_PACKAGES),
        ("import groot_ros.benchmarks.gpu.check", HEAVY_PACKAGES),
        ("import groot_ros.viewer.app, groot_ros.viewer.training_run", TORCH_PACKAGES),
        ("import groot_ros.policies.checkpoint.folder", TORCH_PACKAGES),
    ],
    ids=["executor_node", "groot-ros", "gpu_check", "viewer", "find_checkpoint"],
)
def test_it_starts_without_what_it_may_never_need(start: str, heavy: set[str]) -> None:
    process = subprocess.run(
        [sys.executable, "-c", f"import sys; {start}; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    loaded = heavy & set(process.stdout.split())
    assert not loaded, f"{sorted(loaded)} are imported"


def test_help_imports_no_verb() -> None:
    script = (
        "import contextlib, sys\n"
        "from groot_ros.cli.main import main\n"
        "with contextlib.suppress(SystemExit): main(['--help'])\n"
        "print(*sys.modules)\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    listing, loaded = process.stdout.rstrip().rsplit("\n", 1)
    verbs = {path.stem for path in (PACKAGE / "cli/verbs").glob("*/[a-z]*.py")}
    assert all(f"\n    {verb.replace('_', '-')}" in listing for verb in verbs)
    assert "argparse" in loaded and "groot_ros.cli.verbs." not in loaded and "numpy" not in loaded


@cache
def words() -> frozenset[str]:
    """Every word in the text of the package."""
    return frozenset(
        word for path in PACKAGE.rglob("*.py") for word in re.findall(r"\w+", path.read_text())
    )


@pytest.mark.parametrize("name", sorted({room(module) for module in modules() if "." in module}))
def test_a_room_says_what_it_is_for_and_names_what_exists(name: str) -> None:
    folder = PACKAGE / name.replace(".", "/")
    text = (folder / "README.md").read_text()
    assert len(text.splitlines()) <= 30 and ("Way in: " in text or "To add: " in text)
    for code in re.findall(r"`([^`\s]+)`", text):
        if code.endswith(".py"):
            assert any((place / code).is_file() for place in (folder, ROOT, PACKAGE)), code
        elif code.isidentifier():
            assert code in words(), code
