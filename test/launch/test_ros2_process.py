"""ros2 commands in the background of ours end when they are told to."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

LIMIT_S = 300.0
LAUNCH_FILE = """
from launch import LaunchDescription
from launch.actions import ExecuteProcess

def generate_launch_description():
    return LaunchDescription([ExecuteProcess(cmd=["sleep", "1000"], output="screen")])
"""
RUN = """
import sys, time
from pathlib import Path
from groot_ros.nodes.clients.ros2_process import ros2_process

launch_file, log = sys.argv[1], Path(sys.argv[2])
with ros2_process(["launch", launch_file], log) as alive:
    while alive() and "process started" not in log.read_text():
        time.sleep(0.05)
"""


def ignore_sigint() -> None:
    """As a shell does to a command that it puts into the background."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def test_a_launch_ends_where_sigint_is_ignored(ros_domain: int, tmp_path: Path) -> None:
    launch_file, log = tmp_path / "sleep.launch.py", tmp_path / "log"
    launch_file.write_text(LAUNCH_FILE)
    command = [sys.executable, "-c", RUN, str(launch_file), str(log)]
    subprocess.run(command, preexec_fn=ignore_sigint, check=True, timeout=LIMIT_S)
    text = log.read_text()
    assert "user interrupted" in text and "did not end" not in text
