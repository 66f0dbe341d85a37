"""When messages were received, in the time of the node that records them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock

from groot_ros.data.clocks.history import ClockHistory
from groot_ros.observation.fields import to_ns

# Best effort connects to any clock; a busy process must not lose what it has not looked at yet.
CLOCK_QOS = QoSProfile(depth=1000, reliability=ReliabilityPolicy.BEST_EFFORT)


class ArrivalClock:
    """Time of reception by the middleware, not of when Python got to a message.

    On simulated time it is the newest one of /clock that had been received by then.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._history = ClockHistory()
        self._clock = None
        if node.get_parameter("use_sim_time").value:
            # rclpy's types know no callback that takes a message's info.
            callback: Callable[..., None] = self._on_clock
            self._clock = node.create_subscription(Clock, "/clock", callback, CLOCK_QOS)

    def time_ns(self, info: dict[str, Any]) -> int:
        """Time of reception in ns of a message with this info."""
        received_ns: int = info["received_timestamp"]
        if self._clock is None:
            return received_ns
        # Callbacks come in any order: what the clock said before may still wait for its own.
        with self._clock.handle:
            while taken := self._clock.handle.take_message(Clock, False):
                self._on_clock(taken[0], taken[1])
        time_ns = self._history.at(received_ns)
        return int(self._node.get_clock().now().nanoseconds) if time_ns is None else time_ns

    def close(self) -> None:
        """Destroy the subscription to /clock."""
        if self._clock:
            self._node.destroy_subscription(self._clock)

    def _on_clock(self, message: Clock, info: Any) -> None:
        self._history.add(info["received_timestamp"], to_ns(message.clock))
