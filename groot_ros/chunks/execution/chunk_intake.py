"""The checks of a chunk message before anything is computed from it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from groot_ros.chunks.execution.activations import NOBODY, FollowedActivation, name_of
from groot_ros.chunks.execution.admission import Bounded, Refused
from groot_ros.chunks.execution.together import AnyBorders
from groot_ros.chunks.message import from_action_chunk, signals_of, track_of
from groot_ros.robot.config import RobotConfig
from groot_ros.robot.observations import SignalStream


class ChunkIntake:
    """Checks the sender of a message, that it is a chunk for this robot, and that its values are
    in range.

    Messages are any objects with the fields of groot_ros_msgs/ActionChunk. In a node it belongs to
    the callbacks, which run one after the other.
    """

    def __init__(self, robot: RobotConfig, borders: AnyBorders, watchdog_s: float) -> None:
        """`borders` are those of the robot (`robot_borders`)."""
        self.following = FollowedActivation()
        self.projected_steps = 0
        """Steps that were moved to a border, of all chunks that were taken."""
        self._robot = robot
        self._signals = signals_of(robot.arms)
        self._borders = borders
        self._watchdog_s = watchdog_s

    @property
    def followed(self) -> str:
        """Short name of the followed activation, empty for none."""
        activation = self.following.activation
        return "" if activation == NOBODY else name_of(activation)

    def look(self, now_ns: int, idle: bool) -> None:
        """Follow no activation once nothing is commanded (`idle`) and the policy is silent."""
        self.following.look(now_ns, idle, self._watchdog_s)

    def foreign(self, message: Any, now_ns: int) -> str | None:
        """Why the sender of a message is not followed; None where it is."""
        reason = self.following.refusal(bytes(message.activation), message.epoch, now_ns)
        return reason or (self._far(message) if message.horizon == 0 else None)

    def is_new(self, message: Any) -> bool:
        """Whether accepting this chunk would switch to another activation."""
        return bytes(message.activation) != self.following.activation

    def bounded(self, message: Any) -> Bounded:
        """The chunk of a message, in the executor's own era; ValueError with the reason where it
        is refused."""
        if reason := self._far(message):
            raise Refused(reason)
        chunk = from_action_chunk(message, self._signals)
        if reason := self._misfit(message):
            raise Refused(reason)
        bounded = self._borders.bounded(chunk)
        era = self.following.era_of(bytes(message.activation), message.epoch)
        return replace(bounded, chunk=replace(bounded.chunk, epoch=era))

    def took(self, message: Any, bounded: Bounded, now_ns: int) -> None:
        """Record that the chunk of a message was accepted at `now_ns`."""
        self.following.follow(bytes(message.activation), message.epoch, now_ns)
        self.projected_steps += bounded.projected_steps

    def ended_era(self, message: Any) -> int | None:
        """The era before which a message without steps makes everything void; None where it makes
        nothing void."""
        activation = bytes(message.activation)
        ends_motion = self.following.cancel(activation, message.epoch, message.released)
        return self.following.era if ends_motion else None

    def _far(self, message: Any) -> str | None:
        return self.following.far(bytes(message.activation), message.epoch)

    def _misfit(self, message: Any) -> str | None:
        """Why a chunk is not for this robot."""
        robot = self._robot
        for name in robot.followed:
            track, stream = track_of(message, name), robot.observations.signals.get(name)
            if track and (reason := _misfit(track, robot.arm_of(name), stream)):
                return reason
        return None


def _misfit(track: Any, arm: RobotConfig, stream: SignalStream | None) -> str | None:
    """Why a track is not for an arm, whose own signal `stream` is."""
    kind = arm.output.signal.kind
    if kind.is_in_frame and track.frame != arm.base_frame:
        return f"frame {track.frame!r}, expected {arm.base_frame!r}"
    if stream and list(track.names) != list(stream.names) and stream.names:
        theirs, ours = " ".join(track.names), " ".join(stream.names)
        return f"{kind.name} {theirs}, expected {ours}"
    return None
