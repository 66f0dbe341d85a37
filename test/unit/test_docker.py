"""The image's services are commands of ours, in the environment that its entry point enters."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from groot_ros.cli.main import main
from groot_ros.share import share_file

DOCKER = Path(__file__).parents[2] / "docker"
INSIDE = "/opt/groot_ros/docker/entrypoint.sh"


def services(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DOCKER / name).read_text())["services"]
    return found


def test_cuda_is_for_every_service() -> None:
    assert set(services("cuda.yaml")) == set(services("compose.yaml"))


@pytest.mark.parametrize("name", services("compose.yaml"))
def test_a_service_is_a_command_that_exists(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    entry, *command = services("compose.yaml")[name]["entrypoint"]
    assert entry == INSIDE and (DOCKER / Path(INSIDE).name).stat().st_mode & 0o111
    if command[0] == "groot-ros":
        with pytest.raises(SystemExit) as end:
            main([*command[1:], "--help"])
        assert end.value.code == 0 and f"groot-ros {command[1]}" in capsys.readouterr().out
    else:
        assert command[:3] == ["ros2", "launch", "groot_ros"]
        assert share_file(f"launch/{command[3]}").is_file()


def test_the_entry_point_enters_the_environment() -> None:
    command = ["docker/entrypoint.sh", "groot-ros", "codec", "list"]
    process = subprocess.run(
        command,
        cwd=DOCKER.parent,
        env={"PATH": "/usr/bin:/bin", "HOME": "/tmp"},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    assert "ee_rot6d_joints_rel" in process.stdout


def test_the_image_gets_what_its_files_name() -> None:
    """What is ignored is not copied."""
    ignored = set((DOCKER.parent / ".dockerignore").read_text().split())
    assert not ignored & {"docker", "scripts", "requirements", "env.sh", "Makefile", "pretrained"}
    assert f"/opt/groot_ros/{DOCKER.name}/entrypoint.sh" in (DOCKER / "Dockerfile").read_text()
