"""The RecordEpisode action: one episode until the time is over, it is stopped or cancelled."""

from __future__ import annotations

from typing import Protocol

from rclpy.action.server import ServerGoalHandle

from groot_ros.data.recording.episode_recorder import RecordedEpisode
from groot_ros.errors import UserError
from groot_ros.nodes.goals import finish, goal_server
from groot_ros.nodes.lifecycle import GuardedLifecycleNode
from groot_ros.observation.fields import NS, to_ns
from groot_ros_msgs.action import RecordEpisode

PERIOD_S = 0.2
REASONS = {
    "timeout": RecordEpisode.Result.TIMEOUT,
    "cancelled": RecordEpisode.Result.CANCELLED,
    "stopped": RecordEpisode.Result.STOPPED,
    "discarded": RecordEpisode.Result.DISCARDED,
}


class EpisodeControl(Protocol):
    """What the action needs of the node."""

    def start(self, instruction: str, note: str) -> RecordedEpisode: ...

    def stop(self, reason: str) -> RecordedEpisode: ...

    def flags(self) -> list[str]: ...

    def now_ns(self) -> int: ...


class RecordEpisodeServer:
    """Serves one goal at a time; the services may end its episode, the result says how."""

    def __init__(self, node: GuardedLifecycleNode, recording: EpisodeControl) -> None:
        self._node = node
        self._recording = recording
        self._handle: ServerGoalHandle | None = None
        self._episode: RecordedEpisode | None = None
        self._server = goal_server(
            node, RecordEpisode, name="record_episode", refusal=self._refusal, begin=self._begin
        )
        self._timer = node.create_timer(PERIOD_S, self._tick)

    def close(self) -> None:
        if self._handle:
            self._end(RecordEpisode.Result.FAILED, "the node was cleaned up")
        self._node.destroy_timer(self._timer)
        self._server.destroy()

    def _refusal(self, _: RecordEpisode.Goal) -> str:
        if self._handle:
            return "another goal is running"
        return "" if self._node.is_active else "activate the node first"

    def _begin(self, handle: ServerGoalHandle) -> None:
        self._handle, goal = handle, handle.request
        try:
            self._episode = self._recording.start(goal.instruction.strip(), goal.note)
        except UserError as error:
            self._episode = None
            self._end(RecordEpisode.Result.FAILED, str(error))

    def _tick(self) -> None:
        handle, episode = self._handle, self._episode
        if handle is None or episode is None:
            return
        if not episode.info.reason:
            self._look_after(handle, episode)
        elif episode.saved or episode.failure or episode.info.reason == "discarded":
            reason = REASONS.get(episode.info.reason, RecordEpisode.Result.FAILED)
            self._end(reason, episode.failure or episode.info.reason)

    def _look_after(self, handle: ServerGoalHandle, episode: RecordedEpisode) -> None:
        limit_ns = to_ns(handle.request.max_duration)
        if handle.is_cancel_requested:
            self._recording.stop("cancelled")
        elif 0 < limit_ns <= self._recording.now_ns() - episode.started_ns:
            self._recording.stop("timeout")
        else:
            handle.publish_feedback(
                RecordEpisode.Feedback(
                    elapsed=self._elapsed_s(episode),
                    messages=episode.messages,
                    bytes=episode.bag.bytes,
                    flags=self._recording.flags(),
                )
            )

    def _elapsed_s(self, episode: RecordedEpisode) -> float:
        return (self._recording.now_ns() - episode.started_ns) / NS

    def _end(self, reason: int, message: str) -> None:
        handle, episode = self._handle, self._episode
        self._handle = self._episode = None
        assert handle is not None
        result = RecordEpisode.Result(reason=reason, message=message)
        if episode:
            result.path = str(episode.bag.path) if episode.saved else ""
            result.elapsed = self._elapsed_s(episode)
            result.messages = episode.messages
            result.flags = list(episode.info.flags)
        finish(
            handle, result, reason in (RecordEpisode.Result.TIMEOUT, RecordEpisode.Result.STOPPED)
        )
