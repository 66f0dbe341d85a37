"""policy.launch.py fake:=true with nothing but a robot file: the arms move."""

from __future__ import annotations

import contextlib
import unittest
from typing import Any

import launch_testing
import launch_testing.asserts
import pytest
from fake_moves import assert_it_moves, commanded_file
from graph import Graph
from launch import LaunchDescription
from launching import enter_domain, policy_launch

RESOURCES = contextlib.ExitStack()
# Two arms, several outputs; the other files are tried in test/nodes/test_fake_robots.py.
ROBOT = commanded_file("aloha", RESOURCES)


@pytest.mark.launch_test
def generate_test_description() -> LaunchDescription:
    enter_domain(RESOURCES)
    return policy_launch(robot=str(ROBOT), fake="true", namespace="cell")


class TestFake(unittest.TestCase):
    """A robot file and nothing else."""

    def test_commands_come_and_the_arm_follows(self) -> None:
        graph = Graph()
        self.addCleanup(graph.close)
        assert_it_moves(graph, ROBOT, "/cell")


@launch_testing.post_shutdown_test()
class TestShutdown(unittest.TestCase):
    """After SIGINT to all."""

    def test_exit_codes(self, proc_info: Any) -> None:
        launch_testing.asserts.assertExitCodes(proc_info)
        RESOURCES.close()
