"""Copy launch and the ros2 command line out of the isaacsim-ros2 wheel into this environment.

They are not on PyPI under their own names. The wheel is NVIDIA's, under its own agreement; the
packages named here are not, and they are copied only when the metadata of each, egg-info and
package.xml, says Apache-2.0 or BSD. Pure Python files only.
"""

from __future__ import annotations

import argparse
import configparser
import re
import sys
import sysconfig
import zipfile
from email.parser import HeaderParser
from pathlib import Path
from xml.etree import ElementTree

ROOT = "isaacsim/exts/isaacsim.ros2.core/jazzy/"
PACKAGES = (
    "launch",
    "launch_ros",
    "launch_testing",
    "launch_testing_ros",
    "launch_xml",
    "launch_yaml",
    "ros2cli",
    "ros2node",
    "ros2param",
    "ros2pkg",
    "ros2run",
    "ros2service",
    "ros2topic",
    "rosidl_runtime_py",
    # launch_ros imports composition_interfaces.srv.
    "composition_interfaces",
)
ALLOWED_LICENCE = re.compile(
    r"apache( license)?[ ,-]+(version )?2\.0"
    r"|(2-clause |3-clause )?bsd(-2-clause|-3-clause)?( license)?",
    re.IGNORECASE,
)
# The requirements name ament packages as PyPI does not know them, and pip would complain.
LEFT_OUT = ("/requires.txt", "/SOURCES.txt", ".so", ".pyc")
REQUIREMENT = re.compile(rb"^Requires-Dist:.*\n", re.MULTILINE)
# A shebang line cannot hold a path with spaces; sh reads the first lines, Python the rest.
SCRIPT = """#!/bin/sh
'''exec' "{python}" "$0" "$@"
' '''
import sys
from {module} import {function}
sys.argv[0] = "{name}"
sys.exit({function}())
"""


class RosWheel:
    """The Jazzy part of the wheel; file names are relative to it."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path)
        self.names = {
            name.removeprefix(ROOT)
            for name in self._zip.namelist()
            if name.startswith(ROOT) and not name.endswith("/")
        }

    def read(self, name: str) -> bytes:
        return self._zip.read(ROOT + name)

    def egg_info(self, package: str, file: str = "") -> list[str]:
        """Files of the package's egg-info, or the one called `file`."""
        pattern = re.compile(rf"rclpy/{package}-[\w.-]+\.egg-info/{re.escape(file)}")
        return sorted(name for name in self.names if pattern.match(name))

    def licences(self, package: str) -> list[str]:
        """What the package says of itself, in PKG-INFO and package.xml."""
        found: list[str] = []
        for name in self.egg_info(package, "PKG-INFO"):
            header = HeaderParser().parsestr(self.read(name).decode())
            found += header.get_all("License", [])
        manifest = f"share/{package}/package.xml"
        if manifest in self.names:
            root = ElementTree.fromstring(self.read(manifest))
            found += [element.text or "" for element in root.iter("license")]
        return [licence.strip() for licence in found]

    def modules(self, package: str) -> list[str]:
        """Files of the package's top-level modules."""
        tops = [
            top
            for name in self.egg_info(package, "top_level.txt")
            for top in self.read(name).decode().split()
        ] or [package]
        prefixes = tuple(f"rclpy/{top}/" for top in tops)
        files = {f"rclpy/{top}.py" for top in tops}
        return sorted(n for n in self.names if n.startswith(prefixes) or n in files)

    def share(self, package: str) -> list[str]:
        """The package's manifest, grammar and marker in the ament index."""
        marker = f"share/ament_index/resource_index/packages/{package}"
        pattern = re.compile(rf"share/{package}/(package\.xml|.*\.lark)")
        return sorted(n for n in self.names if pattern.fullmatch(n) or n == marker)

    def console_scripts(self, package: str) -> dict[str, str]:
        """Name to `module:function` of the commands that the package installs."""
        entry_points = configparser.ConfigParser(delimiters="=")
        for name in self.egg_info(package, "entry_points.txt"):
            entry_points.read_string(self.read(name).decode())
        if not entry_points.has_section("console_scripts"):
            return {}
        return dict(entry_points["console_scripts"])


def check_licences(wheel: RosWheel) -> None:
    """Print every package's licences; exit when one may not be copied."""
    refused = []
    for package in PACKAGES:
        found = wheel.licences(package)
        print(f"  {package}: {', '.join(found) or 'no licence stated'}")
        if not found or not all(ALLOWED_LICENCE.fullmatch(licence) for licence in found):
            refused.append(package)
    if refused:
        sys.exit(
            f"nothing was copied: {', '.join(refused)} in this wheel is neither Apache-2.0 nor "
            "BSD by its own metadata; source a ROS 2 installation and run make setup again"
        )


def copy_package(wheel: RosWheel, package: str, site: Path, prefix: Path) -> None:
    """Modules and egg-info go to `site`, the ament share files and commands below `prefix`."""
    egg_tag = f"-py3.{sys.version_info.minor}.egg-info"
    for name in wheel.egg_info(package) + wheel.modules(package) + wheel.share(package):
        if name.endswith(LEFT_OUT):
            continue
        if name.startswith("rclpy/"):
            target = site / re.sub(r"-py3\.\d+\.egg-info", egg_tag, name.removeprefix("rclpy/"))
        else:
            target = prefix / name
        content = wheel.read(name)
        if name.endswith("/PKG-INFO"):
            content = REQUIREMENT.sub(b"", content)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    for command, entry in wheel.console_scripts(package).items():
        module, function = (part.strip() for part in entry.split(":"))
        script = prefix / "bin" / command.strip()
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(
            SCRIPT.format(python=sys.executable, module=module, function=function, name=command)
        )
        script.chmod(0o755)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--site", type=Path, default=Path(sysconfig.get_path("purelib")))
    parser.add_argument("--prefix", type=Path, default=Path(sys.prefix))
    args = parser.parse_args()
    wheel = RosWheel(args.wheel)
    check_licences(wheel)
    for package in PACKAGES:
        copy_package(wheel, package, args.site, args.prefix)
    print(f"{len(PACKAGES)} packages copied to {args.site}")


if __name__ == "__main__":
    main()
