"""What became of chunks, told on the executor's topic."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from groot_ros.chunks.execution.admission import Flood
from groot_ros.chunks.execution.running import Execution
from groot_ros.chunks.shadow import Disagreement
from groot_ros.nodes.executor.executor_reports import (
    Taken,
    chunk_report,
    execution_report,
    shadow_report,
)
from groot_ros.nodes.lifecycle import GuardedLifecycleNode
from groot_ros.nodes.qos import REPORTS
from groot_ros_msgs.msg import ActionChunk, ChunkReport

REPORT_TOPIC = "~/chunk_report"
KEPT_MESSAGES = 64


class ChunkReports:
    """Publishes the results of chunks; owns the message data of the accepted ones."""

    def __init__(self, node: GuardedLifecycleNode) -> None:
        self._node = node
        self._publisher = node.create_publisher(ChunkReport, REPORT_TOPIC, REPORTS)
        self._refusals = Flood()
        self._taken: OrderedDict[int, Taken] = OrderedDict()

    def keep(self, message: ActionChunk, projected_steps: int) -> None:
        """Keep the data of an accepted chunk's message for its reports."""
        self._taken[message.chunk_id] = Taken(message, projected_steps)
        while len(self._taken) > KEPT_MESSAGES:
            self._taken.popitem(last=False)

    def forget(self) -> None:
        """Drop all kept data, because another policy counts its chunks from 1 too."""
        self._taken.clear()

    def refused(self, message: ActionChunk, reason: str, now_ns: int) -> ChunkReport | None:
        """The report of a refusal; None where reports would be a flood."""
        if self._refusals.comes(now_ns):
            return None
        report = chunk_report(message, now_ns)
        report.rejected = reason
        self._publisher.publish(report)
        return report

    def ended(self, executions: Iterable[Execution]) -> None:
        """Publish the reports of executed chunks."""
        for execution in executions:
            if taken := self._taken.get(execution.chunk_id):
                report = execution_report(taken, execution, self._node.now_ns())
                self._publisher.publish(report)

    def compared(self, verdicts: Iterable[Disagreement], now_ns: int) -> None:
        """Publish the reports of chunks that were compared with the robot's motion."""
        for verdict in verdicts:
            if taken := self._taken.get(verdict.chunk_id):
                self._publisher.publish(shadow_report(taken.message, verdict, now_ns))

    def close(self) -> None:
        """Destroy the publisher."""
        self._node.destroy_publisher(self._publisher)
