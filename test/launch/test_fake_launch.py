"""policy.launch.py fake:=true for every shipped robot file: the arm is moved, nobody else is."""

from __future__ import annotations

import contextlib
import tempfile
import unittest
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import launch_testing
import launch_testing.asserts
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped
from graph import Graph
from launch import LaunchDescription
from launching import enter_domain, policy_launch
from sensor_msgs.msg import JointState

from groot_ros.observation.fields import from_pose
from groot_ros.robot.commands import GRIPPER_COMMAND
from groot_ros.robot.config import load_robot, robot_names, robot_path
from groot_ros.signals.signals import EE_POSE
from groot_ros.sim.fake.links import robot_links

RESOURCES = contextlib.ExitStack()
# Three processes start one after the other, on a machine that may have much else to do.
LIMIT_S = 300.0


@pytest.mark.launch_test
@launch_testing.parametrize("robot", robot_names())
def generate_test_description(robot: str) -> LaunchDescription:
    enter_domain(RESOURCES)
    return policy_launch(robot=str(robot_file(robot)), fake="true", namespace="cell")


def robot_file(name: str) -> Path:
    """The shipped file; where control_msgs is not installed a copy whose gripper is commanded by
    numbers in the place of its action."""
    path, grip = robot_path(name), load_robot(name).commands.grip
    if grip is None or grip.type != GRIPPER_COMMAND or find_spec("control_msgs"):
        return path
    folder = Path(RESOURCES.enter_context(tempfile.TemporaryDirectory()))
    copy = folder / path.name
    copy.write_text(path.read_text().replace(f"type: {GRIPPER_COMMAND}", "type: float64"))
    return copy


class TestFake(unittest.TestCase):
    """A robot file and nothing else."""

    def test_commands_come_and_the_arm_follows(self, robot: str) -> None:
        graph = Graph()
        self.addCleanup(graph.close)
        config = load_robot(robot_file(robot))
        found = graph.collect(DiagnosticArray, "/diagnostics")
        followed = config.followed[0]
        is_pose = config.arm_of(followed).output.signal == EE_POSE
        stream = config.observations.signals[followed]
        topic = stream.topic if stream.topic.startswith("/") else f"/cell/{stream.topic}"
        seen = graph.collect(PoseStamped if is_pose else JointState, topic)

        def moved() -> bool:
            values = [from_pose(m.pose) if is_pose else np.array(m.position) for m in seen]
            return bool(values and np.abs(values[-1] - values[0])[:3].max() > 0.01)

        graph.wait_for(moved, "the arm to follow", LIMIT_S)

        def status() -> dict[str, str]:
            statuses = [s for array in found for s in array.status if s.name == "/cell/fake"]
            return {v.key: v.value for v in statuses[-1].values} if statuses else {}

        for link in robot_links(config):
            if link.is_sent:
                graph.wait_for(
                    lambda name=link.topic: int(status().get(f"commands on {name}", "0")) > 0,
                    f"commands on {link.topic}",
                    LIMIT_S,
                )

        def problem() -> str:
            statuses = [s for array in found for s in array.status if s.name == "/cell/fake"]
            return str(statuses[-1].message)

        graph.wait_for(lambda: problem() == "ok", "somebody at every end", LIMIT_S)


@launch_testing.post_shutdown_test()
class TestShutdown(unittest.TestCase):
    """After SIGINT to all."""

    def test_exit_codes(self, proc_info: Any) -> None:
        launch_testing.asserts.assertExitCodes(proc_info)
        RESOURCES.close()
