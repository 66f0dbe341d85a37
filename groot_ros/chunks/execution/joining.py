"""Joining a chunk ahead of time: it is computed while the motion goes on."""

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
    """A chunk that may be executed."""

    chunk_id: int
    chunk: Chunk
    arrived_ns: int


@dataclass(frozen=True)
class Offer:
    """Where a chunk could be joined: to a motion at its time `at_ns`, which lies ahead.

    `velocity` (D,) is that of the command before; `version` tells whether the plans have changed
    since, `made_ns` is when it was made.
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
        """Why there is no motion, where `join` has found none."""
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
        """The motion, None where there is none within the limits; this is what takes its time."""
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
    """Take a chunk; the reason when it is refused.

    `guard` is held while the executor is looked at or changed, never while the join is computed.
    When the motion meanwhile came past the time of the join, it is computed again, further ahead.
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
