"""Every shipped robot file moves a fake robot that knows nothing but this file."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import pytest
from fake_moves import assert_it_moves, commanded_file
from graph import Graph, NodeProcess

from groot_ros.robot.config import robot_names


@pytest.mark.parametrize("name", robot_names())
def test_commands_come_and_the_arm_follows(
    graph: Graph, start: Callable[..., NodeProcess], name: str
) -> None:
    with ExitStack() as resources:
        robot = commanded_file(name, resources)
        nodes = {
            "/fake": start("fake_node", robot=robot, image_width=64, image_height=48),
            "/executor": start("executor_node", robot=robot, fake=True, black_box=False),
            "/policy": start("policy_node", robot=robot, policy="sway"),
        }
        for node, process in nodes.items():
            assert graph.transition(node, "configure"), process.output
            assert graph.transition(node, "activate"), process.output
        assert_it_moves(graph, robot)
