"""The executor node's handling of chunks: refusing them, or passing them to the motion."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.execution.admission import Bounded, Refused
from groot_ros.chunks.execution.chunk_intake import ChunkIntake
from groot_ros.chunks.execution.executor import ChunkExecutor
from groot_ros.chunks.execution.joining import accept_ahead
from groot_ros.chunks.execution.robot_motion import AnyReach, begin_motion, fit_ahead
from groot_ros.chunks.execution.together import AnyBorders
from groot_ros.chunks.limits.pose_chunks import Unsolved
from groot_ros.chunks.shadow import Shadow
from groot_ros.nodes.executor.chunk_markers import ChunkMarkers
from groot_ros.nodes.executor.chunk_reports import ChunkReports
from groot_ros.observation.buffer import NotReady
from groot_ros.observation.newest_state import NewestState
from groot_ros_msgs.msg import ActionChunk


class ChunkTaking:
    """Passes chunks of the policy and of the operator to the motion.

    Belongs to the node's callbacks, which run one after the other; `guard` is held where `motion`,
    `state` and `shadow` are used.
    """

    def __init__(
        self,
        *,
        motion: ChunkExecutor,
        guard: AbstractContextManager[object],
        state: NewestState,
        borders: AnyBorders,
        intake: ChunkIntake,
        reach: Callable[[], AnyReach | None],
        clock: Callable[[], int],
        shadow: Shadow,
        markers: ChunkMarkers,
        reports: ChunkReports,
    ) -> None:
        """`reach` tells that of the arm, NotReady where it is not known yet; `clock` the time in
        ns."""
        self._motion, self._guard, self._state = motion, guard, state
        self._borders, self._intake = borders, intake
        self._reach, self._clock = reach, clock
        self._shadow, self._markers, self._reports = shadow, markers, reports

    def look(self) -> None:
        """Follow no activation once nothing is commanded and the policy is silent."""
        with self._guard:
            idle = self._motion.is_idle
        self._intake.look(self._clock(), idle)

    def cancel(self, message: ActionChunk, now_ns: int) -> None:
        """Make void what an activation made before an epoch, or all of it."""
        if (era := self._intake.ended_era(message)) is not None:
            with self._guard:
                self._motion.cancel(era, now_ns)

    def take(self, message: ActionChunk, report_ended: Callable[[], None]) -> str | None:
        """Pass a chunk to the motion; the reason where it is refused.

        `report_ended` is called before another policy's chunks replace the last one's.
        """
        try:
            bounded = self._intake.bounded(message)
        except ValueError as refused:
            with self._guard:
                self._motion.count_refusal(str(refused), self._clock())
            return str(refused)
        if self._intake.is_new(message):
            report_ended()
            self._reports.forget()
        keep = partial(self._reports.keep, message)
        fitted = self._execute(message.chunk_id, bounded, keep)
        if isinstance(fitted, str):
            return fitted
        self._intake.took(message, fitted, self._clock())
        return None

    def execute_by_hand(self, chunk_id: int, chunk: Chunk) -> str | None:
        """Pass a chunk of the operator to the motion; the reason where it is refused."""
        try:
            bounded = self._borders.bounded(chunk)
        except Refused as reason:
            return str(reason)
        fitted = self._execute(chunk_id, bounded, lambda _: None)
        return fitted if isinstance(fitted, str) else None

    def _execute(
        self, chunk_id: int, bounded: Bounded, keep: Callable[[int], None]
    ) -> Bounded | str:
        """Hand a chunk to the motion, fitted to the arm; the reason when it is refused.

        `keep` is told how many steps were moved to a border before it is executed.
        """
        motion, guard, clock = self._motion, self._guard, self._clock
        with guard:
            now_ns = clock()
            begins = motion.begins_anew
            if begins and (reason := self._start_motion(bounded.chunk, now_ns)):
                return reason
        try:
            fitted = fit_ahead(motion, guard, clock=clock, reach=self._reach(), bounded=bounded)
        except (NotReady, Unsolved) as refused:
            with guard:
                motion.count_refusal(str(refused), clock())
            return str(refused)
        chunk = fitted.chunk
        with guard:
            keep(fitted.projected_steps)
        reason = accept_ahead(motion, guard, clock=clock, chunk_id=chunk_id, chunk=chunk)
        if reason is not None:
            return reason
        with guard:
            self._shadow.add(chunk_id, chunk)
        self._markers.add(chunk_id, chunk)
        return fitted

    def _start_motion(self, chunk: Chunk, now_ns: int) -> str | None:
        """A motion begins where the robot is."""
        try:
            measured = self._state.at(now_ns)
            reach = self._reach()
        except NotReady as reason:
            return f"the robot's state is not known: {reason}"
        begin_motion(self._motion, reach, chunk=chunk, measured=measured, now_ns=now_ns)
        return None
