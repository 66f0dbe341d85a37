"""What an executor did can be made again, bit for bit, from the middle of its life on."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from contextlib import suppress
from inspect import isfunction
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from taped import PERIOD_NS, STEP_NS, Robot, S, chunk_at, hand_over

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.execution.executor import ChunkExecutor
from groot_ros.chunks.execution.reach import Reach
from groot_ros.chunks.execution.robot_motion import begin_motion, robot_executor
from groot_ros.chunks.execution.settings import ExecutionSettings
from groot_ros.errors import UserError
from groot_ros.incidents.kept_tape import TAPE_BYTES, KeptTape
from groot_ros.incidents.made_again import make_again
from groot_ros.incidents.recording_file import FORMAT, read_recording, write_recording
from groot_ros.incidents.stored_objects import Writer, read
from groot_ros.incidents.tape import (
    CALL_BYTES,
    PART_BYTES,
    TAPED,
    TapedExecutor,
    untaped,
)
from groot_ros.incidents.tape_player import play
from groot_ros.robot.config import load_robot
from groot_ros.robot.urdf import load_urdf
from groot_ros.signals.signals import arm_signals


@pytest.mark.parametrize("strategy", ["latest", "finish", "ensemble"])
def test_calls_made_again_give_the_same_commands(strategy: str) -> None:
    robot = Robot(0, strategy)
    robot.live(1.5)
    played = list(play(robot.recording()))
    assert all(p.is_same for p in played)
    assert len([p for p in played if p.is_command]) > 100
    again = [p.answer for p in played if p.call[0] == "setpoint"]
    assert [s is None for s in again] == [s is None for _, s in robot.commands]


def test_a_tape_that_begins_while_the_arm_moves_leads_to_the_same_commands() -> None:
    robot = Robot(3, span_s=1.0)
    for _ in range(7):
        robot.live(0.8)
        robot.executor.tape.look(robot.executor, robot.now_ns)
    recording = robot.recording()
    held_s = (robot.now_ns - recording.begun_ns) / 1e9
    assert 1.0 <= held_s < 9.0
    assert any(isinstance(p.answer, tuple) for p in play(robot.recording()))
    assert all(p.is_same for p in play(recording))


def test_the_copy_does_not_go_on_with_the_executor() -> None:
    robot = Robot(4)
    robot.live(1.0)
    one = [p.answer for p in play(robot.recording()) if p.is_command]
    count = len(one)
    robot.live(1.0)
    other = [p.answer for p in play(robot.recording()) if p.is_command]
    assert [s[0].tobytes() for s in other[:count]] == [s[0].tobytes() for s in one]


def test_every_call_that_changes_an_executor_is_taped() -> None:
    public = {name for name, value in vars(ChunkExecutor).items() if isfunction(value)}
    changes_nothing = {"consumed_s", "is_void", "progress"}
    # Its calls are taped one by one; what has ended has no say in what follows.
    others = {"accept", "take_ended"}
    assert {name for name in public if name[0] != "_"} - changes_nothing - others == TAPED


def test_points_of_an_arm_are_watched_again(tmp_path: Path) -> None:
    """They are no part of the file: robot file and URDF tell them."""
    robot = load_robot("ur5e")
    reach = Reach(robot, load_urdf(robot.urdf))
    settings = ExecutionSettings(period_s=PERIOD_NS / S)
    executor = robot_executor(robot, settings, TapedExecutor)
    assert isinstance(executor, TapedExecutor) and reach.points
    executor.tape.begin(executor, S)
    home = np.array([0.0, -1.57, 1.57, -1.57, -1.57, 0.0])
    leaning = home + np.linspace(0.0, 0.3, 16)[:, None] * np.eye(6)[1]
    for number in range(2):
        now_ns = S + number * 20 * PERIOD_NS
        chunk = Chunk(now_ns, STEP_NS, signals=arm_signals(joint_position=leaning))
        if number == 0:
            begin_motion(executor, reach, chunk, home, now_ns)
        assert executor.accept(number, chunk, now_ns) is None
        for tick in range(20):
            executor.setpoint(now_ns + tick * PERIOD_NS)
    for tick in range(200):
        executor.setpoint(now_ns + (20 + tick) * PERIOD_NS)
    deep = home + np.linspace(0.0, 0.9, 16)[:, None] * np.eye(6)[1]
    assert executor.resume() is None
    executor.start_from(executor.held, {}, now_ns := now_ns + 220 * PERIOD_NS)
    refused = executor.accept(
        2, Chunk(now_ns, STEP_NS, signals=arm_signals(joint_position=deep)), now_ns
    )
    assert refused == "it cannot be joined to the motion within the limits"
    kept = KeptTape(30.0)
    hand_over(executor.tape, kept.begin, kept.add)
    taken = kept.taken()
    assert taken
    write_recording(path := tmp_path / "recording", taken.recording())
    assert path.stat().st_size < 1e6
    played = list(play(read_recording(path, reach.points)))
    assert all(p.is_same for p in played) and sum(p.is_command for p in played) > 200
    with pytest.raises(UserError, match="points"):
        read_recording(path, None)


def test_another_input_is_noticed() -> None:
    robot = Robot(5)
    robot.live(1.0)
    recording = robot.recording()
    changed = [c for c in recording.calls if c[0] == "admit"][3]
    other = changed[1][1].replaced({"ee_pose": changed[1][1].signals["ee_pose"] + 1e-9})
    object.__setattr__(changed[1][1], "signals", other.signals)
    assert not all(p.is_same for p in play(recording))


def test_a_recording_survives_its_way_through_a_file(tmp_path: Path) -> None:
    robot = Robot(6, "ensemble")
    robot.live(1.5)
    recording = robot.recording()
    write_recording(path := tmp_path / "recording", recording)
    stored = read_recording(path, None)
    assert [name for name, *_ in stored.calls] == [name for name, *_ in recording.calls]
    assert all(p.is_same for p in play(stored))


def test_a_file_is_written_in_small_pieces_of_work() -> None:
    robot = Robot(8)
    lines: list[str] = []
    robot.executor._times.consumption._marks.extend([(n, 0.01) for n in range(12_000)])
    Writer(lines.append, {}).write(untaped(robot.executor))
    assert len(lines) > 60 and max(map(len, lines)) < 20_000


def recorded_lines() -> list[str]:
    robot = Robot(10)
    robot.live(0.1)
    with TemporaryDirectory() as folder:
        write_recording(path := Path(folder) / "recording", robot.recording())
        return gzip.decompress(path.read_bytes()).decode().splitlines()


LINES = recorded_lines()


def head(path: Path, line: str) -> None:
    path.write_bytes(gzip.compress(f"{line}\n".encode()))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (Path.unlink, "is missing"),
        (lambda path: path.write_bytes(b"no gzip"), "is damaged"),
        (lambda path: path.write_bytes(path.read_bytes()[:4000]), "is damaged"),
        (lambda path: head(path, '{"format":99,"begun_ns":0}'), "is of format 99"),
        (lambda path: head(path, '{"begun_ns":0}'), "is damaged"),
        (
            lambda path: head(path, f'{{"format":{FORMAT},"begun_ns":0}}\n["value",1]'),
            "no executor",
        ),
    ],
)
def test_a_file_that_cannot_be_replayed_is_one_sentence(
    tmp_path: Path, spoil: Callable[[Path], object], words: str
) -> None:
    robot = Robot(9)
    robot.live(0.3)
    write_recording(path := tmp_path / "recording", robot.recording())
    spoil(path)
    with pytest.raises(UserError, match=words):
        read_recording(path, None)


def test_a_flood_does_not_take_the_memory() -> None:
    robot = Robot(7, span_s=30.0)
    chunk = chunk_at(robot.now_ns, robot.rng)
    tape, kept = robot.executor.tape, robot.kept
    pieces = 0
    for number in range(3 * PART_BYTES // CALL_BYTES):
        robot.executor.admit(number, chunk, robot.now_ns + number)
        if number % 1000 == 0:
            tape.look(robot.executor, robot.now_ns + number)
            pieces += sum(piece.executor is not None for piece in tape.take())
    assert pieces >= 3
    for number in range(20):
        kept.begin(robot.now_ns + number * PERIOD_NS, bytes(PART_BYTES // 2))
        kept.add(bytes(PART_BYTES))
    assert kept.bytes <= TAPE_BYTES + 2 * PART_BYTES


def test_nothing_is_kept_before_the_first_copy() -> None:
    robot = Robot(11)
    robot.executor.tape.take()
    kept = KeptTape(30.0)
    robot.live(0.2)
    hand_over(robot.executor.tape, kept.begin, kept.add)
    assert kept.taken() is None


@given(st.data())
@settings(max_examples=15, deadline=None)
def test_damage_is_one_sentence_or_none(data: st.DataObject) -> None:
    """Whatever is changed in a file, it is replayed or refused."""
    lines = [list(line) for line in LINES]
    for _ in range(data.draw(st.integers(1, 3))):
        line = lines[data.draw(st.integers(0, len(lines) - 1))]
        line[data.draw(st.integers(0, len(line) - 1))] = data.draw(st.sampled_from('0z[]{}",'))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "recording"
        path.write_bytes(gzip.compress("\n".join(map("".join, lines)).encode()))
        with suppress(UserError):
            make_again(read_recording(path, None))


@pytest.mark.parametrize(
    "line",
    [
        '["object","os:system",{}]',
        '["object","groot_ros.errors:UserError",{}]',
        '["object","groot_ros.chunks.execution.executor:np",{}]',
        '["value",{"enum":["subprocess:Popen","x"]}]',
        '["value",{"enum":["groot_ros.chunks.chunk:Chunk","x"]}]',
        '["value",{"array":["AAAA","object",[1],false]}]',
        '["value",{"is":7}]',
        '["no such kind",1]',
        "[]",
        "not json",
    ],
)
def test_lines_of_a_stranger_make_nothing_else(line: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError, IndexError)):
        list(read(iter([line]), {}))
