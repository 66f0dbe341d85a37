"""The files of the examples fit each other; whole runs need environments of their own."""

from __future__ import annotations

import ast
import re
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from groot_ros.cli.main import main
from groot_ros.data.review.inspection import describe_bag
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


def run(name: str) -> Any:
    return runpy.run_path(str(ROOT / "examples/python" / name))["main"]()


def test_a_policy_from_python_answers_near_the_hand(capsys: pytest.CaptureFixture[str]) -> None:
    chunk = run("policy.py")
    assert len(capsys.readouterr().out.splitlines()) == chunk.signals.steps == 16
    first = chunk.signals["ee_pose"][0]
    assert np.linalg.norm(first[:3] - [0.5, 0.0, 0.3]) < 0.05


def test_a_codec_by_hand_gives_back_what_it_read() -> None:
    model_input, signals = run("codec.py")
    assert all(picture.shape == (1, 224, 224, 3) for picture in model_input.video.values())
    expected = np.tile([0.5, 0.0, 0.3, 0.0, 1.0, 0.0, 0.0], (2, 1))
    np.testing.assert_allclose(np.abs(signals["ee_pose"]), expected, atol=1e-6)


def test_a_walkthrough_makes_bags_of_any_arm(tmp_path: Path) -> None:
    Recording = runpy.run_path(str(ROOT / "examples/walkthroughs/demonstrate.py"))["Recording"]
    for name in ("aloha", "ur5e"):  # leaders that tell joints, and trajectories
        Recording(tmp_path / name, load_robot(name), seed=0).run()
        found = describe_bag(tmp_path / name, name)
        assert not found.get("problems"), found["problems"]
