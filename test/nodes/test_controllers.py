"""Whether a trajectory controller makes a spline of positions is asked of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from graph import Graph
from rclpy.node import Node

from groot_ros.errors import UserError
from groot_ros.nodes.drivers import controllers
from groot_ros.nodes.drivers.controllers import UPSAMPLING, check_controllers
from groot_ros.robot.config import RobotConfig, load_robot


def upsampled(controller: str) -> RobotConfig:
    """An arm behind a controller of that name, which is sent positions alone."""
    robot = load_robot("so101")
    commands = replace(robot.commands, joint_position=f"/{controller}/joint_trajectory")
    output = replace(robot.output, profile="jtc_upsampling")
    return replace(robot, commands=commands, output=output)


def test_one_that_goes_in_straight_lines_is_refused(graph: Graph) -> None:
    # The test's own node, spun in its thread, is the controller.
    robot, executor = upsampled("test"), Node("executor", context=graph.node.context)
    try:
        with pytest.raises(UserError, match=f"controller /test has no {UPSAMPLING}"):
            check_controllers(executor, robot)
        graph.node.declare_parameter(UPSAMPLING, False)
        with pytest.raises(UserError, match="or output.profile to joint_trajectory"):
            check_controllers(executor, robot)
        graph.set_parameter("/test", UPSAMPLING, True)
        check_controllers(executor, robot)
    finally:
        executor.destroy_node()


def test_one_that_does_not_answer_is_no_reason_to_refuse(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controllers, "ANSWER_S", 0.2)
    check_controllers(graph.node, upsampled("nobody"))
    check_controllers(graph.node, load_robot("so101"))
