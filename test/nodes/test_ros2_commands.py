"""`ros2 launch` and `ros2 lifecycle` as users know them, ours and the originals alike."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

WAIT_S = 300.0
NODE = """
import rclpy
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn

class Node(LifecycleNode):
    def on_activate(self, state):
        return TransitionCallbackReturn.FAILURE

rclpy.init()
node = Node("camera", namespace="/arm")
try:
    print("up", flush=True)
    rclpy.spin(node)
except (KeyboardInterrupt, rclpy.executors.ExternalShutdownException):
    pass
"""
LAUNCH = """
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, ExecuteProcess
from launch.substitutions import LaunchConfiguration

def generate_launch_description():
    return LaunchDescription([
        DeclareLaunchArgument("mode", default_value="slow", choices=["slow", "fast"],
                              description="How fast."),
        DeclareLaunchArgument("name"),
        ExecuteProcess(cmd=["echo", LaunchConfiguration("mode"), LaunchConfiguration("name")],
                       output="screen"),
        ExecuteProcess(cmd=[PYTHON, NODE], output="screen"),
    ])
"""


def ros2(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["ros2", *map(str, arguments)], capture_output=True, text=True, timeout=WAIT_S
    )


@pytest.fixture
def node_file(tmp_path: Path) -> Path:
    path = tmp_path / "node.py"
    path.write_text(NODE)
    return path


@pytest.fixture
def launch_file(tmp_path: Path, node_file: Path) -> Path:
    path = tmp_path / "camera.launch.py"
    constants = f"PYTHON, NODE = {sys.executable!r}, {str(node_file)!r}\n"
    path.write_text(constants + LAUNCH)
    return path


@pytest.fixture
def node(ros_domain: int, node_file: Path) -> Iterator[str]:
    process = subprocess.Popen([sys.executable, node_file], stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "up\n"
    yield "/arm/camera"
    process.send_signal(signal.SIGINT)
    assert process.wait(WAIT_S) == 0


def lifecycle(verb: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`ros2 lifecycle` without a daemon, again while the node is not discovered yet."""
    deadline = time.monotonic() + WAIT_S
    while True:
        result = ros2("lifecycle", verb, "--no-daemon", *arguments)
        undiscovered = "Node not found" in result.stderr or (verb == "nodes" and not result.stdout)
        if not undiscovered or time.monotonic() > deadline:
            return result


def test_lifecycle_nodes_are_listed_and_counted(node: str) -> None:
    assert lifecycle("nodes").stdout == f"{node}\n"
    assert lifecycle("nodes", "--count-nodes").stdout == "1\n"


def test_lifecycle_state_is_read_and_changed(node: str) -> None:
    assert lifecycle("get", node).stdout == "unconfigured [1]\n"
    configured = lifecycle("set", node, "configure")
    assert (configured.returncode, configured.stdout) == (0, "Transitioning successful\n")
    assert lifecycle("get", node).stdout == "inactive [2]\n"
    assert lifecycle("get").stdout == f"{node}: inactive [2]\n"


def test_lifecycle_transitions_of_the_current_state_are_listed(node: str) -> None:
    listed = lifecycle("list", node).stdout
    assert "- configure [1]\n\tStart: unconfigured\n\tGoal: configuring\n" in listed
    assert "activate" not in listed
    assert "- activate [3]\n" in lifecycle("list", node, "-a").stdout


def test_refused_and_unknown_transitions_are_told(node: str) -> None:
    unknown = lifecycle("set", node, "activate")
    assert unknown.returncode == 1
    assert unknown.stderr.startswith("Unknown transition requested, available ones are:\n- conf")
    lifecycle("set", node, "configure")
    assert "Transitioning failed" in lifecycle("set", node, "activate").stderr


def test_lifecycle_node_that_is_not_there(ros_domain: int) -> None:
    result = ros2("lifecycle", "get", "--no-daemon", "/nowhere")
    assert result.returncode == 1
    assert result.stderr == "Node not found\n"


def test_launch_arguments_are_shown(launch_file: Path) -> None:
    result = ros2("launch", launch_file, "--show-args")
    assert result.returncode == 0, result.stderr
    assert "'mode':\n        How fast." in result.stdout
    assert "(default: 'slow')" in result.stdout
    assert "'name':" in result.stdout


def test_launch_runs_until_interrupted(launch_file: Path, ros_domain: int) -> None:
    process = subprocess.Popen(
        ["ros2", "launch", launch_file, "name:=gripper", "mode:=fast"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout
    seen = []
    for line in process.stdout:
        seen.append(line)
        if any("fast gripper" in s for s in seen) and any(s.endswith("up\n") for s in seen):
            break
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0, "".join(seen) + rest
    assert "process has finished cleanly" in rest


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["name=gripper"], "expected format '<name>:=<value>'"),
        (["name:=gripper", "mode:=late"], "Valid options are"),
        ([], "missing required argument 'name'"),
    ],
)
def test_wrong_launch_arguments_are_refused(
    launch_file: Path, arguments: list[str], message: str
) -> None:
    result = ros2("launch", launch_file, *arguments)
    assert result.returncode == 1
    assert message in result.stdout + result.stderr


def test_launch_of_what_is_not_there() -> None:
    result = ros2("launch", "no_such_package", "a.launch.py")
    assert result.returncode == 1
    assert "Package 'no_such_package' not found" in result.stderr
