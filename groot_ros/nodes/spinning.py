"""A node that is spun in a thread of its own."""

from __future__ import annotations

import threading

from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

# How late the end may be noticed where waking the thread was not enough.
PERIOD_S = 0.1


class Spinner:
    """Calls a node's callbacks in a thread, which has ended when `close` returns.

    rclpy's own `spin` ends by what another thread takes away while it uses it.
    """

    def __init__(self, node: Node, context: Context) -> None:
        self.executor = SingleThreadedExecutor(context=context)
        self.executor.add_node(node)
        self._context, self._ended = context, threading.Event()
        self._thread = threading.Thread(target=self._run, name="spin", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether callbacks are still called."""
        return self._thread.is_alive()

    def close(self, timeout_s: float | None = None) -> None:
        """End it; at most so long is waited for a callback."""
        self._ended.set()
        self.executor.wake()
        self._thread.join(timeout_s)
        self.executor.shutdown(timeout_sec=PERIOD_S)

    def _run(self) -> None:
        while self._context.ok() and not self._ended.is_set():
            self.executor.spin_once(timeout_sec=PERIOD_S)
