"""The scripted expert in a namespace, on simulated time, started by the launch file alone."""

from __future__ import annotations

import contextlib
import unittest
from typing import Any

import launch_testing
import launch_testing.asserts
import pytest
from graph import Graph
from launch import LaunchDescription
from launching import enter_domain, policy_launch
from std_msgs.msg import Bool

from groot_ros.nodes.qos import LATCHED

RESOURCES = contextlib.ExitStack()


@pytest.mark.launch_test
def generate_test_description() -> LaunchDescription:
    enter_domain(RESOURCES)
    return policy_launch(
        sim="true",
        policy="scripted",
        autostart="true",
        namespace="arm",
        use_sim_time="true",
        instruction="pick up the red cube",
    )


class TestExpert(unittest.TestCase):
    """The task is done."""

    def test_the_cube_is_picked_up(self) -> None:
        graph = Graph()
        self.addCleanup(graph.close)
        success = graph.collect(Bool, "/arm/sim/success", LATCHED)
        graph.wait_for(lambda: any(s.data for s in success), "the cube to be lifted")


@launch_testing.post_shutdown_test()
class TestShutdown(unittest.TestCase):
    """After SIGINT to all."""

    def test_exit_codes(self, proc_info: Any) -> None:
        launch_testing.asserts.assertExitCodes(proc_info)
        RESOURCES.close()
