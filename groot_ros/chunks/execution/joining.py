"""Joining a chunk ahead of time: the join is computed while the motion continues."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.curve import Curve
from groot_ros.chunks.execution.fade import SHORTEST_BLEND_S
from groot_ros.chunks.execution.motion import LONGEST_MOTION_S, Joined, Motion, Planner

if TYPE_CHECKING:
    from groot_ros.chunks.execution.executor import ChunkExecutor

Array = NDArray[np.float64]

ATTEMPTS = 3


@dataclass(frozen=True)
class Admitted:
    """A chunk that passed the checks and may be executed."""

    chunk_id: int
    chunk: Chunk
    arrived_ns: int


@dataclass(frozen=True)
class Offer:
    """A state of the motion to which a chunk can be joined, at the motion's own time `at_ns`.

    `velocity` (D,) is that of the command before; `version` tells whether the plan has changed
    since `made_ns`.
    """

    admitted: Admitted
    planner: Planner
    curve: Curve
    from_s: float
    old: Motion
    velocity: Array
    at_ns: int
    blend_s: float
    speed_scale: float
    version: int
    made_ns: int

    @property
    def misfit(self) -> str:
        """Why `join` has found no motion, in words."""
        played_s = (self.curve.duration_s - self.from_s) / self.speed_scale
        lasts_s = played_s + max(self.blend_s, SHORTEST_BLEND_S)
        if lasts_s > LONGEST_MOTION_S:
            faster = ", or raise speed_scale" if self.speed_scale < 1.0 else ""
            return (
                f"at {self.speed_scale:g} of its speed it would take {lasts_s:.4g} s, at most "
                f"{LONGEST_MOTION_S:g} s are planned: make chunks of fewer steps{faster}"
            )
        return "it cannot be joined to the motion within the limits"

    def join(self) -> Joined | None:
        """The joined motion, None where none keeps to the limits; this is the expensive part."""
        joined = self.planner.join(
            self.curve,
            self.from_s,
            old=self.old,
            velocity=self.velocity,
            at_ns=self.at_ns,
            blend_s=self.blend_s,
            speed_scale=self.speed_scale,
        )
        if joined:
            joined.motion.curve.prepare()
        return joined


def accept_ahead(
    executor: ChunkExecutor,
    guard: AbstractContextManager[object],
    clock: Callable[[], int],
    chunk_id: int,
    chunk: Chunk,
) -> str | None:
    """Execute a chunk; the reason where it is refused.

    Where the motion has passed the time of the join before that was computed, it is computed
    again, farther ahead.

    Args:
        executor: The executor of the motion.
        guard: Held while the executor is read or changed, never during the computation of a
            join.
        clock: The present time in ns.
        chunk_id: The chunk's number.
        chunk: The chunk.
    """
    with guard:
        admitted = executor.admit(chunk_id, chunk, clock())
    if isinstance(admitted, str):
        return admitted
    reason: str | None = None
    for _ in range(ATTEMPTS):
        with guard:
            offer = executor.offer(admitted, clock())
            if not isinstance(offer, Offer):
                executor.count_refusal(offer, clock())
                return offer
        joined = offer.join()
        with guard:
            now_ns = clock()
            reason, is_late = executor.commit(offer, joined, now_ns)
            if not is_late:
                executor.count_refusal(reason, now_ns)
                return reason
    return reason
