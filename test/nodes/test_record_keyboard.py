"""`groot-ros record` in a terminal of its own, against a real recorder."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from graph import FakeRobot, Graph

from groot_ros.data.bags.episode_info import EpisodeInfo
from groot_ros.data.bags.metadata import read_metadata

WAIT_S = 60.0


class Terminal:
    """A terminal with `groot-ros record` in it; everything it shows is kept."""

    def __init__(self) -> None:
        self._own, other = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "groot_ros.cli.main", "record"],
            stdin=other,
            stdout=other,
            stderr=other,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "150", "LINES": "50"},
        )
        os.close(other)
        self._shown = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        # Reading fails when the last program of the terminal has ended.
        try:
            while data := os.read(self._own, 65536):
                self._shown += data
        except OSError:
            pass

    @property
    def shown(self) -> str:
        return self._shown.decode(errors="replace")

    def type(self, keys: str) -> None:
        """Press keys; what was shown before is forgotten."""
        self._shown = b""
        os.write(self._own, keys.encode())

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(WAIT_S)
        self._reader.join(WAIT_S)
        os.close(self._own)


@pytest.fixture
def terminal(ros_domain: int) -> Iterator[Terminal]:
    terminal = Terminal()
    yield terminal
    terminal.close()


def test_an_episode_by_keys(
    graph: Graph, robot: FakeRobot, start, terminal: Terminal, tmp_path: Path
) -> None:
    start("recorder_node", output=tmp_path / "bags", min_disk_space=0.0)
    assert graph.transition("/recorder", "configure") and graph.transition("/recorder", "activate")
    graph.wait_for(lambda: "/wrist/image_raw" in terminal.shown, "the table of topics")
    terminal.type("i")
    graph.wait_for(lambda: "instruction: " in terminal.shown, "the question")
    terminal.type("pick up the cube\n")
    graph.wait_for(lambda: "now: pick up the cube" in terminal.shown, "the new instruction")
    terminal.type("r")
    graph.wait_for(lambda: "RECORDING episode_000000" in terminal.shown, "the red line")
    terminal.type("y")
    bag = tmp_path / "bags" / "episode_000000"
    graph.wait_for(bag.exists, "the bag")
    info = EpisodeInfo.from_custom_data(read_metadata(bag)["custom_data"])
    assert info is not None
    assert (info.instruction, info.outcome) == ("pick up the cube", "success")
    terminal.type("s")
    graph.wait_for(lambda: "start one first" in terminal.shown, "the refusal")
    terminal.type("q")
    assert terminal.process.wait(WAIT_S) == 0


def test_without_a_terminal_it_names_the_services() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "groot_ros.cli.main", "record"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
    )
    assert result.returncode == 2
    assert "needs a terminal" in result.stderr and "/recorder/start" in result.stderr
