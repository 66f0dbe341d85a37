"""Who may import whom: lower layers know nothing of higher ones, of ROS or of torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "groot_ros"

# A module may import those of its own layer and of the layers above it in this list.
LAYERS = [
    {
        "errors",
        "share",
        "geometry",
        "signals",
        "config_file",
        "config_section",
        "urdf",
        "forward_kinematics",
        "inverse_kinematics",
        "robot_lag",
        "robot_limits",
        "latency",
        "lockstep",
        "__init__",
    },
    {
        "robot",
        "robot_kinematics",
        "robot_checks",
        "codecs",
        "chunks",
        "buffer",
        "envelope",
        "cameras",
        "image_messages",
        "picture_watch",
        "message_fields",
        "signal_messages",
        "stream_store",
    },
    {
        "calibration",
        "model",
        "policies",
        "data",
        "sim",
        "serving",
        "incidents",
        "inference",
        "inference_types",
        "turns",
    },
    {"demo"},
    {"training", "nodes", "cli", "benchmarks"},
]
ROS_PARTS = {"nodes"}
TORCH_PARTS = ("model/", "training/", "benchmarks/", "policies/local.py")
TORCH_PACKAGES = {"torch", "torchvision", "transformers"}
HEAVY_PACKAGES = TORCH_PACKAGES | {"mink", "mujoco", "rclpy"}
ROS_PACKAGES = {"rclpy", "launch", "launch_ros", "ament_index_python", "tf2_ros"}

MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))


@cache
def imports(module: Path) -> frozenset[str]:
    """Dotted names that a module imports, inside functions too."""
    tree = ast.parse((PACKAGE / module).read_text())
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(names)


def part(module: Path) -> str:
    """The package or top-level module that a module belongs to."""
    return module.parts[0].removesuffix(".py")


def layer(name: str) -> int:
    found = [index for index, parts in enumerate(LAYERS) if name in parts]
    assert found, f"groot_ros.{name} belongs to no layer: add it to LAYERS"
    return found[0]


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_imports_go_downward(module: Path) -> None:
    own = layer(part(module))
    targets = {name.split(".")[1] for name in imports(module) if name.startswith("groot_ros.")}
    upward = {target for target in targets if layer(target) > own}
    assert not upward, f"{module} imports from the layers above it: {sorted(upward)}"


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_only_ros_parts_import_ros(module: Path) -> None:
    roots = {name.split(".")[0] for name in imports(module)}
    found = {root for root in roots if root in ROS_PACKAGES or root.endswith("_msgs")}
    assert not found or part(module) in ROS_PARTS, f"{module} imports {sorted(found)}"


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_only_the_model_imports_torch(module: Path) -> None:
    found = {name.split(".")[0] for name in imports(module)} & TORCH_PACKAGES
    assert not found or str(module).startswith(TORCH_PARTS), f"{module} imports {sorted(found)}"


@pytest.mark.parametrize(
    ("start", "heavy"),
    [
        ("import groot_ros.nodes.executor_node", TORCH_PACKAGES),
        ("from groot_ros.cli.main import build_parser; build_parser()", HEAVY_PACKAGES),
        ("import groot_ros.benchmarks.gpu_check", HEAVY_PACKAGES),
    ],
    ids=["executor_node", "groot-ros", "gpu_check"],
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
