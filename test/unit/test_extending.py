"""The examples of docs/extending.md work as they stand there."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from test_chunks import line

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.execution.robot_motion import robot_executor
from groot_ros.chunks.execution.settings import ExecutionSettings
from groot_ros.chunks.execution.strategies import Strategy
from groot_ros.cli.main import main
from groot_ros.codecs.catalog import find_codec
from groot_ros.model.networks.versions import VERSIONS, find_version
from groot_ros.observation.types import Observation
from groot_ros.policy import Policy
from groot_ros.robot.config import load_robot
from groot_ros.signals.signals import Signals
from groot_ros.sim import tasks
from groot_ros.wire.bounded import WireError

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/extending.md").read_text()
EXAMPLES = re.findall(r"```\w+\n# (\S+?)(, appended)?\n(.*?)```", PAGE, re.DOTALL)
CODE = re.compile(r"`((?:groot_ros|config)/[\w/.]+)`")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Every example as a file."""
    for name, appended, text in EXAMPLES:
        with (tmp_path / name).open("a" if appended else "w") as file:
            file.write(text)
    return tmp_path


def run(file: Path) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(file.read_text(), file, "exec"), names)
    return names


def test_the_page_has_its_examples_and_names_what_is_there(folder: Path) -> None:
    assert len(EXAMPLES) == 9
    named = [name for name in CODE.findall(PAGE) if "NAME" not in name]
    assert len(named) > 10
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_robot_gives_the_codec_its_wrench(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    robot_file, codec_file = str(folder / "my_robot.yaml"), str(folder / "my_codec.yaml")
    assert main(["codec", "check", codec_file, "--robot", robot_file]) == 0
    codec = find_codec(codec_file).codec(load_robot(robot_file))
    state = {feature.key: feature for feature in codec.features.state}
    assert state["wrench"].size == 6 and state["wrench"].names[0] == "force_x"


def test_the_policy_moves_the_arm_as_far_as_it_says(folder: Path) -> None:
    robot = load_robot(folder / "my_robot.yaml")
    policy: Policy = run(folder / "raise_policy.py")["RaisePolicy"](robot)
    joints = np.array([0.1, 0.2, 0.3])
    signals = Signals.of({robot.output.signal: joints})
    chunk = policy.predict(Observation(10**9, {}, "", signals))
    executor = robot_executor(robot, ExecutionSettings(period_s=0.02))
    executor.start_from(joints, {}, 10**9)
    assert executor.accept(1, chunk, 10**9) is None
    setpoints = [executor.setpoint(10**9 + 20_000_000 * tick) for tick in range(1, 50)]
    assert setpoints[-1]
    assert setpoints[-1].value == pytest.approx(joints + [0.1 * 0.98, 0.0, 0.0], abs=3e-3)


def test_the_strategy_lets_every_second_chunk_pass(folder: Path) -> None:
    strategy: Strategy = run(folder / "every_second.py")["EverySecond"]()
    chunks = [line(0.1 * n) for n in range(5)]
    assert [chunks.index(strategy.merge(chunk)) for chunk in chunks] == [0, 0, 2, 2, 4]


def test_the_wire_reads_what_its_client_says_and_answers(folder: Path) -> None:
    wire = run(folder / "json_wire.py")
    picture = np.full((8, 8, 3), (200, 40, 40), np.uint8)
    encoded = base64.b64encode(cv2.imencode(".jpg", picture[..., ::-1])[1]).decode()
    said = {"jpeg": {"wrist": encoded}, "joints": [0.1, 0.2], "grip": 1, "task": "wave"}
    seen = wire["to_observation"](json.dumps(said))
    assert seen.instruction == "wave" and seen.signals["joint_position"].tolist() == [0.1, 0.2]
    assert np.abs(seen.images["wrist"].astype(int) - picture).max() < 12
    for jpeg in ("AAAA", ""):
        with pytest.raises(WireError, match="no observation"):
            wire["to_observation"](json.dumps({"jpeg": {"wrist": jpeg}, "joints": []}))
    with pytest.raises(WireError, match="no observation"):
        wire["to_observation"]("[]")
    chunk = Chunk(0, 50_000_000, signals=seen.signals.map(lambda _, v: np.stack([v, v])))
    answer = json.loads(wire["to_answer"](chunk))
    assert answer["step_s"] == 0.05 and answer["joint_position"] == [[0.1, 0.2]] * 2


def test_the_task_is_done_once_the_cube_lies_on_the_left(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = run(folder / "push.py")
    monkeypatch.setitem(tasks._CONDITIONS, "push", task["CONDITION"])
    watched = tasks.SuccessTest(tasks.Task("push"))  # type: ignore[arg-type]
    for cube_y, expected in ((0.05, False), (0.15, False), (0.15, True)):
        watched.update([0.5, cube_y, 0.05], [0.5, cube_y, 0.02], 0.3)
        assert watched.succeeded == expected


def test_the_version_is_found_by_its_config(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = run(folder / "n18.py")["N18"]
    monkeypatch.setitem(VERSIONS, version.model_type, version)
    found = find_version({"model_type": "Gr00tN1d8"})
    assert found.name == "N1.8" and found.slots["my_arm"] == 31
