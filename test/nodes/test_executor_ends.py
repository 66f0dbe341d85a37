"""However the executor ends while the arm moves: it decelerates first, as long as that takes."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import yaml
from arm import Arm
from geometry_msgs.msg import Twist, TwistStamped
from graph import WAIT_S, FakeRobot, Graph
from std_srvs.srv import Trigger

from groot_ros.chunks.chunk import Chunk
from groot_ros.nodes.messages import to_action_chunk
from groot_ros.share import share_file
from groot_ros.signals.signals import arm_signals
from groot_ros_msgs.msg import ActionChunk

# So little that a stop takes longer than those of other robots.
ACCELERATION_M_S2 = 0.03
SPEED_M_S = 0.04
STEP_NS = 1_000_000_000 // 15
STUCK = """
import sys, threading
from groot_ros.nodes.executor.executor_node import ExecutorNode
from groot_ros.nodes.lifecycle import run_node

class Stuck(ExecutorNode):
    def _on_resume(self, request, response):
        print("stuck", flush=True)
        threading.Event().wait()

sys.exit(run_node(Stuck))
"""


@pytest.fixture
def slow_robot(tmp_path: Path) -> Path:
    content = yaml.safe_load(Path(share_file("config/robots/sim.yaml")).read_text())
    content["limits"]["linear_acceleration"] = ACCELERATION_M_S2
    file = tmp_path / "slow.yaml"
    file.write_text(yaml.safe_dump(content))
    return file


@pytest.fixture
def moving(
    graph: Graph, robot: FakeRobot, slow_robot: Path, request: pytest.FixtureRequest
) -> Iterator[tuple[Arm, subprocess.Popen[str]]]:
    """An arm that follows chunks, and the process that commands it."""
    arm = Arm(graph)
    robot.follow("/target_pose")
    with commanded_by(graph, request.param, slow_robot, arm) as process:
        graph.wait_for(
            lambda: len(arm.poses) > 30 and arm.velocities()[-9:].max() > 0.9 * SPEED_M_S, "speed"
        )
        yield arm, process


@contextmanager
def commanded_by(
    graph: Graph, code: list[str], robot_file: Path, arm: Arm
) -> Iterator[subprocess.Popen[str]]:
    """An executor in a process of its own, which chunks come to."""
    parameters = ["-p", f"robot:={robot_file}", "-p", "watchdog:=30.0"]
    process = subprocess.Popen(
        [sys.executable, *code, "--ros-args", *parameters],
        stdout=subprocess.PIPE,
        text=True,
        # As in a terminal, also where the tests run without one.
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )
    assert graph.transition("/executor", "configure") and graph.transition("/executor", "activate")
    chunks = graph.node.create_publisher(ActionChunk, "/policy/action_chunk", 1)
    graph.wait_for(chunks.get_subscription_count, "the executor's subscription")
    graph.wait_for(lambda: graph.node.count_subscribers("/ee_pose"), "its view of the robot")

    def send() -> None:
        # Once more where a process that was short of time has stopped it.
        if not arm.states or arm.states[-1].activity != "executing":
            chunks.publish(straight(graph))

    timer = graph.node.create_timer(0.5, send)
    yield process
    graph.remove(graph.node.destroy_timer, timer)
    if process.poll() is None:
        process.kill()
    process.communicate()


def straight(graph: Graph) -> ActionChunk:
    """A chunk of ten seconds along y."""
    poses = np.tile([0.5, 0.0, 0.3, 0.0, 1.0, 0.0, 0.0], (150, 1))
    poses[:, 1] = SPEED_M_S * np.arange(150) * STEP_NS / 1e9
    now_ns = graph.node.get_clock().now().nanoseconds
    message = to_action_chunk(
        Chunk(now_ns, STEP_NS, 1, signals=arm_signals(ee_pose=poses)), "fr3_link0", []
    )
    message.chunk_id, message.activation = 1, np.full(16, 7, np.uint8)
    return message


NODE = ["-m", "groot_ros.nodes.executor.executor_node"]


@pytest.mark.parametrize("moving", [NODE], indirect=True)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal(moving: tuple[Arm, subprocess.Popen[str]], number: signal.Signals) -> None:
    arm, process = moving
    commanded = len(arm.poses)
    process.send_signal(number)
    assert process.wait(WAIT_S) == 0
    arm.assert_decelerated(ACCELERATION_M_S2, commanded - 9)


@pytest.mark.parametrize("moving", [["-c", STUCK]], indirect=True)
def test_a_signal_while_a_callback_never_ends(
    graph: Graph, moving: tuple[Arm, subprocess.Popen[str]]
) -> None:
    arm, process = moving
    graph.client(Trigger, "/executor/resume").call_async(Trigger.Request())
    assert process.stdout and process.stdout.readline() == "stuck\n"
    commanded = len(arm.poses)
    process.send_signal(signal.SIGINT)
    assert process.wait(WAIT_S) == 0
    arm.assert_decelerated(ACCELERATION_M_S2, commanded - 9)


def test_a_velocity_controller_is_told_to_stop_while_a_callback_never_ends(
    graph: Graph, robot: FakeRobot, tmp_path: Path
) -> None:
    """The arm stays behind its commands, so that they ask for more until the end."""
    content = yaml.safe_load(Path(share_file("config/robots/sim.yaml")).read_text())
    content["output"]["profile"], content["commands"]["twist"] = "twist", {"topic": "twist"}
    file = tmp_path / "twist.yaml"
    file.write_text(yaml.safe_dump(content))
    twists = graph.collect(TwistStamped, "/twist")
    with commanded_by(graph, ["-c", STUCK], file, Arm(graph)) as process:
        graph.wait_for(lambda: twists and twists[-1].twist.linear.y > SPEED_M_S, "speed")
        graph.client(Trigger, "/executor/resume").call_async(Trigger.Request())
        assert process.stdout and process.stdout.readline() == "stuck\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(WAIT_S) == 0
        graph.wait_for(lambda: twists[-1].twist == Twist(), "the last command to be none")
