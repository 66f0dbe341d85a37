"""What is installed: the version, modules, files that ship beside the Python code; and files of a
user."""

from __future__ import annotations

import importlib
import os
import pkgutil
from fnmatch import fnmatchcase
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGE = "groot_ros"


def own_version() -> str:
    """Of groot_ros; unknown where it is not installed as a package."""
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return "unknown"


def module_names(package: str, pattern: str = "*") -> tuple[str, ...]:
    """Names of the modules of a package that fit a pattern, such as `*_client`, in their order."""
    folders = importlib.import_module(package).__path__
    names = (module.name for module in pkgutil.iter_modules(folders))
    return tuple(sorted(name for name in names if fnmatchcase(name, pattern)))


def share_file(relative: str) -> Path:
    """Path of a shipped file (robot, URDF, launch, rviz) such as `config/robots/sim.yaml`.

    Found in the source checkout, in a colcon install space or below a Python prefix, with or
    without ROS. Raises FileNotFoundError when it is in none of them.
    """
    for parent in Path(__file__).resolve().parents:
        for root in (parent, parent / "share" / PACKAGE):
            if os.path.exists(root / relative):
                return root / relative
    raise FileNotFoundError(f"{relative} is not part of this installation of {PACKAGE}")


def user_path(path: str | Path) -> Path:
    """A path as a user gives it: ~ is the home folder, ~name of nobody stays as it is.

    It may be no name that a file can have: os.path bears these, a Path's own is_file does not.
    """
    return Path(os.path.expanduser(path))
