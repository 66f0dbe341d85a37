"""`groot-ros replay` of an incident of the real executor, in a process of its own."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from stepped_robot import PERIOD_NS, stepped_robot

from groot_ros.cli.main import main
from groot_ros.incidents.incident import INFO, RECORDING, ROBOT
from groot_ros.incidents.made_again import make_again
from groot_ros.incidents.saved_incident import SavedIncident
from groot_ros.incidents.what_if import what_if
from groot_ros.robot.config import load_robot, robot_path
from groot_ros.share import share_file

ROBOT_FILE = robot_path("sim").read_text()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home") / "groot_ros" / "incidents"


@pytest.fixture(scope="module")
def incident(module_domain: int, folder: Path) -> Path:
    """An emergency stop in the middle of a motion, which goes on after it."""
    with stepped_robot(watchdog=0.5, incident_folder=folder) as robot:
        return robot.live_through_a_stop(0.4, folder)[-1]


@pytest.fixture
def changed(tmp_path: Path) -> Callable[[str, str], str]:
    """A robot file with something else in the place of a pattern."""

    def change(pattern: str, words: str) -> str:
        text, count = re.subn(pattern, words, ROBOT_FILE)
        assert count == 1
        (path := tmp_path / "changed.yaml").write_text(text)
        return str(path)

    return change


def replay(*arguments: object) -> int:
    return main(["replay", *map(str, arguments)])


def test_nothing_changed_gives_the_same_commands_and_a_picture(
    incident: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "picture.png"
    assert replay(incident, "--output", output) == 0
    said = capsys.readouterr().out
    assert "made again, the same to the last bit" in said and f"wrote {output}" in said
    assert np.asarray(Image.open(output)).std() > 10


def test_what_is_not_the_same_any_more_is_said(
    incident: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Such as after a change of the executor's own code."""
    monkeypatch.setattr("groot_ros.chunks.execution.motion.KEPT", 0.9)
    assert replay(incident, "--output", tmp_path / "picture.png") == 1
    assert "are not those that were recorded" in capsys.readouterr().out


def test_the_same_limits_lead_the_same_way(incident: Path) -> None:
    saved = SavedIncident.read(incident)
    recorded = make_again(saved.recording).recorded
    course = what_if(saved, saved.robot).course
    farthest = course.farthest_from(recorded)
    assert farthest is not None and farthest[0] < 0.005
    assert len(course.chunks) >= len(recorded.chunks) - 1
    assert {mark.reason for mark in course.refused} == {mark.reason for mark in recorded.refused}
    assert ["emergency" in stop.sentence for stop in course.stops] == [
        "emergency" in stop.sentence for stop in recorded.stops
    ]


def test_slower_limits_are_kept(incident: Path, changed: Callable[[str, str], str]) -> None:
    robot = load_robot(changed(r"linear_velocity: [\d.]+", "linear_velocity: 0.03"))
    course = what_if(SavedIncident.read(incident), robot).course
    places = np.array([setpoint.value[:3] for _, setpoint in course.commands])
    speeds = np.linalg.norm(np.diff(places, axis=0), axis=1) / (PERIOD_NS / 1e9)
    assert 0.02 < speeds.max() < 0.0301


def test_what_would_be_refused_is_told_with_its_reason(
    incident: Path,
    changed: Callable[[str, str], str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    robot = changed(r"workspace: {min: \[[^]]*\]", "workspace: {min: [0.3, -0.5, 0.34]")
    output = tmp_path / "picture.svg"
    assert replay(incident, "--robot", robot, "--output", output, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["different"] == 0
    assert len(said["recorded"]["refused"]) < said["recorded"]["chunks"] - 10
    assert len(said["changed"]["refused"]) == said["changed"]["chunks"]
    assert "has z = 0.300 m, allowed 0.34" in said["changed"]["refused"][0]
    assert output.read_text().startswith("<?xml")


def test_the_newest_incident_is_taken_where_none_is_named(
    incident: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROS_HOME", str(folder.parents[1]))
    monkeypatch.chdir(tmp_path)
    assert replay() == 0
    assert (tmp_path / f"{incident.name}.png").exists()


def spoilt(path: Path, name: str, change: Callable[[str], str]) -> None:
    (path / name).write_text(change((path / name).read_text()))


MISTAKES: list[tuple[Callable[[Path], object], list[str], str]] = [
    (shutil.rmtree, [], "is not there, expected the folder of an incident"),
    (lambda path: (path / INFO).unlink(), [], "is no incident, it has no incident.json"),
    (
        lambda path: spoilt(path, INFO, lambda text: text.replace('"format": 1', '"format": 2')),
        [],
        "is of format 2, this groot_ros replays format 1",
    ),
    (
        lambda path: spoilt(path, INFO, lambda text: text.replace('"watchdog"', '"dog"')),
        ["--robot", "sim"],
        "parameter watchdog",
    ),
    (lambda path: (path / RECORDING).unlink(), [], f"{RECORDING} is missing"),
    (lambda path: (path / ROBOT).unlink(), [], "robot.yaml' is neither a file nor one of"),
    (
        lambda path: spoilt(path, INFO, lambda text: text.replace("action_chunk", "no_chunk")),
        ["--robot", "sim"],
        "holds no chunks on /policy/no_chunk",
    ),
    (lambda path: None, ["--robot", "so101"], "does not fit the incident: its"),
    (lambda path: None, ["--robot", "nobody"], "robot 'nobody' is neither a file nor one of"),
    (
        lambda path: None,
        ["--checkpoint", str(share_file("pretrained/sim_pick"))],
        "has no pictures of camera",
    ),
    (lambda path: None, ["--output", "picture.gif"], "does not end in .png"),
    (lambda path: None, ["--output", "no/picture.png"], "there is no folder no"),
]


@pytest.mark.parametrize(("spoil", "options", "words"), MISTAKES)
def test_a_mistake_is_one_sentence(
    incident: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    spoil: Callable[[Path], object],
    options: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    path = shutil.copytree(incident, tmp_path / "incident")
    spoil(path)
    assert replay(path, *options) == 2
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1
