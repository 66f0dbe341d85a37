"""`groot-ros teleop` moves an arm through the executor: by keys, then by a gamepad."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

from arm import Arm
from graph import FakeRobot, Graph, NodeProcess
from sensor_msgs.msg import Joy

COMMAND = [sys.executable, "-u", "-m", "groot_ros.cli.main", "teleop", "--robot=sim"]
QUIT_S = 60.0


def teleop(*options: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*COMMAND, *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def ended(process: subprocess.Popen[bytes], keys: str) -> str:
    said, _ = process.communicate(keys.encode(), timeout=QUIT_S)
    assert process.returncode == 0, said.decode()
    return said.decode()


def test_keys_and_a_gamepad_move_the_hand(
    graph: Graph, robot: FakeRobot, start: type[NodeProcess]
) -> None:
    arm = Arm(graph)
    robot.follow("/target_pose")
    refused = teleop("--speed=0")
    assert "linear speed is 0" in refused.communicate()[0].decode() and refused.returncode == 2
    start("executor_node", robot="sim")
    assert graph.transition("/executor", "configure") and graph.transition("/executor", "activate")

    def wait_control(control: str) -> None:
        graph.wait_for(lambda: arm.states[-1].control == control, f"control {control}")

    keys = teleop("--speed=0.1")
    graph.wait_for(lambda: bool(arm.states), "states")
    wait_control("operator")
    assert keys.stdin
    begun = list(robot.pose)

    def rises() -> bool:
        keys.stdin.write(b"r")  # type: ignore[union-attr]
        keys.stdin.flush()  # type: ignore[union-attr]
        return robot.pose[2] > begun[2] + 0.02

    graph.wait_for(rises, "the hand to rise")
    said = ended(keys, "gq")
    assert "operator" in said and "hand_back" in said
    wait_control("handover")
    arm.wait_resting()

    sticks = teleop("--device=gamepad", "--no-take-over")
    joy = graph.node.create_publisher(Joy, "joy", 10)
    held = threading.Event()
    timer = graph.node.create_timer(
        0.05,
        lambda: joy.publish(
            Joy(axes=[0.0] * 4 + [-float(held.is_set())], buttons=[0, 0, 0, 0, int(held.is_set())])
        ),
    )
    wait_control("operator")
    high = robot.pose[2]
    held.set()
    graph.wait_for(lambda: robot.pose[2] < high - 0.02, "the hand to sink")
    graph.node.destroy_timer(timer)
    sticks.send_signal(signal.SIGINT)
    assert "hand_back" in ended(sticks, "")
    arm.wait_resting()
