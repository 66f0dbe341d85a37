"""Actions whose goals are ended by a timer or a callback of the node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.node import Node


def goal_server(
    node: Node,
    action: Any,
    name: str,
    refusal: Callable[[Any], str],
    begin: Callable[[ServerGoalHandle], None],
) -> ActionServer:
    """An action server `~/name` whose goals are ended by `finish`.

    Args:
        node: The node that offers it.
        action: The action's type.
        name: Its name below the node's.
        refusal: Why a goal cannot begin now, empty where it can.
        begin: Called with the handle of an accepted goal.
    """

    def decide(goal: Any) -> GoalResponse:
        if not (reason := refusal(goal)):
            return GoalResponse.ACCEPT
        node.get_logger().warning(f"{name} refused: {reason}")
        return GoalResponse.REJECT

    return ActionServer(
        node,
        action,
        f"~/{name}",
        execute_callback=lambda _: action.Result(),
        goal_callback=decide,
        handle_accepted_callback=begin,
        cancel_callback=lambda _: CancelResponse.ACCEPT,
    )


def finish(handle: ServerGoalHandle, result: Any, has_succeeded: bool) -> None:
    """End a goal; it is executed only now, because rclpy's executor spins at full speed while an
    execute callback awaits something."""

    def end(handle: ServerGoalHandle) -> Any:
        if handle.is_cancel_requested:
            handle.canceled()
        elif has_succeeded:
            handle.succeed()
        else:
            handle.abort()
        return result

    handle.execute(end)
