"""The RunPolicy action: one task until it is over, cancelled or stopped."""

from __future__ import annotations

import time

from rclpy.action.server import ServerGoalHandle

from groot_ros.chunks.message import MAX_TEXT_LENGTH
from groot_ros.nodes.goals import finish, goal_server
from groot_ros.nodes.lifecycle import GuardedLifecycleNode
from groot_ros.nodes.policy.task_ends import TaskEnds
from groot_ros.observation.fields import to_ns
from groot_ros.policies.inference import InferenceLoop
from groot_ros_msgs.action import RunPolicy

FEEDBACK_PERIOD_S = 0.2
# Ends of a task that did not go on until it was over.
ENDED_EARLY = (
    RunPolicy.Result.CANCELLED,
    RunPolicy.Result.STOPPED,
    RunPolicy.Result.DEACTIVATED,
    RunPolicy.Result.FAILED,
)


class RunPolicyServer:
    """Serves one goal at a time; a new goal takes the place of the running one."""

    def __init__(self, node: GuardedLifecycleNode, loop: InferenceLoop, ends: TaskEnds) -> None:
        self._node = node
        self._loop = loop
        self._ends = ends
        self._goal: _Goal | None = None
        self._server = goal_server(
            node, RunPolicy, name="run_policy", refusal=self._refusal, begin=self._begin
        )
        self._timer = node.create_timer(FEEDBACK_PERIOD_S, self._tick)

    def close(self) -> None:
        self._end(RunPolicy.Result.DEACTIVATED, "the node was cleaned up")
        self._node.destroy_timer(self._timer)
        self._server.destroy()

    def _refusal(self, goal: RunPolicy.Goal) -> str:
        if goal.max_duration.sec < 0:
            return f"max_duration is {goal.max_duration.sec} s, expected 0 (no end) or more"
        if (length := len(goal.instruction)) > MAX_TEXT_LENGTH:
            return f"the instruction has {length} characters, expected at most {MAX_TEXT_LENGTH}"
        return "" if self._node.is_active else "activate the node first"

    def _begin(self, handle: ServerGoalHandle) -> None:
        self._end(RunPolicy.Result.STOPPED, "another goal took its place")
        self._loop.start(handle.request.instruction.strip() or None)
        self._ends.restart()
        self._goal = _Goal(handle)

    def _tick(self) -> None:
        """Feedback, and the ends that nobody calls: time, cancellation, deactivation, failure."""
        goal = self._goal
        if goal is None:
            return
        if goal.handle.is_cancel_requested:
            self._stop_and_end(RunPolicy.Result.CANCELLED, "cancelled")
        elif not self._node.is_active:
            self._end(RunPolicy.Result.DEACTIVATED, "the node was deactivated")
        elif self._loop.failure:
            self._end(RunPolicy.Result.FAILED, self._loop.failure)
        elif not self._loop.running:
            self._end(RunPolicy.Result.STOPPED, "stopped by ~/stop")
        elif reason := self._ends.reason():
            self._stop_and_end(RunPolicy.Result.SUCCESS, reason)
        elif goal.is_over:
            self._stop_and_end(RunPolicy.Result.TIMEOUT, "the time is over")
        else:
            goal.handle.publish_feedback(self._feedback(goal))

    def _feedback(self, goal: _Goal) -> RunPolicy.Feedback:
        counts = self._loop.counts
        return RunPolicy.Feedback(
            elapsed=goal.elapsed_s,
            chunks=counts.chunks,
            inference_rate=counts.rate_hz,
            action_rate=counts.action_rate_hz,
            observation_age=counts.observation_age_s,
            waiting_for=self._loop.waiting_for,
        )

    def _stop_and_end(self, reason: int, message: str) -> None:
        self._loop.stop()
        self._end(reason, message)

    def _end(self, reason: int, message: str) -> None:
        goal, self._goal = self._goal, None
        if goal is None:
            return
        result = RunPolicy.Result(
            reason=reason,
            message=message,
            elapsed=goal.elapsed_s,
            chunks=self._loop.counts.chunks,
            refused_observations=self._loop.counts.refused,
        )
        finish(goal.handle, result, reason not in ENDED_EARLY)


class _Goal:
    """A goal under way."""

    def __init__(self, handle: ServerGoalHandle) -> None:
        self.handle = handle
        self._started_s = time.monotonic()
        self._max_s = to_ns(handle.request.max_duration) / 1e9

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._started_s

    @property
    def is_over(self) -> bool:
        return 0 < self._max_s <= self.elapsed_s
