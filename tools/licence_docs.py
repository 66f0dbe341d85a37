"""Prints docs/licences.md: every package that is installed for groot_ros, and its licence."""

from __future__ import annotations

import re
import sys
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILES = ("base", "torch", "sim", "train", "ros", "test")
INTRODUCTION = """# Licences

groot_ros is Apache-2.0. Of others it carries [uPlot](https://github.com/leeoniya/uPlot) (MIT),
which draws the plots of `groot-ros view`. NVIDIA's weights have their own licence. What `make
setup` installs beside it, by the file in `requirements/` that names it (wheels ask for less of
it, see [install](install.md)), made from the packages' own metadata by `tools/licence_docs.py`:

| package | file | licence |
|---|---|---|"""
# What a package of ROS 2 says stands in its package.xml.
ROS = "ros-jazzy-"
LICENCE = re.compile(r"<license[^>]*>([^<]*)</license>")


def page() -> str:
    """The whole page."""
    found = [(name, file) for file in FILES for name in packages(file)]
    rows = [f"| {name} | {file} | {licence(name)} |" for name, file in found if ROS not in name]
    of_ros = {ros_licence(name) for name, _ in found if ROS in name} - {""}
    count = sum(ROS in name for name, _ in found)
    rows.append(f"| {ROS}*, {count} packages | ros | {', '.join(sorted(of_ros))} |")
    return "\n".join([INTRODUCTION, *dict.fromkeys(rows)]) + "\n"


def ros_licence(name: str) -> str:
    """What the package.xml of a package of ROS 2 says; empty where it has none."""
    path = Path(sys.prefix) / "share" / name.removeprefix(ROS).replace("-", "_") / "package.xml"
    return ", ".join(LICENCE.findall(path.read_text())) if path.exists() else ""


def packages(file: str) -> list[str]:
    """The packages that a file of requirements names."""
    lines = (ROOT / f"requirements/{file}.txt").read_text().splitlines()
    names = (re.match(r"[\w.-]+", line) for line in lines)
    return sorted({name[0] for name in names if name})


def licence(name: str) -> str:
    """What a package says of itself, in a few words."""
    try:
        about = metadata(name)
    except PackageNotFoundError:
        return "not installed here"
    if expression := about.get("License-Expression"):
        return str(expression)
    classified = [
        c.rpartition(":: ")[2] for c in about.get_all("Classifier") or [] if "License" in c
    ]
    said = ", ".join(classified) or (about.get("License") or "").partition("\n")[0]
    return said[:80].replace("|", "/") or "see the package"


if __name__ == "__main__":
    sys.stdout.write(page())
