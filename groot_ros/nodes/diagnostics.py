"""A node's state on /diagnostics, once a second."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node

PERIOD_S = 1.0


class Part(NamedTuple):
    """A part of a node with a state of its own: a problem, empty for none, and named values."""

    name: str
    problem: str
    values: dict[str, str]


class DiagnosticsPublisher:
    """Publishes what `status` returns: a problem, empty for none, and named values.

    `parts` follow it, each as `<node>: <part>`.
    """

    def __init__(
        self,
        node: Node,
        status: Callable[[], tuple[str, dict[str, str]]],
        parts: Callable[[], Iterable[Part]] = tuple,
    ) -> None:
        self._node = node
        self._status = status
        self._parts = parts
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._timer = node.create_timer(PERIOD_S, self._publish)

    def _publish(self) -> None:
        name = self._node.get_fully_qualified_name()
        message = DiagnosticArray()
        message.header.stamp = self._node.get_clock().now().to_msg()
        message.status = [
            _status(Part(name, *self._status())),
            *(_status(part._replace(name=f"{name}: {part.name}")) for part in self._parts()),
        ]
        self._publisher.publish(message)

    def close(self) -> None:
        self._node.destroy_timer(self._timer)
        self._node.destroy_publisher(self._publisher)


def _status(part: Part) -> DiagnosticStatus:
    return DiagnosticStatus(
        level=DiagnosticStatus.WARN if part.problem else DiagnosticStatus.OK,
        name=part.name,
        message=part.problem or "ok",
        values=[KeyValue(key=key, value=value) for key, value in part.values.items()],
    )
