"""The calls of a tape made again: the same commands, or where they differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from groot_ros.chunks.execution.executor import ChunkExecutor
from groot_ros.chunks.execution.joining import Admitted, Offer
from groot_ros.incidents.tape import Answer, Call, Recording, raised, told


@dataclass(frozen=True)
class Played:
    """A call that was made again, and its answer this time."""

    call: Call
    answer: Answer

    @property
    def is_command(self) -> bool:
        return isinstance(self.call[2], tuple)

    @property
    def is_same(self) -> bool:
        """Whether the answer is that of the recording, to the last bit."""
        return same(self.call[2], self.answer)


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

    def make(self, call: Call) -> Answer:
        """The call's answer, as far as it is kept; what it raised in words."""
        try:
            return told(self._made(call))
        except Exception as error:
            # It may be what was recorded.
            return raised(error)

    def _made(self, call: Call) -> Any:
        name, args, _ = call
        if name == "offer":
            assert self._admitted, "a chunk is admitted before it is joined"
            found = self._executor.offer(self._admitted, *args)
            self._offer = found if isinstance(found, Offer) else None
            return found
        if name == "commit":
            assert self._offer, "a chunk is offered before it is joined"
            return self._executor.commit(self._offer, self._offer.join(), *args)
        answer = getattr(self._executor, name)(*args)
        if isinstance(answer, Admitted):
            self._admitted = answer
        return answer


def same(one: Answer, other: Answer) -> bool:
    """Whether two answers are the same, setpoints to the last bit."""
    if not isinstance(one, tuple) or not isinstance(other, tuple):
        return one == other
    return len(one) == len(other) and all(map(_same_bits, one, other))


def _same_bits(one: Any, other: Any) -> bool:
    if not isinstance(one, np.ndarray) or not isinstance(other, np.ndarray):
        return type(one) is type(other) and one == other
    return one.shape == other.shape and one.tobytes() == other.tobytes()
