"""A node that listens to policy and executor for `groot-ros watch`."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node

from groot_ros.observation.fields import to_ns
from groot_ros_msgs.msg import ActionChunk, ChunkReport, ExecutorState

WINDOW = 50


@dataclass
class Seen:
    """What was heard lately; None and empty for nothing."""

    state: ExecutorState | None = None
    state_s: float = 0.0
    chunk: ActionChunk | None = None
    stamps_s: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))
    published: deque[ChunkReport] = field(default_factory=lambda: deque(maxlen=WINDOW))
    executed: deque[ChunkReport] = field(default_factory=lambda: deque(maxlen=WINDOW))
    starved_steps: int = 0
    rejected: int = 0
    last_rejected: str = ""
    problems: dict[str, str] = field(default_factory=dict)

    @property
    def inference_rate_hz(self) -> float:
        """Chunks per second over the last ones."""
        if len(self.stamps_s) < 2:
            return 0.0
        return (len(self.stamps_s) - 1) / max(1e-6, self.stamps_s[-1] - self.stamps_s[0])


class WatchNode(Node):
    """Fills a Seen."""

    def __init__(self) -> None:
        super().__init__("watch")
        self.seen = Seen()
        subscribe = self.create_subscription
        subscribe(ActionChunk, "policy/action_chunk", self._on_chunk, 10)
        subscribe(ChunkReport, "policy/chunk_report", self._on_published, 10)
        subscribe(ChunkReport, "executor/chunk_report", self._on_executed, 10)
        subscribe(ExecutorState, "executor/state", self._on_state, 10)
        subscribe(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)

    def _on_chunk(self, message: ActionChunk) -> None:
        if message.horizon:
            self.seen.chunk = message
            # Its own time, so that a rate in simulated time is one per simulated second.
            self.seen.stamps_s.append(to_ns(message.header.stamp) / 1e9)

    def _on_published(self, message: ChunkReport) -> None:
        self.seen.published.append(message)

    def _on_executed(self, message: ChunkReport) -> None:
        if message.rejected:
            self.seen.rejected += 1
            self.seen.last_rejected = message.rejected
            return
        self.seen.executed.append(message)
        self.seen.starved_steps += message.starved_steps

    def _on_state(self, message: ExecutorState) -> None:
        self.seen.state, self.seen.state_s = message, time.monotonic()

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            problem = "" if status.level == b"\x00" else status.message
            self.seen.problems[status.name] = problem

    def spin_for(self, seconds: float) -> None:
        """Listen for a time."""
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0 and rclpy.ok():
            rclpy.spin_once(self, timeout_sec=left_s)
