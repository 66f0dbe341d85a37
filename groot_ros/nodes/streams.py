"""Subscriptions to what a robot file names; the callbacks only store."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import ReliabilityPolicy
from rclpy.timer import Timer

from groot_ros.nodes.camera_subscription import CameraSubscription
from groot_ros.nodes.state_subscription import StateSubscription
from groot_ros.observation import routes as stream_store
from groot_ros.observation.buffer import ObservationBuffer

# Best effort connects to any publisher; a late picture or state is of no use anyway.
BEST_EFFORT = ReliabilityPolicy.BEST_EFFORT
LOOK_PERIOD_S = 0.2


class StreamSubscriptions:
    """Feeds an ObservationBuffer with its streams; `picture_came` follows each picture, in the
    thread that has stored it, `state_came` the message of each state.

    UserError, and nothing is subscribed to, where a camera's type is unknown or not installed.
    """

    def __init__(
        self,
        node: Node,
        buffer: ObservationBuffer,
        picture_came: Callable[[], None] = lambda: None,
        reliability: ReliabilityPolicy = BEST_EFFORT,
        state_came: Callable[[stream_store.Route, Any], None] = lambda *_: None,
    ) -> None:
        self._node = node
        self._state_came = state_came
        self._states: list[StateSubscription] = []
        self._cameras: list[CameraSubscription] = []
        self._timer: Timer | None = None
        with ExitStack() as stack:
            stack.callback(self.close)
            for route in stream_store.routes(buffer):
                if route.is_camera:
                    self._cameras.append(
                        CameraSubscription(
                            node,
                            route,
                            buffer=buffer,
                            stored=picture_came,
                            reliability=reliability,
                        )
                    )
                else:
                    self._states.append(
                        StateSubscription(
                            node,
                            route,
                            buffer=buffer,
                            receive=self._receive,
                            reliability=reliability,
                        )
                    )
            stack.pop_all()
        if self._cameras or any(state.has_choice for state in self._states):
            # In simulated time a clock that waits would find no camera.
            steady = Clock(clock_type=ClockType.STEADY_TIME)
            self._timer = node.create_timer(LOOK_PERIOD_S, self._look, clock=steady)

    def _receive(self, route: stream_store.Route, message: Any) -> None:
        route.store(message, self._node.get_clock().now().nanoseconds)
        self._state_came(route, message)

    def _look(self) -> None:
        looks = [camera.look() for camera in self._cameras]
        looks += [state.look() for state in self._states]
        if all(looks) and self._timer:
            self._timer.cancel()

    def close(self) -> None:
        if self._timer:
            self._node.destroy_timer(self._timer)
            self._timer = None
        for state in self._states:
            state.close()
        self._states.clear()
        for camera in self._cameras:
            camera.close()
        self._cameras.clear()
