"""env.sh and the scripts behind `make setup`."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXTRACT = ROOT / "scripts" / "extract_ros_tools.py"
SHELLS = [shell for shell in ("bash", "zsh") if shutil.which(shell)]
PLAIN = {"HOME": os.environ["HOME"], "PATH": "/usr/local/bin:/usr/bin:/bin"}


def source(
    shell: str, checkout: Path, then: str, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Source the checkout's env.sh in a new shell that is somewhere else, then run a command."""
    return subprocess.run(
        [shell, "-c", f"cd / && source '{checkout}/env.sh' && {then}"],
        env=environment,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with an environment that holds nothing but its activation script."""
    root = tmp_path / "a checkout"
    (root / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "env.sh", root)
    shutil.copy(ROOT / "scripts" / "ros_installation.sh", root / "scripts")
    libraries = root / ".venv" / "lib" / "python3.11" / "site-packages" / "ros_rcl.libs"
    libraries.mkdir(parents=True)
    (root / ".venv" / "bin").mkdir()
    (root / ".venv" / "bin" / "activate").write_text(f"export VIRTUAL_ENV='{root}/.venv'\n")
    (root / ".venv" / "pyvenv.cfg").write_text("include-system-site-packages = false\n")
    return root


@pytest.fixture
def installation(tmp_path: Path) -> Path:
    """A folder that looks like an installed ROS 2."""
    prefix = tmp_path / "opt" / "ros" / "jazzy"
    marker = prefix / "share" / "ament_index" / "resource_index" / "packages" / "rcutils"
    marker.parent.mkdir(parents=True)
    marker.touch()
    return prefix


@pytest.mark.parametrize("shell", SHELLS)
def test_wheels_are_not_mixed_with_an_installed_ros(
    shell: str, checkout: Path, installation: Path
) -> None:
    environment = PLAIN | {"AMENT_PREFIX_PATH": f"/some/overlay:{installation}"}
    result = source(shell, checkout, "true", environment)
    assert result.returncode != 0
    assert str(installation) in result.stderr and "must not be mixed" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    after = subprocess.run(
        [shell, "-c", f"source '{checkout}/env.sh' 2>/dev/null; echo ${{VIRTUAL_ENV:-unset}}"],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert after.stdout == "unset\n"


@pytest.mark.parametrize("shell", SHELLS)
def test_overlay_without_a_ros_of_its_own_is_kept(shell: str, checkout: Path) -> None:
    result = source(
        shell, checkout, "echo $AMENT_PREFIX_PATH", PLAIN | {"AMENT_PREFIX_PATH": "/an/overlay"}
    )
    assert result.stdout == f"{checkout}/.venv:/an/overlay\n", result.stderr


@pytest.mark.parametrize("shell", SHELLS)
def test_environment_for_an_installed_ros_needs_it_sourced(
    shell: str, checkout: Path, installation: Path
) -> None:
    (checkout / ".venv" / "pyvenv.cfg").write_text("include-system-site-packages = true\n")
    refused = source(shell, checkout, "true", PLAIN)
    assert refused.returncode != 0 and "source it first" in refused.stderr
    sourced = PLAIN | {"AMENT_PREFIX_PATH": str(installation)}
    entered = source(shell, checkout, "echo $VIRTUAL_ENV:$AMENT_PREFIX_PATH", sourced)
    assert entered.stdout == f"{checkout}/.venv:{installation}\n", entered.stderr


@pytest.mark.parametrize("shell", SHELLS)
def test_missing_environment_names_make_setup(shell: str, checkout: Path) -> None:
    shutil.rmtree(checkout / ".venv")
    result = source(shell, checkout, "true", PLAIN)
    assert result.returncode != 0
    assert "make setup" in result.stderr


@pytest.mark.parametrize("shell", SHELLS)
def test_wheels_stay_on_this_machine_unless_told(shell: str, checkout: Path) -> None:
    then = "echo $ROS_AUTOMATIC_DISCOVERY_RANGE"
    assert source(shell, checkout, then, PLAIN).stdout == "LOCALHOST\n"
    chosen = PLAIN | {"ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET"}
    assert source(shell, checkout, then, chosen).stdout == "SUBNET\n"


@pytest.mark.parametrize("shell", SHELLS)
def test_sourcing_twice_changes_nothing(shell: str, checkout: Path) -> None:
    once = source(shell, checkout, "env", PLAIN)
    twice = source(shell, checkout, f"source '{checkout}/env.sh' && env", PLAIN)
    assert once.returncode == 0, once.stderr
    assert sorted(once.stdout.splitlines()) == sorted(twice.stdout.splitlines())
    defined = source(shell, checkout, "set | grep -i '^_*groot_ros' || true", PLAIN)
    assert defined.stdout == ""


@pytest.mark.parametrize("shell", SHELLS)
def test_an_environment_behind_a_link_is_entered_twice(
    shell: str, checkout: Path, tmp_path: Path
) -> None:
    """As in a second working tree, which shares the environment of the first."""
    shared = (checkout / ".venv").rename(tmp_path / "shared")
    (checkout / ".venv").symlink_to(shared)
    (shared / "bin" / "activate").write_text(f"export VIRTUAL_ENV='{shared}'\n")
    marker = shared / "share" / "ament_index" / "resource_index" / "packages" / "rcutils"
    marker.parent.mkdir(parents=True)
    marker.touch()
    twice = source(shell, checkout, f"source '{checkout}/env.sh'", PLAIN)
    assert twice.returncode == 0, twice.stderr


@pytest.mark.skipif(not (ROOT / ".venv").exists(), reason="not set up by make setup")
@pytest.mark.parametrize("shell", SHELLS)
def test_environment_has_ros_the_messages_and_the_commands(shell: str) -> None:
    beside_ros = "= true" in (ROOT / ".venv" / "pyvenv.cfg").read_text()
    then = (
        "command -v ros2 groot-ros policy_node && ros2 pkg prefix groot_ros_msgs && "
        "python -c 'import torch, rclpy, groot_ros_msgs.msg, groot_ros.share as s;"
        's.share_file("config/fastdds.xml")\''
    )
    result = source(shell, ROOT, then, dict(os.environ) if beside_ros else PLAIN)
    assert result.returncode == 0, result.stderr
    assert len(result.stdout.splitlines()) == 4


def ros_wheel(path: Path, licences: dict[str, str]) -> Path:
    """A wheel with a one-line module and metadata for each package."""
    root = "isaacsim/exts/isaacsim.ros2.core/jazzy/"
    with zipfile.ZipFile(path, "w") as wheel:
        for package, licence in licences.items():
            egg_info = f"{root}rclpy/{package}-1.0.0-py3.12.egg-info"
            header = f"Name: {package}\nVersion: 1.0.0\nRequires-Dist: unheard-of\n"
            header += f"License: {licence}\n" if licence else ""
            wheel.writestr(f"{egg_info}/PKG-INFO", header)
            wheel.writestr(f"{egg_info}/top_level.txt", package)
            wheel.writestr(f"{egg_info}/requires.txt", "unheard-of")
            wheel.writestr(f"{root}rclpy/{package}/__init__.py", "")
            wheel.writestr(f"{root}rclpy/{package}/native.so", "")
            marker = f"share/ament_index/resource_index/packages/{package}"
            wheel.writestr(root + marker, "")
        entry_points = "[console_scripts]\nros2 = json:dumps\n"
        wheel.writestr(f"{root}rclpy/ros2cli-1.0.0-py3.12.egg-info/entry_points.txt", entry_points)
    return path


def wanted_packages() -> tuple[str, ...]:
    spec = importlib.util.spec_from_file_location("extract_ros_tools", EXTRACT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.PACKAGES


def extract(wheel: Path, target: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, EXTRACT, wheel, "--site", target / "site", "--prefix", target],
        capture_output=True,
        text=True,
    )


def test_packages_with_a_free_licence_are_copied_without_binaries(tmp_path: Path) -> None:
    free = ["Apache License, Version 2.0", "Apache-2.0", "Apache License 2.0", "BSD-3-Clause"]
    packages = wanted_packages()
    licences = {package: free[i % len(free)] for i, package in enumerate(packages)}
    result = extract(ros_wheel(tmp_path / "tools.whl", licences), tmp_path / "target")
    assert result.returncode == 0, result.stderr
    for package in packages:
        assert f"{package}: {licences[package]}" in result.stdout
        assert (tmp_path / "target" / "site" / package / "__init__.py").exists()
    assert not list((tmp_path / "target").rglob("*.so"))
    [launch] = metadata.distributions(name="launch", path=[str(tmp_path / "target" / "site")])
    assert launch.version == "1.0.0" and not launch.requires
    assert os.access(tmp_path / "target" / "bin" / "ros2", os.X_OK)


@pytest.mark.parametrize(
    "licence", ["", "Proprietary", "GPL-3.0", "Apache License 2.0 with restrictions", "Apache 1.1"]
)
def test_wheel_with_another_licence_is_refused(tmp_path: Path, licence: str) -> None:
    licences = dict.fromkeys(wanted_packages(), "Apache License 2.0") | {"launch_ros": licence}
    result = extract(ros_wheel(tmp_path / "tools.whl", licences), tmp_path / "target")
    assert result.returncode != 0
    assert "nothing was copied: launch_ros in this wheel" in result.stderr
    assert not (tmp_path / "target").exists()
