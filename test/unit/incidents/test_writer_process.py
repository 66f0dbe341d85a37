"""The process that keeps what an executor tells it: slow, killed, and at its end."""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from pathlib import Path

import psutil
from taped import DATA, TEXT, Robot, S, hand_over

from groot_ros.incidents.black_box import BlackBox, Saved, Setup
from groot_ros.incidents.recording_file import read_recording
from groot_ros.incidents.tape_player import play
from groot_ros.incidents.writer_process import MOST_WAITING_BYTES, WriterProcess

WAIT_S = 120.0


def finished(writer: WriterProcess) -> list[Saved]:
    assert writer.close(WAIT_S)
    return writer.take_saved()


def test_a_process_that_does_not_listen_costs_no_memory_and_no_time(setup: Setup) -> None:
    writer = WriterProcess(setup)
    os.kill(writer.pid, signal.SIGSTOP)
    writer.tell("topic", TEXT)
    writer.tell("begin")
    large = bytes(1 << 20)
    for _ in range(200):
        writer.tell_message(TEXT.name, S, large)
        writer.tell_picture(TEXT.name, S, large)
        writer.push()
    assert writer.left_out >= 400 - 2 * (MOST_WAITING_BYTES // len(large)) - 10
    assert writer.is_behind and not writer.broken
    os.kill(writer.pid, signal.SIGCONT)
    deadline_s = time.monotonic() + WAIT_S
    while writer.is_behind and time.monotonic() < deadline_s:
        writer.push()
        time.sleep(0.01)
    writer.tell_message(TEXT.name, 2 * S, DATA)
    writer.tell("note", "stopped, something", 2 * S, False)
    writer.tell("end", 2 * S)
    (saved,) = finished(writer)
    assert Path(saved.path).is_dir() and saved.sentence == "stopped, something"


def test_what_was_handed_over_is_saved_though_nobody_waits(setup: Setup) -> None:
    """The executor has gone while an incident is written."""
    robot, writer = Robot(2), WriterProcess(setup)
    robot.live(0.5)
    tell = writer.tell
    hand_over(robot.executor.tape, partial(tell, "begin_tape"), partial(tell, "tape"))
    writer.tell("note", "stopped, something", robot.now_ns, False)
    writer.tell("end", robot.now_ns)
    process = psutil.Process(writer.pid)
    writer.close(0.0)
    psutil.wait_procs([process], WAIT_S)
    (path,) = setup.folder.iterdir()
    recording = read_recording(path / "executor.jsonl.gz", None)
    assert all(p.is_same for p in play(recording)) and len(recording.calls) > 50


def test_a_torn_tape_begins_anew(setup: Setup) -> None:
    robot, box = Robot(3), BlackBox(setup, lambda _: None)
    robot.live(0.2)
    hand_over(robot.executor.tape, box.begin_tape, box.tape)
    robot.live(0.2)
    robot.executor.tape.take()
    box.tear_tape()
    robot.executor.tape.begin(robot.executor, robot.now_ns)
    robot.live(0.2)
    hand_over(robot.executor.tape, box.begin_tape, box.tape)
    taken = box._tape.taken()
    assert taken and all(p.is_same for p in play(taken.recording()))
    box.close()


def test_signals_do_not_end_it_in_the_middle(setup: Setup) -> None:
    writer = WriterProcess(setup)
    writer.tell("note", "stopped, something", S, False)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        while not _ignores(writer.pid, number):
            time.sleep(0.01)
        os.kill(writer.pid, number)
    writer.tell("end", S)
    assert [saved.sentence for saved in finished(writer)] == ["stopped, something"]


def _ignores(pid: int, number: int) -> bool:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    mask = next(line.split()[1] for line in lines if line.startswith("SigIgn"))
    return bool(int(mask, 16) >> (number - 1) & 1)


def test_one_that_was_killed_is_told(setup: Setup) -> None:
    writer = WriterProcess(setup)
    os.kill(writer.pid, signal.SIGKILL)
    deadline_s = time.monotonic() + WAIT_S
    while not writer.broken and time.monotonic() < deadline_s:
        writer.tell("look", S)
        writer.push()
    assert "its process has ended" in writer.broken
    writer.close(1.0)


def test_one_that_has_ended_holds_no_files(setup: Setup) -> None:
    before = psutil.Process().num_fds()
    writer = WriterProcess(setup)
    assert finished(writer) == [] and writer.take_saved() == []
    assert psutil.Process().num_fds() == before
