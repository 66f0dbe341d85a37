"""A node's state on /diagnostics, once a second."""

from __future__ import annotations

from collections.abc import Callable

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node

PERIOD_S = 1.0


class DiagnosticsPublisher:
    """Publishes what `status` returns: a problem, empty for none, and named values."""

    def __init__(self, node: Node, status: Callable[[], tuple[str, dict[str, str]]]) -> None:
        self._node = node
        self._status = status
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._timer = node.create_timer(PERIOD_S, self._publish)

    def _publish(self) -> None:
        problem, values = self._status()
        message = DiagnosticArray()
        message.header.stamp = self._node.get_clock().now().to_msg()
        message.status = [
            DiagnosticStatus(
                level=DiagnosticStatus.WARN if problem else DiagnosticStatus.OK,
                name=self._node.get_fully_qualified_name(),
                message=problem or "ok",
                values=[KeyValue(key=key, value=value) for key, value in values.items()],
            )
        ]
        self._publisher.publish(message)

    def close(self) -> None:
        self._node.destroy_timer(self._timer)
        self._node.destroy_publisher(self._publisher)
