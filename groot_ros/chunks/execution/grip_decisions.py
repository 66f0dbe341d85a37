"""Debouncing of gripper commands: a single chunk does not undo the previous decision."""

from __future__ import annotations

from collections.abc import Callable, Iterable

DECISION = 0.5
"""A step of more than this, in closures, is a decision; one of less is how a gripper moves that is
commanded continuously."""
LASTING_NS = 200_000_000
"""A decision that its own chunk takes back sooner is none."""


class GripDecisions:
    """Opens or closes on one chunk, and reverses only on two consecutive ones.

    A step or two that differ from their neighbours are no decision: near a threshold a policy's
    closure flickers faster than a gripper can follow. A policy that decides anew with every chunk,
    on delayed pictures, contradicts itself about the same time. So the first decision is taken at
    once; one that would reverse it is taken from the chunk that made it, or where the previous
    chunk says the same of the same time. Until then the closure is held, so that a reversal comes
    one chunk later. Smaller changes are followed at once.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Forget the last decision, at the beginning of an episode."""
        self._closure: float | None = None
        self._decided_by: int | None = None

    def settle(
        self,
        wanted: float,
        chunk_id: int,
        before: float | None,
        after: Callable[[], Iterable[float]] = tuple,
    ) -> float:
        """The closure to command.

        Args:
            wanted: Closure in [0, 1] that a chunk asks for.
            chunk_id: The chunk's number.
            before: What the previously executed chunk says of the same time, None without one.
            after: Returns what the chunk says of the next `LASTING_NS`; called only for a
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
