"""What controllers of trajectories must be set to, asked of themselves."""

from __future__ import annotations

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import parameter_value_to_python
from rclpy.parameter_client import AsyncParameterClient

from groot_ros.errors import UserError
from groot_ros.robot.config import RobotConfig

UPSAMPLING = "positions_upsampling.enable"
"""Of joint_trajectory_controller since its commit 94e74de of August 2026, after 6.9.0: positions
alone become a spline. Without it they are joined by straight lines."""
ANSWER_S = 3.0


def check_controllers(node: Node, robot: RobotConfig) -> None:
    """UserError for a controller that would go in straight lines between positions, whose
    velocity jumps at every point; one that does not answer is told in a warning."""
    if robot.output.has_velocities:
        return
    for controller in _controllers(node, robot):
        answer = _asked(node, controller)
        if answer is None:
            node.get_logger().warning(
                f"controller {controller} does not answer: without {UPSAMPLING} it would go in "
                "straight lines between positions"
            )
        elif not answer:
            raise UserError(
                f"controller {controller} has no {UPSAMPLING} that is true, which output.profile "
                f"{robot.output.profile} of robot {robot.name} needs: set it (ros2_controllers "
                "after 6.9.0 have it, Jazzy's have not), or output.profile to joint_trajectory"
            )


def _controllers(node: Node, robot: RobotConfig) -> list[str]:
    """By the names of their topics, `/CONTROLLER/joint_trajectory`; one may have several arms."""
    topics = dict.fromkeys(arm.command_topic for arm in robot.each_arm)
    return [node.resolve_topic_name(topic).rpartition("/")[0] for topic in topics]


def _asked(node: Node, controller: str) -> bool | None:
    """Its parameter; None where nobody answers, False where it has none."""
    # The node itself is in the middle of a transition and hears no answer.
    asking = rclpy.create_node(
        f"{node.get_name()}_asks",
        namespace=node.get_namespace(),
        context=node.context,
        use_global_arguments=False,
        start_parameter_services=False,
    )
    executor = SingleThreadedExecutor(context=node.context)
    try:
        client = AsyncParameterClient(asking, controller)
        if not client.wait_for_services(ANSWER_S):
            return None
        future = client.get_parameters([UPSAMPLING])
        executor.add_node(asking)
        executor.spin_until_future_complete(future, ANSWER_S)
        answer = future.result() if future.done() else None
        if answer is None:
            return None
        return any(parameter_value_to_python(value) is True for value in answer.values)
    finally:
        executor.shutdown()
        asking.destroy_node()
