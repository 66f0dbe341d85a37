"""A gripper's decisions, which one chunk alone does not undo."""

from __future__ import annotations

from collections.abc import Callable, Iterable

DECISION = 0.5
"""A step of more than this, in closures, is a decision; one of less is how a gripper moves that is
commanded continuously."""
LASTING_NS = 200_000_000
"""A decision that its own chunk takes back sooner is none."""


class GripDecisions:
    """Opens or closes for one chunk, and back again only for two in a row.

    A step or two that say otherwise than those around them are no decision: near a threshold a
    chunk flickers, and a gripper could not follow. A policy that decides with every chunk anew,
    on pictures that are late, says of a moment now this and now that. Its first decision is taken
    at once. Another one that would undo it is taken from the chunk that made it, or where the
    chunk before says the same of the same time; until then the gripper stays as it is, so that a
    change of mind comes one chunk later. Smaller steps are followed at once.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """An episode begins: the next decision is the first one."""
        self._closure: float | None = None
        self._decided_by: int | None = None

    def settle(
        self,
        wanted: float,
        chunk_id: int,
        before: float | None,
        after: Callable[[], Iterable[float]] = tuple,
    ) -> float:
        """The closure to command where a chunk wants one.

        `before` is what the chunk that was executed before it says of the same time, None without
        one; `after` tells what the chunk itself says of the next LASTING_NS, and is asked at a
        decision.
        """
        if self._is_decision(wanted, self._closure):
            assert self._closure is not None
            if not all(self._is_decision(later, self._closure) for later in after()):
                return self._closure
            is_undone = self._decided_by not in (None, chunk_id)
            if is_undone and self._is_decision(wanted, before):
                return self._closure
            self._decided_by = chunk_id
        self._closure = wanted
        return wanted

    @staticmethod
    def _is_decision(wanted: float, other: float | None) -> bool:
        return other is not None and abs(wanted - other) > DECISION
