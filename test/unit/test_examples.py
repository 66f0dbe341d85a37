"""The files of the examples fit each other; whole runs need environments of their own."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from groot_ros.cli.main import main
from groot_ros.robot.config import load_robot

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/README.md"))


@pytest.fixture(params=EXAMPLES, ids=lambda path: path.name)
def example(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


def test_the_codec_fits_the_robot(example: Path, capsys: pytest.CaptureFixture[str]) -> None:
    codecs = [path for path in example.glob("*.yaml") if path.name != "robot.yaml"]
    assert codecs
    for codec in codecs:
        assert main(["codec", "check", str(codec), f"--robot={example / 'robot.yaml'}"]) == 0
        assert "fits" in capsys.readouterr().out


def test_bridge_and_demonstrator_name_the_joints_and_cameras_of_the_robot_file(
    example: Path,
) -> None:
    robot = load_robot(example / "robot.yaml")
    texts = {
        node.value
        for file in example.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert {joint.rpartition("/")[2] for joint in robot.joints} <= texts
    assert set(robot.observations.cameras) <= texts


def test_every_file_that_the_page_names_is_there(example: Path) -> None:
    page = (example / "README.md").read_text()
    named = set(re.findall(r"(?:examples/\w+/|`)(\w+\.\w+)", page))
    assert named and all((example / name).exists() for name in named), named
