"""The calls of a tape made again: the same commands, or where they differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from groot_ros.chunks.chunk import Setpoint
from groot_ros.chunks.execution import ChunkExecutor
from groot_ros.chunks.joining import Admitted, Offer
from groot_ros.incidents.tape import Call, Recording, raised, told

COMMANDS = ("setpoint", "fail")


@dataclass(frozen=True)
class Played:
    """A call that was made again, and its answer this time."""

    call: Call
    answer: Setpoint | str | None

    @property
    def is_command(self) -> bool:
        return self.call.name in COMMANDS and self.call.answer is not None

    @property
    def is_same(self) -> bool:
        """Whether the answer is that of the recording, to the last bit."""
        return same(self.call.answer, self.answer)


def play(recording: Recording) -> Iterator[Played]:
    """Make the calls of a recording again, in their order; its executor goes on meanwhile."""
    player = _Player(recording.executor)
    for call in recording.calls:
        yield Played(call, player.make(call))


class _Player:
    def __init__(self, executor: ChunkExecutor) -> None:
        self._executor = executor
        self._admitted: Admitted | None = None
        self._offer: Offer | None = None

    def make(self, call: Call) -> Setpoint | str | None:
        """The call's answer, as far as it is kept; what it raised in words."""
        try:
            return told(self._made(call))
        except Exception as error:
            # It may be what was recorded.
            return raised(error)

    def _made(self, call: Call) -> Any:
        if call.name == "offer":
            assert self._admitted, "a chunk is admitted before it is joined"
            found = self._executor.offer(self._admitted, *call.args)
            self._offer = found if isinstance(found, Offer) else None
            return found
        if call.name == "commit":
            assert self._offer, "a chunk is offered before it is joined"
            return self._executor.commit(self._offer, self._offer.join(), *call.args)
        answer = getattr(self._executor, call.name)(*call.args)
        if isinstance(answer, Admitted):
            self._admitted = answer
        return answer


def same(one: Setpoint | str | None, other: Setpoint | str | None) -> bool:
    """Whether two answers are the same, setpoints to the last bit."""
    if not isinstance(one, Setpoint) or not isinstance(other, Setpoint):
        return one == other
    return one.grip == other.grip and all(
        _same_bits(getattr(one, name), getattr(other, name))
        for name in ("ee_pose", "joint_position", "velocity")
    )


def _same_bits(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.shape == other.shape and one.tobytes() == other.tobytes()
